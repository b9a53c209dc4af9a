"""Whether a run's plan is the frozen one, as `pov` and the attached verifier find it: in the same words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pov.reporting.standalone.verifier import Verifier
from pov.state import frozen as store
from pov.state.frozen_plan import departures_of

TWO = {"name": "deploy", "trials": 3, "arms": ["automated", "manual"], "arm_trials": {}, "aa": None}
KILLED = {"name": "interrupted", "trials": 3, "arms": ["automated"], "at": "half"}
BAD = {"name": "rollback-errors", "trials": 3, "arms": ["automated"], "error_rate": 0.1}
MINE = {"own_arms": [{"name": "mine"}]}
BOTH = {("deploy", "automated"): 3, ("deploy", "manual"): 3}
FEWER = "deploy, automated: 1 trial in place of 3"

CASES: dict[str, tuple[dict[str, Any], dict[tuple[str, str], int], dict[str, Any], list[str]]] = {
    "as frozen": (TWO, BOTH, {}, []),
    "fewer trials": (TWO, {**BOTH, ("deploy", "automated"): 1}, {}, [FEWER]),
    "more trials": (TWO, {**BOTH, ("deploy", "manual"): 9}, {}, ["deploy, manual: 9 trials in place of 3"]),
    "an arm left out": (TWO, {("deploy", "automated"): 3}, {}, ["deploy, manual: no trial in place of 3"]),
    "another experiment": (
        TWO, {**BOTH, ("drift", "automated"): 2}, {}, ["drift, automated: 2 trials, and none in the frozen plan"]
    ),
    "another arm": (
        TWO, {**BOTH, ("deploy", "scripted"): 3}, {}, ["deploy, scripted: 3 trials, and none in the frozen plan"]
    ),
    "an arm with trials of its own": ({**TWO, "arm_trials": {"manual": 2}}, {**BOTH, ("deploy", "manual"): 2}, {}, []),
    "an arm against itself": ({**TWO, "aa": 6}, {**BOTH, ("deploy", "automated-again"): 6}, {}, []),
    "an arm against itself less often": (
        {**TWO, "aa": 6}, {**BOTH, ("deploy", "automated-again"): 2}, {},
        ["deploy, automated-again: 2 trials in place of 6"],
    ),
    "windows beside the trials": (TWO, {**BOTH, ("deploy", "placebo"): 1, ("deploy", "negative-control"): 1}, {}, []),
    "an own arm beside": (TWO, {**BOTH, ("deploy", "mine"): 2}, MINE, []),
    "an own arm in place of one": (
        TWO, {("deploy", "automated"): 3, ("deploy", "mine"): 3}, MINE, ["deploy, manual: no trial in place of 3"]
    ),
    "people alone": (TWO, {("deploy", "person"): 2}, {}, []),
    "an own arm alone": (TWO, {("deploy", "mine"): 2}, MINE, []),
    "nothing of it": (
        TWO, {("drift", "automated"): 1}, {},
        [
            "deploy, automated: no trial in place of 3",
            "deploy, manual: no trial in place of 3",
            "drift, automated: 1 trial, and none in the frozen plan",
        ],
    ),
    "work that is killed elsewhere": (
        KILLED, {("interrupted", "automated"): 3}, {"choices": {"kill_at": 10, "error_rate": 0.2}},
        ["interrupted: killed at 10 % in place of half"],
    ),
    "work that is killed there, by its share": (
        {**KILLED, "at": "80%"}, {("interrupted", "automated"): 3}, {"choices": {"kill_at": 80}}, []
    ),
    "work that is killed there, by its share in more digits": (
        {**KILLED, "at": "05%"}, {("interrupted", "automated"): 3}, {"choices": {"kill_at": 5}}, []
    ),
    "work of which the frozen plan says nothing that can be": (
        {**KILLED, "at": "often"}, {("interrupted", "automated"): 3}, {"choices": {"kill_at": 50}},
        ["interrupted: killed at 50 % in place of often"],
    ),
    "work that is killed where nothing was said": (
        {**KILLED, "at": None}, {("interrupted", "automated"): 3}, {"choices": {"kill_at": 50}}, []
    ),
    "a version that is less bad": (
        BAD, {("rollback-errors", "automated"): 3}, {"choices": {"kill_at": 10, "error_rate": 0.02}},
        ["rollback-errors: a share of 0.02 in place of 0.1"],
    ),
    "what is chosen of an experiment that is not measured": (TWO, BOTH, {"choices": {"kill_at": 10}}, []),
    "no plan that says it": (TWO, {}, {}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_plan_is_compared_with_the_frozen_one(tmp_path: Path, name: str) -> None:
    experiment, plan, more, told = CASES[name]
    agreed = {"criteria": [], "experiments": [experiment]}
    slots = [{"experiment": e, "arm": a, "trial": n} for (e, a), many in plan.items() for n in range(1, many + 1)]
    frozen = store.freeze(agreed, "2026-03-08T10:00:00.000Z")
    (tmp_path / store.FILE).write_bytes(frozen.content)
    record = {"criteria": [], "plan": slots, "frozen": {"digest": frozen.digest}, "simulated": True, **more}
    (tmp_path / "environment.json").write_text(json.dumps(record))
    (tmp_path / "samples.jsonl").touch()
    arms = [{"name": "person", "kind": "person"}, {"name": "automated-again", "kind": "again", "against": "automated"}]
    arms += [{"name": "placebo", "kind": "placebo"}, {"name": "negative-control", "kind": "negative"}]
    (tmp_path / "report.json").write_text(json.dumps({"catalogue": {"arms": arms}}))
    assert departures_of(record, agreed) == told
    verifier = Verifier(tmp_path)
    verifier.run()
    assert verifier.departures == told
