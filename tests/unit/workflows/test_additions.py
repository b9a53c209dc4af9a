"""What is added in a line of the catalogue is planned, measured, saved, scored and drawn like what was there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pov.experiments import EXPERIMENTS
from pov.experiments.core import Way
from pov.measure.scoring import Criterion
from pov.model import catalogue
from pov.model.catalogue import Arm, Metric
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from tests.unit.experiments.world import scenario
from tests.unit.workflows.test_measure import Measured


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment, an arm and a metric: a line each, and what is done in it."""
    like = EXPERIMENTS["deploy"]
    ways = {**like.arms, "shell": Way(like.arms["manual"].make, like.arms["manual"].estate)}
    arm = Arm("shell", "Shell", "a few scripts", kind="manual", legacy=True, mark="square", colour="#123456")
    drift = catalogue.Experiment("drift", "Repairing what was changed", "repair")
    for registry, item in (
        (catalogue.ARMS, arm),
        (catalogue.EXPERIMENTS, drift),
        (catalogue.METRICS, Metric("least_seconds", "shortest time", "seconds", aggregation="min")),
        (EXPERIMENTS, replace(like, name="drift", arms=ways)),
    ):
        monkeypatch.setitem(registry._items, item.name, item)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("added")
def test_an_experiment_an_arm_and_a_metric_are_a_line_each(tmp_path: Path) -> None:
    wish = {"name": "drift", "trials": 1, "arms": ["automated", "shell"]}
    wanted = Criterion("quick", "Repaired in time", "drift", "shell", "least_seconds", 600)
    measured = Measured(tmp_path, experiments=[wish], named=("drift",), record={"criteria": [wanted.__dict__]})
    assert {arm for _, arm in measured.plan} == {"automated", "shell", "placebo"}
    result = measured.run(wanted)
    assert [c["outcome"] for c in result.as_json()["criteria"]] == ["pass"]
    report = build(read_run(result.path))
    assert report.facts.problems == ()
    assert report.verdict[0].startswith("PASS: Repaired in time (shortest time")
    told = json.dumps(report.as_json())
    assert all(text in told for text in ("Repairing what was changed", "a few scripts", "#123456"))
    render_pdf(report, {})
    assert scenario(experiments=[wish]).experiments[0].arms == ("automated", "shell")
