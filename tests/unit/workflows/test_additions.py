"""What is added in a line of the catalogue is planned, measured, saved, scored and drawn like what was there.

An arm in an engagement needs no line at all; of a target, `test_targets.py` shows it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pov.config.engagement import load_engagement
from pov.experiments import EXPERIMENTS
from pov.experiments.core import Way
from pov.measure.scoring import Criterion, criteria
from pov.model import catalogue
from pov.model.catalogue import Arm, Metric
from pov.model.events import silent
from pov.reporting import standalone
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.reporting.sections import SECTIONS
from pov.state.runs import read_run
from pov.workflows.brought import brought
from pov.workflows.init import InitOptions, run
from pov.workflows.measure import MeasureOptions, planned
from tests.unit.experiments.world import scenario
from tests.unit.workflows.test_measure import Measured


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment, an arm and a metric: a line each, and what is done in it."""
    like = EXPERIMENTS["deploy"]
    ways = {**like.arms, "shell": Way(like.arms["manual"].make, like.arms["manual"].estate)}
    arm = Arm("shell", "Shell", "a few scripts", kind="manual", legacy=True, mark="square", colour="#123456")
    tides = catalogue.Experiment("tides", "Repairing what was changed", "repair")
    for registry, item in (
        (catalogue.ARMS, arm),
        (catalogue.EXPERIMENTS, tides),
        (catalogue.METRICS, Metric("least_seconds", "shortest time", "seconds", aggregation="min")),
        (EXPERIMENTS, replace(like, name="tides", arms=ways)),
    ):
        monkeypatch.setitem(registry._items, item.name, item)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("added")
def test_an_experiment_an_arm_and_a_metric_are_a_line_each(tmp_path: Path) -> None:
    wish = {"name": "tides", "trials": 1, "arms": ["automated", "shell"]}
    wanted = Criterion("quick", "Repaired in time", "tides", "shell", "least_seconds", 600)
    measured = Measured(tmp_path, experiments=[wish], named=("tides",), record={"criteria": [wanted.__dict__]})
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


ENGAGEMENT = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
proof: {services: [payment-gateway]}
arms:
  - {name: mine, label: Platform team's script, note: in use since March, command: [./mine.sh], experiments: [deploy]}
criteria:
  - {id: quick, title: Deployed in time, experiment: deploy, arm: mine, metric: median_seconds, atMost: 20}
"""


def test_an_arm_of_an_engagement_needs_no_line(tmp_path: Path) -> None:
    (tmp_path / "engagement.yaml").write_text(ENGAGEMENT)
    (tmp_path / "mine.sh").write_text("#!/bin/sh\n")
    (tmp_path / "mine.sh").chmod(0o755)
    engagement = load_engagement(tmp_path)
    own, _ = brought(engagement, tmp_path, ())
    wanted = [criterion.model_dump(mode="json") for criterion in engagement.criteria]
    record = {"criteria": wanted, "catalogue": own.words.as_json(), **own.as_json()}
    measured = Measured(tmp_path, named=("deploy", "rotate"), record=record, own=own)
    assert ("deploy", "mine") in measured.plan
    assert ("rotate", "mine") not in measured.plan
    assert "mine" in {slot.arm for slot in measured.slots}
    summary = measured.run(*criteria(wanted, [])).as_json()
    deploy = next(found for found in summary["experiments"] if found["name"] == "deploy")
    assert [(arm["name"], arm["n"]) for arm in deploy["arms"]][-1] == ("mine", 2)
    assert ["mine", "automated"] in [comparison["arms"] for comparison in deploy["comparisons"]]
    assert [(c["id"], c["outcome"]) for c in summary["criteria"]] == [("quick", "pass")]
    report = build(read_run(measured.writer.path))
    assert report.facts.problems == ()
    assert report.verdict[0].startswith("DOES NOT TELL APART: Deployed in time")
    told = json.dumps(report.as_json(), ensure_ascii=False)
    for text in ("Platform team's script", "in use since March", "#1f7a5c", "That a script ended well is not believed"):
        assert text in told, text
    assert own.arms[0].script.file.digest[:12] in told
    render_pdf(report, {})


def test_an_arm_of_ones_own_is_planned_also_where_no_service_calls_another(tmp_path: Path) -> None:
    (tmp_path / "engagement.yaml").write_text(ENGAGEMENT)
    (tmp_path / "mine.sh").write_text("#!/bin/sh\n")
    (tmp_path / "mine.sh").chmod(0o755)
    own, _ = brought(load_engagement(tmp_path), tmp_path, ())
    alone = scenario(services={"count": 1}, povServices=1, legacy={"hosts": 1})
    plan, left_out = planned(MeasureOptions(tmp_path), alone, own)
    assert ("deploy", "mine") in plan
    assert ("deploy", "placebo") not in plan
    assert "no service calls another" in left_out[0]


def test_a_figure_that_customers_are_asked_for_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = catalogue.Stated("renewal-minutes", "Renewal of one certificate", "min", "20", "rotate")
    monkeypatch.setitem(catalogue.STATED._items, asked.name, asked)
    engagement = load_engagement(run(InitOptions(tmp_path / "acme", example=True), silent).folder)
    found = engagement.baseline[-1]
    assert (found.id, found.value, found.unit, found.experiment, found.example) == (
        asked.name,
        20,
        "min",
        "rotate",
        True,
    )


def test_what_is_asked_stands_beside_experiments_that_there_are() -> None:
    assert {asked.experiment for asked in catalogue.STATED.values()} <= {"", *catalogue.EXPERIMENTS}


def test_every_section_is_computed_by_the_verifier_or_said_not_to_be_with_the_reason() -> None:
    """A new one has its line in `LATER` of `reporting/standalone.py`, or is computed there."""
    known = standalone.TOLD | standalone.WORTH | standalone.COMPUTED | {standalone.FOOTPRINT} | set(standalone.LATER)
    assert {section.id for section in SECTIONS} <= known
    assert all(len(why) > 30 for why in standalone.LATER.values())
