"""The table of experiments and arms in `docs/experiments.md`: `python -m pov.experiments.table` prints it anew."""

from __future__ import annotations

import sys

from pov.experiments import EXPERIMENTS
from pov.model.catalogue import ARMS
from pov.model.catalogue import EXPERIMENTS as CATALOGUE
from pov.model.kinds import Arm, Experiment

MEASURED, STATED, NONE = "measured", "stated", "–"


def markdown() -> str:
    """A row for each experiment, a column for each arm that some experiment has: measured, stated, or not there."""
    arms = [arm for arm in ARMS.values() if any(_has(one, arm) != NONE for one in CATALOGUE.values())]
    head = ["Experiment", *(f"`{arm.name}`" for arm in arms), "Clock starts when", "and stops when"]
    rows = [
        [f"`{one.name}`: {_lower(one.title)}", *(_has(one, arm) for arm in arms), one.starts, one.stops]
        for one in CATALOGUE.values()
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


def _has(experiment: Experiment, arm: Arm) -> str:
    if arm.name in EXPERIMENTS[experiment.name].arms:
        return MEASURED
    return STATED if arm.name in experiment.stated else NONE


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


if __name__ == "__main__":
    sys.stdout.write(markdown())
