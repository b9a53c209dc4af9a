from __future__ import annotations

import inspect
import sys
from dataclasses import replace

import pytest

from pov.config.experiments import Criterion
from pov.config.experiments import Experiment as Settings
from pov.config.schema import json_schema
from pov.experiments import EXPERIMENTS, attach
from pov.experiments.trial import EstateTrial
from pov.measure.results import gathered
from pov.measure.scoring import Criterion as Wanted
from pov.measure.scoring import scored
from pov.model import catalogue
from pov.model.kinds import Arm, Experiment, Metric
from pov.model.registry import Registry
from pov.model.sample import Sample
from pov.model.words import Words

MORE = Arm("shell", "Shell", "a few scripts", kind="manual", mark="square", colour="#123456")


def test_a_name_can_be_registered_once() -> None:
    registry: Registry[Arm] = Registry("arm", [MORE])
    with pytest.raises(ValueError, match="arm shell is registered twice"):
        registry.register(replace(MORE, label="Another"))
    assert registry["shell"].label == "Shell"


def test_behaviour_is_attached_to_what_the_catalogue_knows_and_once() -> None:
    assert set(EXPERIMENTS) == set(catalogue.EXPERIMENTS)
    with pytest.raises(ValueError, match="registered twice"):
        attach(EXPERIMENTS["deploy"])
    with pytest.raises(ValueError, match="not in the catalogue: tides"):
        attach(replace(EXPERIMENTS["deploy"], name="tides"))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each in the catalogue."""
    monkeypatch.setitem(catalogue.ARMS._items, "shell", MORE)
    monkeypatch.setitem(catalogue.METRICS._items, "found", Metric("found", "faults found", "found", "", "more"))
    tides = Experiment("tides", "Repairing what was changed by hand", "tides")
    monkeypatch.setitem(catalogue.EXPERIMENTS._items, "tides", tides)


@pytest.mark.usefixtures("added")
def test_one_line_is_configured_scored_and_spoken_of() -> None:
    assert Settings.model_validate({"name": "tides", "arms": ["shell", "automated"]}).arms == ("shell", "automated")
    document = {"id": "c", "title": "C", "experiment": "tides", "arm": "shell", "metric": "found", "atLeast": 2}
    assert Criterion.model_validate(document).metric == "found"
    schema = str(json_schema("scenario"))
    assert all(f"'{name}'" in schema for name in ("shell", "found", "tides", "automated", "median_seconds", "rotate"))
    sample = Sample("tides", "shell", 1, seconds=3.0, ok=True, figures={"found": 2.0})
    results = gathered([sample], {("tides", "shell"): 1}, Words())
    for bound, outcome in ((2, "pass"), (3, "fail")):
        (score,) = scored(results, [Wanted("c", "C", "tides", "shell", "found", bound)])
        assert score.outcome == outcome, "more is better"


def test_a_run_keeps_the_words_it_was_measured_with() -> None:
    recorded = replace(Words(), arms={**catalogue.ARMS, "shell": MORE}).as_json()
    assert Words.of(recorded).arm("shell") == MORE
    assert Words.of(None).arm("shell").label == "Shell"
    assert Words.of({"arms": [{"name": "shell", "label": 3}, {"name": "x"}, 7]}).arm("shell").mark == "triangle"


@pytest.mark.parametrize(
    ("place", "value", "fix"),
    [("experiment", "rotat", "rotate"), ("arm", "manul", "manual"), ("metric", "median_second", "median_seconds")],
)
def test_a_misspelt_name_is_told_with_the_nearest(place: str, value: str, fix: str) -> None:
    document = {"id": "c", "title": "C", "experiment": "rotate", "metric": "median_seconds", "atMost": 2, place: value}
    with pytest.raises(ValueError, match=f"no {place} `{value}`") as caught:
        Criterion.model_validate(document)
    (error,) = caught.value.errors()  # type: ignore[attr-defined]
    assert fix in error["ctx"]["error"].faults[0][2]


@pytest.mark.parametrize(
    ("experiment", "arm", "told"),
    [
        ("deploy", "automated", "a commit; the platform does the rest"), ("secret", "automated", "written to Vault"),
        ("unseal", "automated", "nobody does anything"), ("drift", "automated", "nobody does anything"),
        ("infra-change", "manual", "kubectl on this machine"), ("infra-change", "scripted", "kubectl on this machine"),
        ("audit", "manual", "files and shell history are read"), ("rotate", "manual", "over SSH, no human time"),
    ],
)  # fmt: skip
def test_an_arm_is_called_what_it_does_in_an_experiment(experiment: str, arm: str, told: str) -> None:
    assert told in Words().experiment(experiment).note(Words().arm(arm))


def test_every_way_that_an_experiment_words_is_one_of_its_arms() -> None:
    for name, experiment in catalogue.EXPERIMENTS.items():
        assert {way.partition(": ")[0] for way in experiment.ways} <= set(EXPERIMENTS[name].arms), name
        assert Words.of(Words().as_json()).experiment(name) == experiment, "a run keeps them"


def test_a_run_that_recorded_no_such_words_has_the_arms_own() -> None:
    recorded = {"experiments": [{"name": "unseal", "title": "T", "noun": "n"}]}
    assert Words.of(recorded).experiment("unseal").note(Words().arm("automated")) == Words().arm("automated").note


REVIEWED = {"promote", "provision", "new-stage", "infra-change"}
"""Those in whose clock a pull request is opened, approved and merged."""


def test_every_experiment_says_whether_review_and_approval_are_in_its_clock() -> None:
    for name, experiment in catalogue.EXPERIMENTS.items():
        inside = experiment.review.startswith("In it is a pull request ")
        assert inside is (name in REVIEWED), name
        assert inside or experiment.review.startswith("No review and no approval is in it"), name
        assert not inside or "a second account approves at once" in experiment.review
        assert not inside or "nobody's time to read and decide" in experiment.review


@pytest.mark.parametrize("name", sorted(catalogue.EXPERIMENTS))
def test_who_asks_for_a_review_in_the_clock_says_so(name: str) -> None:
    """As the trial's own code has it: `operate` is what the clock runs over."""
    operations = [
        inspect.getsource(value.operate)
        for value in vars(sys.modules[f"pov.experiments.{name.replace('-', '_')}"]).values()
        if isinstance(value, type) and issubclass(value, EstateTrial) and "operate" in vars(value)
    ]
    # `new-stage` goes by the bring-up's own step for the repository, which brings prod there by review.
    asks = any(".git.review(" in text for text in operations) or name == "new-stage"
    assert asks is (name in REVIEWED)


def test_a_run_that_did_not_say_is_not_told_otherwise() -> None:
    recorded = Words().as_json()
    for entry in recorded["experiments"]:
        del entry["review"]
    assert Words.of(recorded).experiment("promote").review == ""
