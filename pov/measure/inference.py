"""What few values can carry: a ratio with an interval, a test of order, Holm's correction, a bound on rare events.

Nothing here knows what the values are. An interval says which coverage it attains, and is withheld with the reason
where it would attain less than 95 %; a p is withheld where none could be small.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

LEVEL = 0.05
EXACT_PAIRS = 10_000
"""Up to so many pairs of values the distribution of ranks is counted out; above, its normal approximation is used."""
DRAWS = 9_999
"""Relabellings that are drawn where equal values leave too many to count all of them."""
_SEED = 20_261_128
_DATE_OF_BUILDS = "SOURCE_DATE_EPOCH"
_TWO_SIDED = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


@dataclass(frozen=True)
class Interval:
    """Both ends, and the coverage that the method attains, as a share."""

    low: float
    high: float
    coverage: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies in it, ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Ratio:
    """How many times as large `other` is as `base`; `interval` is None where `why_none` says why."""

    value: float
    interval: Interval | None
    why_none: str = ""


@dataclass(frozen=True)
class OrderTest:
    """Two-sided p of the Mann–Whitney test, which is about order, not medians; None where `why_none` says why."""

    p: float | None
    method: str = ""
    why_none: str = ""


@dataclass(frozen=True)
class Bound:
    """`events` in `of` tries: at 95 %, the highest share that they leave open (Clopper and Pearson, one-sided).

    `rule_of_three` is 3 / n for no event, which a reader can compute in the head; None where there was one.
    """

    events: int
    of: int
    at_most: float
    rule_of_three: float | None


def smallest_p(one: int, other: int) -> float:
    """The smallest two-sided p that an exact rank test can reach with so many values on either side."""
    return min(1.0, 2 / math.comb(one + other, one)) if one and other else 1.0


def ratio(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """Hodges and Lehmann's estimate on logarithms, with the interval that inverts the exact rank test.

    `base` and `other` are positive and not empty. The estimate is the median of all ratios of a value of `other` to one
    of `base`; the interval runs from the k-th smallest of them to the k-th largest. It covers the true ratio as often
    as it says where the two differ by a factor alone; where one spreads more than the other, `measure/coverage.py`
    says how far it falls short. Equal values make it cover more, not less.
    """
    ratios = np.sort(np.subtract.outer(np.log(other), np.log(base)), axis=None)
    value = float(np.exp(np.median(ratios)))
    k, coverage = _rank(len(base), len(other))
    if not k:
        least = 1 - smallest_p(len(base), len(other))
        return Ratio(value, None, f"{len(base)} and {len(other)} values: the widest interval would cover {least:.0%}")
    low, high = (float(np.exp(ratios[at])) for at in (k - 1, len(ratios) - k))
    return Ratio(value, Interval(low, high, coverage))


@lru_cache(maxsize=256)
def _rank(one: int, other: int) -> tuple[int, float]:
    """The largest k for which the interval covers 95 % or more, and what it covers; 0 where there is none."""
    pairs = one * other
    if pairs > EXACT_PAIRS:
        return _large_rank(one, other)
    low, high = 0, pairs // 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if 2 * _at_most(middle - 1, one, other) <= LEVEL else (low, middle - 1)
    return low, 1 - 2 * _at_most(low - 1, one, other) if low else 0.0


def _at_most(count: int, one: int, other: int) -> float:
    """How often `count` pairs or fewer are out of order where order means nothing: asked of scipy by a sample of it."""
    # Values of the one side that lie above all of the other, above some, above none: as many pairs as asked for.
    above, rest = divmod(count, other)
    x = [other + 1.0 + i for i in range(above)]
    x += [rest + 0.5] if above < one else []
    x += [-1.0 - i for i in range(one - len(x))]
    return float(_stats().mannwhitneyu(x, np.arange(1.0, other + 1), alternative="less", method="exact").pvalue)


def _large_rank(one: int, other: int) -> tuple[int, float]:
    pairs = one * other
    spread = math.sqrt(pairs * (one + other + 1) / 12)
    k = math.floor((pairs + 1) / 2 - _TWO_SIDED * spread)
    return k, math.erf(((pairs + 1) / 2 - k) / spread / math.sqrt(2))


def order_test(one: Sequence[float], other: Sequence[float]) -> OrderTest:
    """Exact; with equal values by relabelling (all ways where they can be counted, else drawn from a fixed seed).

    Above `EXACT_PAIRS` pairs the normal approximation, with its correction for equal values.
    """
    if not len(one) or not len(other):
        return OrderTest(None, why_none="one side has no value")
    least = smallest_p(len(one), len(other))
    if least > LEVEL:
        told = f"{len(one)} and {len(other)} values: the smallest p that an exact rank test could give is {least:.2g}"
        return OrderTest(None, why_none=told)
    tied = len({*one, *other}) < len(one) + len(other)
    method: object = "exact"
    told = "exact"
    if len(one) * len(other) > EXACT_PAIRS:
        method, told = "asymptotic", "normal approximation"
    elif tied:
        ways = math.comb(len(one) + len(other), len(one))
        whole = ways <= DRAWS
        told = f"equal values: {'all' if whole else 'drawn'} relabellings ({ways if whole else DRAWS:,})"
        method = _stats().PermutationMethod(
            n_resamples=max(ways, 1) if whole else DRAWS, rng=np.random.default_rng(_SEED)
        )
    found = _stats().mannwhitneyu(np.asarray(one), np.asarray(other), alternative="two-sided", method=method)
    return OrderTest(float(found.pvalue), told)


def holm(p_values: Mapping[str, float | None]) -> dict[str, float]:
    """Holm's correction (1979): each p by its name, adjusted for all of them. One that could not be told counts as 1.

    Only names with a p come out.
    """
    ranked = sorted(p_values, key=lambda name: 1.0 if (p := p_values[name]) is None else p)
    adjusted: dict[str, float] = {}
    least = 0.0
    for position, name in enumerate(ranked):
        p = p_values[name]
        if p is not None:
            least = max(least, min(1.0, (len(ranked) - position) * p))
            adjusted[name] = least
    return adjusted


def bound(events: int, of: int) -> Bound:
    """The bound on a share from `events` in `of` > 0 independent tries. Raises `ValueError` for more events."""
    found = _stats().binomtest(events, of, alternative="less").proportion_ci(1 - LEVEL, method="exact")
    return Bound(events, of, float(found.high), min(1.0, 3 / of) if events == 0 else None)


@cache
def _stats() -> Any:
    """scipy's tests, imported at first need.

    A part of numpy that comes along reads a date of builds from the environment, and fails where that is none. It dates
    nothing here.
    """
    held = os.environ.pop(_DATE_OF_BUILDS, None)
    try:
        from scipy import stats  # noqa: PLC0415 (half a second that most commands do not need)
    finally:
        if held is not None:
            os.environ[_DATE_OF_BUILDS] = held
    return stats
