"""One trial's way: what is timed, what a failure does, what runs after an interrupt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pov.base.errors import PovError
from pov.measure.order import Slot
from pov.measure.trials import CleanUp, Ending, Evidence, Trial, run_trial
from pov.model.sample import Counts, Step, Traffic
from tests.fakes.clock import FakeClock


class Recorded:
    """A trial that says what was called; `fails` names the stage that raises."""

    def __init__(self, clock: FakeClock, fails: str = "", error: BaseException | None = None) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self.ending: Ending | None = None
        self._fails = fails
        self._error = error or PovError("no", cause="why")

    def _stage(self, name: str, seconds: float) -> None:
        self.calls.append(name)
        self.clock.sleep(seconds)
        if name == self._fails:
            raise self._error

    def set_up(self) -> None:
        self._stage("set_up", 100)

    def warm_up(self) -> None:
        self._stage("warm_up", 10)

    def phase(self, name: str) -> None:
        self._stage(name, 1)

    def operate(self) -> None:
        self._stage("operate", 3)

    def verify(self) -> None:
        self._stage("verify", 50)

    def evidence(self) -> Evidence:
        self._stage("evidence", 5)
        seen = Traffic(3.0, Counts(10, 1, 2, 1, 4, 1, 0), None, Counts())
        return Evidence((Step("all", 3.0),), seen, {"estate": "staging"}, {"distribution_seconds": 2.0})

    def clean_up(self, ending: Ending) -> Sequence[str]:
        self.ending = ending
        self._stage("clean_up", 20)
        return ()


STAGES = ["set_up", "warm_up", "operation", "operate", "verification", "verify", "evidence"]
SLOT = Slot("deploy", "automated", 1)


def test_the_operation_alone_is_timed_and_is_a_phase_of_its_own() -> None:
    clock = FakeClock()
    trial = Recorded(clock)
    result = run_trial(SLOT, lambda: trial, clock)
    assert trial.calls == [*STAGES, "clean_up"]
    assert trial.ending is Ending.DONE
    assert (result.ok, result.seconds) == (True, 3.0)
    assert result.evidence.figures == {"distribution_seconds": 2.0}


@pytest.mark.parametrize("fails", STAGES)
def test_a_failure_at_any_stage_is_a_failed_trial_that_is_cleaned_up(fails: str) -> None:
    clock = FakeClock()
    trial = Recorded(clock, fails)
    result = run_trial(SLOT, lambda: trial, clock)
    assert not result.ok
    assert "no (why)" in (result.error or "")
    assert trial.calls[-2:] == ["evidence", "clean_up"]
    assert trial.ending is Ending.FAILED
    assert (result.seconds is None) == (fails in {"set_up", "warm_up", "operation"})


def test_an_interrupt_gets_through_after_the_clean_up() -> None:
    clock = FakeClock()
    trial = Recorded(clock, "operate", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_trial(SLOT, lambda: trial, clock)
    assert trial.calls == ["set_up", "warm_up", "operation", "operate", "clean_up"]
    assert trial.ending is Ending.INTERRUPTED


def test_a_trial_that_cannot_even_be_made_fails_alone() -> None:
    def make() -> Trial:
        raise PovError("no service is called by another")

    result = run_trial(SLOT, make, FakeClock())
    assert result.error == "no service is called by another"
    assert result.seconds is None


def broken() -> None:
    raise PovError("gone", cause="connection refused")


def interrupted() -> None:
    raise KeyboardInterrupt


def test_each_step_back_runs_whatever_became_of_the_others_and_all_problems_are_told() -> None:
    ran: list[str] = []
    after = CleanUp()
    after.add("first", lambda: ran.append("first"))
    after.add("webhook", broken)
    after.add("hosts", lambda: ran.append("hosts"), after={Ending.FAILED})
    after.add("calm", lambda: ran.append("calm"), after={Ending.DONE})
    after.add("load", broken)
    assert after.run(Ending.FAILED) == ("load: gone (connection refused)", "webhook: gone (connection refused)")
    assert ran == ["hosts", "first"]
    assert after.run(Ending.FAILED) == (), "each runs once"


def test_a_step_back_that_is_wanted_once_is_noted_in_its_first_place() -> None:
    ran: list[str] = []
    after = CleanUp()
    after.add("hosts", lambda: ran.append("hosts"), after={Ending.FAILED}, once=True)
    after.add("load", lambda: ran.append("load"))
    after.add("hosts", lambda: ran.append("hosts again"), once=True)
    assert after.run(Ending.FAILED) == ()
    assert ran == ["load", "hosts"]
    after.add("hosts", lambda: ran.append("hosts again"), after={Ending.FAILED}, once=True)
    after.run(Ending.FAILED)
    assert ran[2:] == ["hosts again"], "after a clean-up, all begins anew"


def test_two_steps_back_of_one_name_are_two_steps() -> None:
    """Two working copies of one trial are both closed."""
    ran: list[str] = []
    after = CleanUp()
    after.add("working copy", lambda: ran.append("first"))
    after.add("working copy", lambda: ran.append("second"))
    assert after.run(Ending.DONE) == ()
    assert ran == ["second", "first"]


def test_an_interrupt_in_a_step_back_gets_through_after_those_that_are_left() -> None:
    ran: list[str] = []
    after = CleanUp()
    after.add("first", lambda: ran.append("first"))
    after.add("pressed again", interrupted)
    with pytest.raises(KeyboardInterrupt):
        after.run(Ending.DONE)
    assert ran == ["first"]


def test_problems_of_the_clean_up_spoil_the_trial() -> None:
    class Untidy(Recorded):
        def clean_up(self, ending: Ending) -> Sequence[str]:
            return ("load: gone", "hosts: gone too")

    clock = FakeClock()
    result = run_trial(SLOT, lambda: Untidy(clock), clock)
    assert result.error == "clean-up: load: gone; clean-up: hosts: gone too"
    assert result.seconds == 3.0
