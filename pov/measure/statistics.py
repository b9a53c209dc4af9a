"""What few trials can carry: every point, the median, the range, and an exact p where one can be small.

Three trials an arm can never reach a two-sided p below 0.1 under an exact rank test, four can reach 0.029. Where even
the most extreme order could not come below 0.05, no p is computed: it would be printed as if it said something.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pov.measure.results import Arm

LEVEL = 0.05
COMPARE_FROM = 3
"""Fewer successful trials an arm are shown and not compared."""
_EXACT_PAIRS = 10_000


def smallest_p(one: int, other: int) -> float:
    """The smallest two-sided p that an exact rank test can reach with so many values in either arm."""
    return min(1.0, 2 / math.comb(one + other, one)) if one and other else 1.0


def rank_test(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Two-sided p of the Mann–Whitney test: exact up to 100 values an arm, None where it could not be below 0.05.

    With equal values among both the exact distribution does not hold, so there is none. It is about order, not medians.
    """
    if smallest_p(len(one), len(other)) > LEVEL or len({*one, *other}) < len(one) + len(other):
        return None
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 (half a second that most commands do not need)

    method = "exact" if len(one) * len(other) <= _EXACT_PAIRS else "asymptotic"
    return float(mannwhitneyu(one, other, alternative="two-sided", method=method).pvalue)


def why_no_p(one: int, other: int) -> str:
    """Why a comparison of so many trials carries no p-value, in words for the reader; empty if it can."""
    if min(one, other) == 0:
        return "an arm has no successful trial"
    least = smallest_p(one, other)
    if least > LEVEL:
        return f"{one} and {other} trials: the smallest p that an exact rank test could give is {least:.2g}"
    return ""


@dataclass(frozen=True)
class Comparison:
    """An arm (`other`) against the one that it is compared with (`base`), by their seconds.

    `shorter` says whether `base` took less time in every successful trial, None where the ranges overlap; `few` that an
    arm has too few successful trials for that.
    """

    experiment: str
    base: Arm
    other: Arm
    ratio: float
    shorter: bool | None
    few: bool
    p_value: float | None
    why_no_p: str


def compare(experiment: str, base: Arm | None, other: Arm | None) -> Comparison | None:
    """Compare two arms; None when either has no successful trial, or takes no time at all."""
    if base is None or other is None or not base.n or not other.n or base.median <= 0:
        return None
    few = min(base.n, other.n) < COMPARE_FROM
    shorter: bool | None = None
    if not few and base.greatest < other.least:
        shorter = True
    elif not few and other.greatest < base.least:
        shorter = False
    p_value = rank_test(base.times, other.times)
    why = why_no_p(base.n, other.n) or ("" if p_value is not None else "some trials took equally long")
    return Comparison(experiment, base, other, other.median / base.median, shorter, few, p_value, why)


def drift_from() -> int:
    """The fewest trials of which an order that only rises or falls comes by chance in less than 5 % (2 of n!)."""
    return next(n for n in range(2, 20) if 2 / math.factorial(n) < LEVEL)


def zero_bound(n: int) -> float:
    """At 95 %, the highest share of failing operations that no failure in `n` independent ones leaves open."""
    return float(1 - LEVEL ** (1 / n))
