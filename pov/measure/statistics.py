"""Arms compared by their seconds: which comparison is the primary one, what the trials say, what they cannot say.

Each experiment has one primary comparison, named in the criteria or, where none names it, the proposed arm against
today's way. Of those alone a p is told, corrected by Holm for all of the run; every other comparison is descriptive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pov.measure.coverage import shortfall
from pov.measure.inference import LEVEL, OrderTest, Ratio, holm, order_test, ratio
from pov.measure.results import Arm, Experiment, Results
from pov.measure.scoring import Criterion

COMPARE_FROM = 3
"""Fewer successful trials an arm are shown and not compared."""
DESCRIPTIVE = "descriptive: not the experiment's primary comparison"
METHOD = (
    "ratio of the successful trials' seconds by Hodges and Lehmann on logarithms, interval by inverting the exact rank "
    "test; two-sided Mann–Whitney test of order for primary comparisons, Holm's correction over those of the run"
)


@dataclass(frozen=True)
class Comparison:
    """An arm (`other`) against the one that it is compared with (`base`), by their seconds.

    `ratio` is how many times as long `other` took; `smallest` the ratio from which on this machine can tell one, None
    where that was not measured; `adjusted` the p after Holm's correction. `falls_short` is the coverage that intervals
    of this kind attained in simulation where arms spread as unequally as these do, None for 95 % or more.
    """

    experiment: str
    base: Arm
    other: Arm
    ratio: Ratio
    test: OrderTest
    primary: bool = False
    adjusted: float | None = None
    falls_short: float | None = None
    smallest: float | None = None

    @property
    def few(self) -> bool:
        """Whether an arm has too few trials to be compared."""
        return min(self.base.n, self.other.n) < COMPARE_FROM

    @property
    def wholly(self) -> bool:
        """Whether the ranges are apart: every trial of one arm was shorter than every one of the other."""
        return self.base.greatest < self.other.least or self.other.greatest < self.base.least

    @property
    def apart(self) -> bool:
        """Whether the interval of the ratio leaves 1 out."""
        return self.ratio.interval is not None and not self.ratio.interval.holds(1.0)

    @property
    def too_small(self) -> bool:
        """Whether the ratio is one that the proposed arm may show against itself."""
        return self.smallest is not None and 1 / self.smallest <= self.ratio.value <= self.smallest

    @property
    def by_chance(self) -> bool:
        """Whether order as good as this comes by chance too often, among so many primary comparisons."""
        return self.adjusted is not None and self.adjusted > LEVEL

    @property
    def shorter(self) -> bool | None:
        """Whether `base` took less time; None where the trials leave it open.

        They do not where every trial of one arm was shorter, or where the interval and the corrected p say so.
        """
        if self.few or self.too_small or not (self.wholly or (self.apart and not self.by_chance)):
            return None
        return self.ratio.value > 1


@dataclass(frozen=True)
class Same:
    """The proposed arm against itself: `smallest` is the ratio from which on this machine can tell a difference.

    None where the trials are too few for an interval. `apart` that the interval leaves 1 out: then something other than
    the arms made a difference, and differences of that size mean nothing here.
    """

    comparison: Comparison
    smallest: float | None
    apart: bool


def compare(experiment: str, base: Arm | None, other: Arm | None) -> Comparison | None:
    """Compare two arms; None when either has no successful trial, or a trial that took no time at all."""
    if base is None or other is None or not base.n or not other.n or min(base.least, other.least) <= 0:
        return None
    test = order_test(base.times, other.times)
    found = ratio(base.times, other.times)
    short = shortfall(base.times, other.times) if found.interval is not None else None
    return Comparison(experiment, base, other, found, test, falls_short=short)


def comparisons(results: Results, criteria: Iterable[Criterion] = ()) -> dict[str, list[Comparison]]:
    """Of each experiment that ran: the primary comparison first, then each arm with the proposed one or its model.

    None where arms are not judged by their seconds: quick answers may be wrong ones.

    The p of all but primary ones is withheld; theirs are corrected over all primary ones of the run.
    """
    named = {c.experiment: (c.arm, c.primary_against) for c in criteria if c.primary_against}
    found = {e.name: _of_experiment(results, e, named.get(e.name)) for e in results.experiments}
    itself = {e.name: same(results, e) for e in results.experiments}
    smallest = {name: one.smallest if one else None for name, one in itself.items()}
    adjusted = holm({name: one.test.p for name, each in found.items() for one in each if one.primary})
    return {
        name: [replace(_told(one, adjusted.get(name)), smallest=smallest[name]) for one in each]
        for name, each in found.items()
    }


def _told(one: Comparison, adjusted: float | None) -> Comparison:
    """With its corrected p if it is a primary one, without any if it is not."""
    if one.primary:
        return replace(one, adjusted=adjusted)
    return replace(one, test=OrderTest(None, why_none=DESCRIPTIVE))


def _of_experiment(results: Results, experiment: Experiment, named: tuple[str, str] | None) -> list[Comparison]:
    if results.words.experiment(experiment.name).judged_by:
        return []
    arms = results.words.arms.values()
    proposed = next((arm.name for arm in arms if arm.proposed), "")
    today = next((arm.name for arm in arms if arm.reference), "")
    pairs = [(_base(results, arm.name, proposed), arm.name) for arm in experiment.arms]
    primary = named or (proposed, today)
    pairs = [pair for pair in dict.fromkeys([primary, *pairs]) if pair[0] and pair[1] and pair[0] != pair[1]]
    made = [(pair, compare(experiment.name, *(experiment.arm(name) for name in pair))) for pair in pairs]
    return [replace(one, primary=pair == primary) for pair, one in made if one is not None]


def _base(results: Results, arm: str, proposed: str) -> str:
    data = results.words.arm(arm)
    return "" if data.again else data.against or (proposed if data.compared else "")


def same(results: Results, experiment: Experiment) -> Same | None:
    """What the proposed arm against itself tells; None where no such trial succeeded."""
    if experiment.again is None:
        return None
    itself = results.words.arm(experiment.again.name).against
    found = compare(experiment.name, experiment.arm(itself), experiment.again)
    if found is None:
        return None
    interval = found.ratio.interval
    if interval is None:
        return Same(found, None, apart=False)
    return Same(found, max(interval.high, 1 / interval.low), apart=not interval.holds(1.0))


def drift_from() -> int:
    """The fewest trials of which an order that only rises or falls comes by chance in less than 5 % (2 of n!)."""
    return next(n for n in range(2, 20) if 2 / math.factorial(n) < LEVEL)
