"""Parts of a trial, summed up: its steps by name, and the reviews in it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pov.measure.results import Arm, Experiment
from pov.model.reading import items, mapping, number
from pov.model.sample import Sample


def taken(trial: Sample, names: Collection[str]) -> float:
    """Seconds of the steps of some names.

    Exactly rounded, here as in `reporting/standalone/placed.py`: sums that end in .5 are not rare, and would else be
    printed by the order in which they were added up.
    """
    return math.fsum(step.seconds for step in trial.steps if step.name in names)


def typical_steps(arm: Arm, names: Collection[str]) -> float | None:
    """The median of that over successful trials; None where there is none."""
    return statistics.median(taken(trial, names) for trial in arm.good) if arm.good else None


@dataclass(frozen=True)
class Reviews:
    """How many reviews there were, and their seconds from asking to the merge."""

    n: int
    median: float
    least: float
    greatest: float


def reviews(experiments: Iterable[Experiment]) -> Reviews | None:
    """Those by machine, of all trials of some experiments; None where none was timed."""
    took = [
        sum(number(value) or 0.0 for value in mapping(mapping(row).get("seconds")).values())
        for experiment in experiments
        for arm in experiment.arms
        for trial in arm.trials
        for row in items(trial.details.get("reviews"))
        if mapping(mapping(row).get("seconds"))
    ]
    return Reviews(len(took), statistics.median(took), min(took), max(took)) if took else None
