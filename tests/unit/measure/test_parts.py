"""A trial's parts are summed up in `pov/measure`, and drawn by the report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov import __file__ as package
from pov.measure.parts import Reviews, reviews, taken, typical_steps
from pov.measure.results import Arm, Experiment
from pov.model.sample import Sample, Step
from tests.unit.measure.test_statistics import trials

STEPS = (Step("push", 6.0), Step("seen", 0.5), Step("push", 0.435))


def arm(*seconds: float | None, **changes: Any) -> Arm:
    return Arm("automated", tuple(trials("deploy", "automated", seconds, **changes)))


def test_steps_of_a_name_are_added_up_exactly() -> None:
    (trial,) = arm(1.0, steps=STEPS).trials
    assert taken(trial, {"push"}) == 6.435
    assert taken(trial, {"push", "seen"}) == 6.935
    assert taken(trial, {"pull"}) == 0.0


def test_a_step_is_told_by_its_median_over_good_trials() -> None:
    one, two, failed = arm(1.0, 2.0, None).trials
    timed = (replace(one, steps=(Step("push", 1.0),)), replace(two, steps=(Step("push", 4.0),)))
    assert typical_steps(Arm("automated", (*timed, replace(failed, steps=(Step("push", 99.0),)))), ["push"]) == 2.5
    assert typical_steps(arm(None), ["push"]) is None


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], None),
        ([{"seconds": {}}, "damaged", {"seconds": "12"}], None),
        ([{"seconds": {"asked": 1.0, "merged": 2.0}}, {"seconds": {"asked": 5.0}}], Reviews(4, 4.0, 3.0, 5.0)),
    ],
)
def test_reviews_are_those_of_all_trials(rows: list[Any], found: Reviews | None) -> None:
    both: tuple[Sample, ...] = arm(1.0, 2.0, details={"reviews": rows}).trials
    assert reviews([Experiment("promote", (Arm("automated", both),))]) == found


def test_no_section_of_the_report_sums_up_by_itself() -> None:
    for path in sorted((Path(package).parent / "reporting" / "sections").glob("*.py")):
        assert not re.search(r"^(import|from) statistics\b", path.read_text(), re.MULTILINE), path
