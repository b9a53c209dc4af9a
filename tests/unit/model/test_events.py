"""Events carry data beside their sentence; several may listen, and one that fails harms neither work nor neighbours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.base.wait import Waiting
from pov.cli.app import Settings
from pov.model.events import Event, Listeners, StepData, TrialData, WaitData
from pov.state.journal import JournalWriter
from pov.steps.core import Outcome, Report, Step, run_steps
from tests.journals import read_journal

TRIAL = TrialData("deploy", "automated", 2, 3, 12)
DONE = TrialData("deploy", "automated", 2, 3, 12, seconds=20.5, ok=True, requests=2545, hard=0, late=1)


def run(*listeners: Any, fails: bool = False) -> None:
    def work(ctx: Any, report: Report) -> Outcome:
        report.waits(Waiting("Vault's API answers", "the pod to start", 1.25, 120.0))
        if fails:
            raise PovError("broken")
        return Outcome.UNCHANGED

    nobody: Any = None
    run_steps([Step("vault", "Vault", work, expected_s=10)], nobody, Listeners(*listeners))


def test_a_step_tells_its_time_its_outcome_and_what_it_waits_for() -> None:
    events: list[Event] = []
    run(events.append)
    begun, waited, ended = events
    assert begun.data == StepData("vault", 10)
    assert waited.data == WaitData("Vault's API answers", "the pod to start", 1.25, 120.0)
    assert waited.message == "the pod to start"
    assert isinstance(ended.data, StepData)
    assert (ended.kind, ended.data.outcome) == ("unchanged", "unchanged")
    assert ended.data.seconds is not None
    assert ended.data.seconds >= 0


def test_a_step_that_fails_tells_so() -> None:
    events: list[Event] = []
    with pytest.raises(PovError):
        run(events.append, fails=True)
    assert isinstance(events[-1].data, StepData)
    assert events[-1].data.outcome == "failed"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_listener_that_fails_is_left_out_and_the_others_hear_of_it(place: int) -> None:
    first: list[Event] = []
    second: list[Event] = []
    asked: list[Event] = []

    def broken(event: Event) -> None:
        asked.append(event)
        raise PovError("cannot write the journal")

    listeners: list[Any] = [first.append, second.append]
    listeners.insert(place, broken)
    run(*listeners)
    assert len(asked) == 1
    for heard in (first, second):
        assert [event.kind for event in heard if event.kind != "warning"] == ["started", "progress", "unchanged"]
        assert [event.message for event in heard if event.kind == "warning"] == [
            "not heard any more: cannot write the journal"
        ]


def test_two_that_fail_leave_the_rest() -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise OSError("closed")

    def broken_too(event: Event) -> None:
        raise ValueError("closed as well")

    run(broken, heard.append, broken_too)
    assert len([event for event in heard if event.kind == "warning"]) == 2
    assert heard[-1].kind == "unchanged"


def test_an_interrupt_gets_through() -> None:
    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Listeners(interrupted)(Event("note", "x"))


def test_the_journal_keeps_steps_and_trials_by_their_data(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = JournalWriter(path).hear
    run(journal)
    with pytest.raises(PovError):
        run(journal, fails=True)
    for event in (Event("started", "trial 3 of 12", data=TRIAL), Event("finished", "trial 3 of 12", "x", 20.5, DONE)):
        journal(event)
    journal(Event("note", "up", "a sentence"))
    lines = read_journal(path)
    assert [line["kind"] for line in lines] == [
        *("step-started", "step-done", "step-started", "step-failed", "trial-started", "trial-done")
    ]
    assert (lines[1]["step"], lines[1]["outcome"]) == ("vault", "unchanged")
    assert lines[3]["error"] == "broken"
    assert lines[5]["requests"] == 2545
    assert lines[5]["late"] == 1
    assert "requests" not in lines[4]


def test_the_json_document_tells_what_ended_and_the_warnings() -> None:
    chosen = Settings(json=True)
    run(chosen.hear)
    chosen.hear(Event("warning", "measure", "a load may still be running"))
    chosen.hear(Event("note", "measure", "saved"))
    chosen.hear(Event("finished", "trial 3 of 12", "deploy, automated, 2", 20.5, DONE))
    told = json.loads(json.dumps(chosen.events))
    assert [event["kind"] for event in told] == ["unchanged", "warning", "finished"]
    assert (told[0]["step"], told[0]["expected_s"]) == ("vault", 10)
    assert (told[2]["arm"], told[2]["hard"], told[2]["ok"]) == ("automated", 0, True)


def test_without_json_nothing_is_kept() -> None:
    chosen = Settings()
    run(chosen.hear)
    assert chosen.events == []
