"""A/A: the proposed arm tried against itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from pov.base.errors import InvalidInput
from pov.config.scenario import load_scenario
from pov.measure.schema import summary_schema
from pov.state.runs import read_run
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from tests.unit.experiments.world import scenario
from tests.unit.workflows.test_measure import Measured, criterion


def test_the_proposed_arm_is_tried_against_itself(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "automated", "manual", named=("deploy",), aa=3)
    assert measured.plan["deploy", "automated-again"] == 3
    at = [n for n, slot in enumerate(measured.slots) if slot.arm == "automated-again"]
    assert len(at) < at[-1] - at[0] + 1, "among the others, not as a block"
    result = measured.run(criterion(metric="failed_requests", bound=0))
    deploy = result.as_json()["experiments"][0]
    again = next(arm for arm in deploy["arms"] if arm["name"] == "automated-again")
    assert (again["n"], again["planned"]) == (3, 3)
    steps = {arm["name"]: [step["name"] for step in arm["trials"][0]["steps"]] for arm in deploy["arms"]}
    assert steps["automated-again"] == steps["automated"] != steps["manual"]
    assert deploy["against_itself"]["n"] == [3, 2]
    (score,) = result.as_json()["criteria"]
    assert score["reason"] == "all of 5 trials"
    saved = read_run(result.path).summary
    assert saved is not None
    jsonschema.validate(json.loads(json.dumps(dict(saved))), summary_schema())


@pytest.mark.parametrize(
    ("settings", "option", "planned_"),
    [({"aa": 6}, None, 6), ({"aa": 6}, 2, 2), ({"aa": 6}, 0, None), ({}, None, None), ({}, 4, 4)],
)
def test_how_often_an_arm_is_tried_against_itself(
    tmp_path: Path, settings: dict[str, int], option: int | None, planned_: int | None
) -> None:
    asked = scenario(experiments=[{"name": "deploy", "arms": ["automated"], **settings}])
    plan, _ = planned(MeasureOptions(tmp_path, aa=option), asked)
    assert plan.get(("deploy", "automated-again")) == planned_


@pytest.mark.parametrize(("trials", "planned_"), [(1, 1), (6, 6), (9, 6)])
def test_fewer_trials_are_fewer_against_itself_too(tmp_path: Path, trials: int, planned_: int) -> None:
    asked = scenario(experiments=[{"name": "deploy", "arms": ["automated"], "aa": 6}])
    plan, _ = planned(MeasureOptions(tmp_path, trials=trials), asked)
    assert plan["deploy", "automated-again"] == planned_


def test_a_run_of_the_reference_scenario_tells_what_its_machine_can_tell(tmp_path: Path) -> None:
    plan, _ = planned(MeasureOptions(tmp_path), load_scenario("reference"))
    assert plan["deploy", "automated-again"] >= plan["deploy", "automated"] >= 4, "enough for an interval"


def test_an_arm_that_is_not_measured_cannot_be_tried_against_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the automated arm is not measured") as caught:
        planned(MeasureOptions(tmp_path, arms=("manual",), aa=3), scenario())
    assert "--aa" in caught.value.fix
    with pytest.raises(ValueError, match="cannot be tried against itself"):
        scenario(experiments=[{"name": "deploy", "arms": ["manual"], "aa": 3}])
