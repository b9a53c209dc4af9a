"""How often intervals cover what they should, quoted and simulated anew."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate

from pov.reporting.standalone.inference import spread, ways

DRAWS, WITHIN = 10_000, 2.0  # so many draws here, and points by which chance may set both apart
SIZES = (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30)  # of the smaller arm in the cases that are simulated
SPREADS = (1.0, 2.0, 4.0, 8.0)  # how many times as much the one arm spreads in them
SHORT = 9450  # hundredths of a percent: below this the report has to say that an interval covers less than 95 %
QUOTED = {  # coverage in such hundredths by size, the worse of two shapes: which arm spreads more, and how much more
    ("equal", 1.0): (0, 9696, 9663, 9563, 9607, 9496, 9586, 9545, 9536, 9556, 9489, 9488, 9499),
    ("equal", 2.0): (0, 9609, 9610, 9515, 9523, 9389, 9527, 9479, 9453, 9429, 9407, 9411, 9410),
    ("equal", 4.0): (0, 9409, 9478, 9522, 9334, 9259, 9431, 9317, 9315, 9278, 9247, 9224, 9236),
    ("equal", 8.0): (0, 9187, 9406, 9532, 9122, 9175, 9366, 9150, 9116, 9125, 9077, 9080, 9097),
    ("fewer", 1.0): (9514, 9510, 9627, 9564, 9537, 9552, 9562, 9496, 9512, 9499, 9495, 9501, 9501),
    ("fewer", 2.0): (8993, 9087, 9284, 9204, 9164, 9194, 9168, 9122, 9146, 9134, 9121, 9119, 9090),
    ("fewer", 4.0): (8348, 8852, 9121, 8815, 8844, 8983, 8786, 8831, 8782, 8774, 8794, 8730, 8712),
    ("fewer", 8.0): (7928, 8701, 9161, 8426, 8715, 8886, 8529, 8666, 8587, 8593, 8635, 8608, 8546),
    ("more", 1.0): (9535, 9480, 9580, 9538, 9526, 9538, 9508, 9497, 9520, 9524, 9510, 9494, 9494),
    ("more", 2.0): (9689, 9654, 9736, 9744, 9699, 9699, 9702, 9689, 9687, 9670, 9687, 9658, 9639),
    ("more", 4.0): (9742, 9635, 9748, 9714, 9689, 9718, 9689, 9670, 9687, 9669, 9647, 9641, 9681),
    ("more", 8.0): (9686, 9562, 9722, 9709, 9629, 9702, 9631, 9649, 9610, 9603, 9616, 9618, 9587),
}


def nearest(one: list[float], other: list[float]) -> tuple[str, float, int]:
    """The simulated case nearest in size and spread: which arm spreads more, how much, the smaller one's size."""
    fewer, more = sorted((one, other), key=len)
    small, large = spread(fewer), spread(more)
    unequal = max(small, large) / min(small, large) if min(small, large) > 0 else math.inf
    factor = min(SPREADS, key=lambda tried: abs(math.log(min(unequal, 1e6) / tried)))
    n = min(SIZES, key=lambda tried: (abs(tried - len(fewer)), tried))
    if len(more) < 1.5 * len(fewer):
        return "equal", factor, n
    return ("fewer" if small >= large else "more"), factor, n


def quoted(case: tuple[str, float, int]) -> int:
    """What the report quotes of a case, in hundredths of a percent."""
    which, factor, n = case
    return QUOTED[which, factor][SIZES.index(n)]


def covered(case: tuple[str, float, int]) -> float:
    """How often such intervals cover, simulated here: the worse of two shapes."""
    which, factor, n = case
    if which == "equal":
        return simulated(n, n, factor, 1.0)
    return simulated(n, 2 * n, factor, 1.0) if which == "fewer" else simulated(n, 2 * n, 1.0, factor)


@lru_cache(maxsize=64)
def simulated(n: int, m: int, first: float, second: float) -> float:
    """The share of intervals that hold the truth, of logarithms that are normal or exponential and spread so much."""
    k = rank(n, m)
    low, high = sorted((first, second))
    # Of a difference of exponentials of such scales, the median in closed form; of normal values it is nothing.
    median = 0.0 if first == second else high * math.log(2 * high / (low + high)) * (1 if second > first else -1)
    found = []
    for even, truth in ((True, 0.0), (False, median)):
        draw, held = random.Random(1), 0  # noqa: S311 - as above

        def value(scale: float, even: bool = even, draw: random.Random = draw) -> float:
            return draw.gauss(0.0, scale) if even else scale * draw.expovariate(1.0)

        for _ in range(DRAWS):
            base = sorted(value(first) for _ in range(n))
            # The interval holds the truth if k pairs or more lie on either side of it.
            on = sum(n - bisect_left(base, value(second) - truth) for _ in range(m))
            held += k <= on <= n * m - k
        found.append(held / DRAWS)
    return min(found)


def rank(one: int, other: int) -> int:
    """Which of the sorted ratios the exact interval begins with; 0 where none covers 95 %."""
    counted, total = ways(one, other), math.comb(one + other, one)
    sums = list(accumulate(counted))
    return sum(1 for at in range(one * other // 2) if 2 * sums[at] <= 0.05 * total)
