"""What is added in a module and a line of the catalogue is planned, measured, saved, scored and drawn like the others.

An arm in an engagement needs no line at all; of a target, `test_targets.py` shows it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pov import experiments
from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.experiments.seat import People
from pov.measure.scoring import Criterion, criteria
from pov.model import catalogue
from pov.model.events import silent
from pov.model.kinds import Arm, Experiment, Metric, Stated
from pov.model.words import Words
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.reporting.sections import SECTIONS
from pov.reporting.standalone.known import COMPUTED, FOOTPRINT, LATER, TOLD, WORTH
from pov.state.runs import read_run
from pov.workflows.brought import brought
from pov.workflows.init import InitOptions, run
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from tests.unit.experiments.world import scenario
from tests.unit.workflows.test_measure import Measured
from tests.unit.workflows.test_verify import alone, attached, attached_of

CHECKS = "It looks whether the water is there."
TIDES = f"""\
from functools import partial

from pov.config.estates import LEGACY
from pov.experiments.core import Experiment, Way
from pov.experiments.load import let_pass
from pov.experiments.toolbox import STAGING
from pov.experiments.trial import EstateTrial


class Tide(EstateTrial):
    checks = "{CHECKS}"

    def __init__(self, box, slot, *, estate, seconds):
        super().__init__(box, slot, box.estate(estate), box.under_proof)
        self._seconds = seconds

    def operate(self):
        let_pass(self.box, "the tide", self._seconds)
        self.figures["turns"] = 2.0


EXPERIMENT = Experiment(
    "high-tides",
    touches=lambda box, estate: box.under_proof,
    expected_s=9.0,
    arms={{
        "automated": Way(partial(Tide, estate=STAGING, seconds=4.0), STAGING),
        "shell": Way(partial(Tide, estate=LEGACY, seconds=8.0), LEGACY),
    }},
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which experiments are looked for, too; whatever is registered is forgotten afterwards."""
    for registry in (catalogue.EXPERIMENTS, catalogue.ARMS, catalogue.METRICS, experiments.EXPERIMENTS):
        monkeypatch.setattr(registry, "_items", dict(registry._items))  # type: ignore[attr-defined]
    place = tmp_path / "added"
    place.mkdir()
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(place)])
    yield place
    sys.modules.pop("pov.experiments.high_tides", None)
    vars(experiments).pop("high_tides", None)


@pytest.fixture
def added(folder: Path) -> None:
    """An experiment: a file and a line. An arm and a metric: a line each."""
    (folder / "high_tides.py").write_text(TIDES)
    catalogue.EXPERIMENTS.register(Experiment("high-tides", "Waiting for the water", "tide"))
    catalogue.ARMS.register(Arm("shell", "Shell", "a few scripts", "manual", legacy=True, colour="#123456"))
    catalogue.METRICS.register(Metric("turns", "turns of the tide", "turns", aggregation="max"))
    experiments.attach_all(["high-tides"])


@pytest.mark.usefixtures("added")
def test_an_experiment_an_arm_and_a_metric_are_a_line_each(tmp_path: Path) -> None:
    wish = {"name": "high-tides", "trials": 2, "arms": ["automated", "shell"]}
    wanted = Criterion("calm", "Turned in time", "high-tides", "shell", "turns", 2)
    record = {"criteria": [wanted.__dict__], "catalogue": Words().as_json()}
    measured = Measured(tmp_path, experiments=[wish], named=("high-tides",), record=record)
    assert {arm for _, arm in measured.plan} == {"automated", "shell", "placebo"}
    result = measured.run(wanted)
    (found,) = result.as_json()["experiments"]
    assert {arm["name"]: round(arm["median"]) for arm in found["arms"]} == {"automated": 4, "shell": 8}
    assert [(c["outcome"], c["observed"]) for c in result.as_json()["criteria"]] == [("pass", 2.0)]
    report = build(read_run(result.path))
    assert {trial.details["checks"] for trial in report.facts.trials if trial.figures} == {CHECKS}
    assert report.facts.problems == ()
    assert report.verdict[0].startswith("PASS: Turned in time (turns of the tide")
    told = json.dumps(report.as_json())
    assert all(text in told for text in ("Waiting for the water", "a few scripts", "#123456"))
    render_pdf(report, {})
    checked = alone(attached_of(result.path, tmp_path))
    assert checked.returncode == 0, checked.stdout
    assert scenario(experiments=[wish]).experiments[0].arms == ("automated", "shell")


@pytest.mark.usefixtures("folder")
def test_a_further_arm_of_two_persons_is_a_line(tmp_path: Path) -> None:
    two = Arm("by-phone", "Two at the phone", kind="person", compared=False, reviewed=True)
    catalogue.ARMS.register(two)
    sits = MeasureOptions(tmp_path, experiments=("deploy",), arms=(two.name,), people=People(("sam",)))
    with pytest.raises(InvalidInput) as caught:
        planned(sits, scenario())
    assert "by-phone: nobody is named who reviews" in {problem.message for problem in caught.value.problems}


def test_the_proposed_arm_is_called_in_sentences_what_the_runs_catalogue_calls_it(tmp_path: Path) -> None:
    words = Words().with_arms([replace(catalogue.proposed(), label="Pulled")])
    folder = attached(tmp_path, {"environment_changes": {"catalogue": words.as_json()}})
    assert "no trial of the pulled arm against itself (A/A)" in (folder / "report.json").read_text()
    checked = alone(folder)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("text", "fault", "says"),
    [
        ("", AttributeError, "EXPERIMENT"),
        (TIDES.replace('"shell"', '"nobody"'), ValueError, "not in the catalogue: high-tides, nobody"),
        (None, ModuleNotFoundError, "high_tides"),
    ],
)
def test_a_module_that_does_not_fit_its_line_is_told(
    folder: Path, text: str | None, fault: type[Exception], says: str
) -> None:
    if text is not None:
        (folder / "high_tides.py").write_text(text)
    with pytest.raises(fault, match=says):
        experiments.attach_all(["high-tides"])


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
    asked = Stated("renewal-minutes", "Renewal of one certificate", "min", "20", "rotate")
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
    """A new one has its line in `LATER` of `reporting/standalone/known.py`, or is computed there."""
    known = TOLD | WORTH | COMPUTED | {FOOTPRINT} | set(LATER)
    assert {section.id for section in SECTIONS} <= known
    assert all(len(why) > 30 for why in LATER.values())
