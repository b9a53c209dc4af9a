"""What `pov up` was asked for is remembered and honoured, or refused with a reason, in every combination."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError, PreflightFailed, Problem
from pov.model.events import silent
from pov.steps.targets import TARGETS
from pov.workflows import preflight, up
from pov.workflows.environment import RECORD, Wish, home_of, recall, remember
from pov.workflows.up import UpOptions, resolve
from tests.fakes.cluster import FakeCluster

ENGAGEMENT = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
scenario: {scenario}
customer: {{name: Acme}}
proof: {{services: [payment-gateway]}}
"""
BUNDLE: Any = SimpleNamespace(key="k", source="built")


@pytest.fixture(autouse=True)
def _target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "other", FakeCluster)


def engagement(folder: Path, scenario: str = "quickstart") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "engagement.yaml").write_text(ENGAGEMENT.format(scenario=scenario))
    return folder


def ask(folder: Path, before: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Wish:
    """What comes of these options where an environment `x` of quickstart was asked for before, or none was."""
    if before is not None:
        known = Wish("x", "quickstart", None, None)
        remember(home_of(folder, "x"), replace(known, **before), BUNDLE)
    return resolve(UpOptions(folder, **options))


NEW: dict[str, tuple[dict[str, Any], Wish]] = {
    "nothing at all": ({}, Wish("gitops-35", "gitops-35", None, None, "kind")),
    "a name": ({"name": "x"}, Wish("x", "gitops-35", None, None, "kind")),
    "N": ({"services": 7}, Wish("gitops-35", "gitops-35", 7, None, "kind")),
    "a name and N": ({"name": "x", "services": 7}, Wish("x", "gitops-35", 7, None, "kind")),
    "a name and a scenario": ({"name": "x", "scenario": "quickstart"}, Wish("x", "quickstart", None, None, "kind")),
    "a target": ({"target": "other"}, Wish("gitops-35", "gitops-35", None, None, "other")),
    "all": (
        {"name": "x", "scenario": "quickstart", "services": 7, "target": "other"},
        Wish("x", "quickstart", 7, None, "other"),
    ),
}


@pytest.mark.parametrize("case", NEW)
def test_a_new_environment_is_what_was_asked_for(tmp_path: Path, case: str) -> None:
    options, wanted = NEW[case]
    assert ask(tmp_path, None, options) == wanted


AGAIN: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # Asked before, asked now, and what differs from before then.
    "a name": ({}, {}, {}),
    "a name, N from before": ({"services": 7}, {}, {}),
    "a name, a target from before": ({"target": "other"}, {}, {}),
    "another N": ({}, {"services": 9}, {"services": 9}),
    "another N than before": ({"services": 7}, {"services": 9}, {"services": 9}),
    "the same scenario, N from before": ({"services": 7}, {"scenario": "quickstart"}, {}),
    "the same scenario, another N": ({"services": 7}, {"scenario": "quickstart", "services": 9}, {"services": 9}),
    "the same target": ({"target": "other"}, {"target": "other"}, {}),
    "another N, a target from before": ({"target": "other"}, {"services": 9}, {"services": 9}),
}


@pytest.mark.parametrize("case", AGAIN)
def test_an_environment_stays_what_it_was_asked_to_be_but_for_what_is_asked_anew(tmp_path: Path, case: str) -> None:
    before, options, changes = AGAIN[case]
    wish = ask(tmp_path, before, {"name": "x", **options})
    assert wish == replace(Wish("x", "quickstart", None, None, "kind"), **{**before, **changes})


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "another scenario": ({}, {"scenario": "gitops-35"}, ["runs the scenario quickstart, not gitops-35"]),
    "another scenario and N": ({}, {"scenario": "gitops-35", "services": 3}, ["runs the scenario quickstart"]),
    "another target": ({}, {"target": "other"}, ["runs on kind, not other"]),
    "kind for one elsewhere": ({"target": "other"}, {"target": "kind"}, ["runs on other, not kind"]),
    "both": (
        {"target": "other"},
        {"target": "kind", "scenario": "gitops-35"},
        ["runs the scenario quickstart", "runs on other"],
    ),
    "a target that there is not": ({}, {"target": "mars"}, ["unknown target mars"]),
    "a target out of a variable that nobody set": ({}, {"target": ""}, ["unknown target"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_scenario_or_target_is_refused_with_a_reason_and_nothing_is_forgotten(
    tmp_path: Path, case: str
) -> None:
    before, options, told = REFUSED[case]
    with pytest.raises(InvalidInput) as refusal:
        ask(tmp_path, before, {"name": "x", **options})
    problems = refusal.value.problems
    assert len(problems) == len(told)
    for problem, text in zip(problems, told, strict=True):
        assert text in problem.message
        assert problem.fix
    assert recall(home_of(tmp_path, "x"), "x") == replace(Wish("x", "quickstart", None, None), **before)


def test_without_a_name_the_scenario_s_own_environment_is_meant(tmp_path: Path) -> None:
    remember(home_of(tmp_path, "quickstart"), Wish("quickstart", "quickstart", 7, None, "other"), BUNDLE)
    assert resolve(UpOptions(tmp_path, scenario="quickstart")).services == 7
    assert resolve(UpOptions(tmp_path, scenario="quickstart")).target == "other"
    # A file of the user's own that would have the same name is another scenario.
    own = tmp_path / "quickstart.yaml"
    own.write_text("")
    with pytest.raises(InvalidInput):
        resolve(UpOptions(tmp_path, scenario=str(own), name="quickstart"))


def test_in_an_engagement_its_scenario_is_meant_unless_one_was_asked_for(tmp_path: Path) -> None:
    folder = engagement(tmp_path / "acme")
    assert ask(folder, None, {"engagement": folder}) == Wish("quickstart", "quickstart", None, folder, "kind")
    assert ask(folder, None, {"engagement": folder, "scenario": "gitops-35"}).scenario == "gitops-35"
    assert ask(folder, None, {"engagement": folder, "name": "y", "services": 8}).services == 8


def test_a_named_environment_of_another_scenario_stays_in_an_engagement(tmp_path: Path) -> None:
    folder = engagement(tmp_path / "acme")
    before = {"scenario": "gitops-35", "services": 9, "engagement": folder}
    assert ask(folder, before, {"engagement": folder, "name": "x"}) == Wish("x", "gitops-35", 9, folder, "kind")
    with pytest.raises(InvalidInput):
        ask(folder, before, {"engagement": folder, "name": "x", "scenario": "quickstart"})


def test_an_engagement_that_was_moved_is_found_where_it_is(tmp_path: Path) -> None:
    folder = engagement(tmp_path / "acme")
    wish = ask(folder, {"engagement": Path("/gone")}, {"engagement": folder, "name": "x"})
    assert wish.engagement == folder


def test_what_a_failed_first_up_was_asked_for_is_remembered(tmp_path: Path) -> None:
    home = home_of(tmp_path, "x")
    remember(home, Wish("x", "quickstart", 7, None, "other"), BUNDLE)
    assert not home.kubeconfig.exists()
    assert resolve(UpOptions(tmp_path, name="x")) == Wish("x", "quickstart", 7, None, "other")


def test_steps_are_read_in_while_the_machine_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = threading.Event()

    def look(*_: Any) -> None:
        assert planned.wait(timeout=10)
        raise PreflightFailed([Problem("here", "seen")])

    monkeypatch.setattr(up, "_planned", lambda *_: planned.set())
    monkeypatch.setattr(preflight, "check", look)
    with pytest.raises(PreflightFailed):
        up.run(UpOptions(tmp_path, scenario="quickstart"), silent)


@pytest.mark.parametrize(
    ("key", "value"),
    [("scenario", 5), ("services", "many"), ("services", True), ("target", ["kind"]), ("engagement", 7)],
)
def test_a_record_that_holds_something_else_is_told_with_its_file(tmp_path: Path, key: str, value: object) -> None:
    home = home_of(tmp_path, "x")
    remember(home, Wish("x", "quickstart", None, None), BUNDLE)
    file = home.root / RECORD
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(PovError, match=r"environment\.json cannot be read"):
        recall(home, "x")
