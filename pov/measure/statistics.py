"""Figures that three trials can carry, and no more: every point, the median, the range.

No interval and no p-value: with three trials an arm even the most extreme order has probability 2/20 two-sided under
the exact permutation test, so nothing could reach 0.05. A summary says so instead of leaving the field out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 6
"""Trials an arm from which on an exact two-sided test can reach p < 0.05 with room to spare (2/924)."""


@dataclass(frozen=True)
class Spread:
    """Median and range of `n` values, in their unit."""

    n: int
    median: float
    minimum: float
    maximum: float


def spread(values: Sequence[float]) -> Spread | None:
    """Median and range; None for no value. Raises `ValueError` for values that are no finite numbers."""
    if not all(math.isfinite(value) for value in values):
        raise ValueError("only finite values have a median")
    if not values:
        return None
    return Spread(len(values), statistics.median(values), min(values), max(values))


def ratio_of_medians(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Median of `one` over median of `other`; None where either is missing or the divisor is 0."""
    above, below = spread(one), spread(other)
    if above is None or below is None or below.median == 0:
        return None
    return above.median / below.median


def smallest_p(one: int, other: int) -> float:
    """The smallest two-sided p that an exact rank test can reach with so many values in either arm."""
    return min(1.0, 2 / math.comb(one + other, one)) if one and other else 1.0


def why_no_interval(one: int, other: int) -> str:
    """Why a comparison of so many trials carries no interval and no p-value, in words for the reader."""
    if min(one, other) == 0:
        return "an arm has no successful trial"
    if min(one, other) < ENOUGH:
        return (
            f"{one} and {other} trials: an exact rank test could not give a two-sided p below "
            f"{smallest_p(one, other):.2g}; at least {ENOUGH} trials an arm are wanted, all raw values are shown"
        )
    return "not computed; all raw values are shown instead"
