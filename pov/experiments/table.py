"""The tables of `docs/experiments.md`, of arms and of figures: `python -m pov.experiments.table` prints them anew."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pov.experiments import EXPERIMENTS
from pov.model.catalogue import ARMS, METRICS, OF_PEOPLE
from pov.model.catalogue import EXPERIMENTS as CATALOGUE
from pov.model.kinds import MORE, Arm, Experiment, Metric

MEASURED, STATED, NONE = "measured", "stated", "–"
_OVER_TRIALS = {"median": "median", "max": "the largest", "min": "the smallest", "sum": "sum"}


def markdown() -> str:
    """A row for each experiment, a column for each arm that some experiment has: measured, stated, or not there."""
    arms = [arm for arm in ARMS.values() if any(_has(one, arm) != NONE for one in CATALOGUE.values())]
    head = ["Experiment", *(f"`{arm.name}`" for arm in arms), "Clock starts when", "and stops when"]
    rows = [
        [f"`{one.name}`: {_lower(one.title)}", *(_has(one, arm) for arm in arms), one.starts, one.stops]
        for one in CATALOGUE.values()
    ]
    return _table(head, rows)


def figures() -> str:
    """A row for each figure on which a criterion may stand: its bound, what it is, and which experiments have it."""
    head = ["`metric`", "Bound", "What", "Unit", "Over the trials", "Experiments"]
    rows = [
        [
            f"`{metric.name}`",
            "`atLeast`" if metric.direction == MORE else "`atMost`",
            metric.label,
            metric.unit,
            _OVER_TRIALS[metric.aggregation] + (", of failed ones too" if metric.counts else ""),
            _where(metric),
        ]
        for metric in METRICS.values()
        if metric.name not in OF_PEOPLE
    ]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


def _where(metric: Metric) -> str:
    """The experiments that count it, by name, or that all may."""
    if not metric.only:
        return "all"
    return ", ".join(f"`{one.name}`" for one in CATALOGUE.values() if metric.name in one.metrics)


def _has(experiment: Experiment, arm: Arm) -> str:
    if arm.name in EXPERIMENTS[experiment.name].arms:
        return MEASURED
    return STATED if arm.name in experiment.stated else NONE


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


if __name__ == "__main__":
    sys.stdout.write(f"{markdown()}\n{figures()}")
