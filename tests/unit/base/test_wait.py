from __future__ import annotations

import signal
import threading
from concurrent.futures import Future

import pytest

from pov.base.errors import PovError, TimedOut, Transient
from pov.base.wait import Pending, Waiting, first_done, wait_for, waits_halted
from tests.fakes.clock import FakeClock


def test_returns_the_first_value_that_is_not_pending() -> None:
    clock = FakeClock()
    answers = iter([Pending("one"), Pending("two"), "there"])
    seen: list[Waiting] = []
    value = wait_for("it", lambda: next(answers), timeout_s=10, interval_s=1, clock=clock, on_pending=seen.append)
    assert value == "there"
    assert [str(waiting) for waiting in seen] == ["one", "two"]
    assert clock.now == 2


def test_the_limit_raises_with_what_was_waited_for_and_seen_last() -> None:
    clock = FakeClock()
    with pytest.raises(TimedOut, match="the pod: not after 5 s") as caught:
        wait_for("the pod", lambda: Pending("0 of 1 ready"), timeout_s=5, interval_s=1, clock=clock)
    assert "0 of 1 ready" in caught.value.cause
    assert clock.now <= 5


def test_transient_errors_count_as_not_yet_and_others_do_not() -> None:
    clock = FakeClock()
    outcomes = iter([Transient("refused"), 7])

    def check() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert wait_for("it", check, timeout_s=5, clock=clock) == 7

    def broken() -> int:
        raise KeyError("no")

    with pytest.raises(KeyError):
        wait_for("it", broken, timeout_s=5, clock=clock)


def test_a_state_is_told_once_until_it_changes() -> None:
    clock = FakeClock()
    answers = iter([Pending("a"), Pending("a"), Pending("b"), 1])
    seen: list[Waiting] = []
    wait_for("it", lambda: next(answers), timeout_s=9, interval_s=1, clock=clock, on_pending=seen.append)
    assert seen == [Waiting("it", "a", 0.0, 9), Waiting("it", "b", 2.0, 9)]


def test_halted_waits_end_at_their_next_look_and_later_ones_go_on() -> None:
    clock = FakeClock()
    with waits_halted(), pytest.raises(PovError, match="it: interrupted"):
        wait_for("it", lambda: Pending("not yet"), timeout_s=10, clock=clock)
    assert clock.now == 0
    assert wait_for("it", lambda: "there", timeout_s=10, clock=clock) == "there"


def test_a_ctrl_c_that_does_not_wake_the_thread_is_heard_all_the_same() -> None:
    never: Future[None] = Future()
    late = threading.Timer(20, never.set_result, (None,))
    # Taken by another thread, as when it arrives just before this one goes to sleep: nothing wakes this one.
    elsewhere = threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))
    late.start()
    elsewhere.start()
    with pytest.raises(KeyboardInterrupt):
        first_done([never])
    late.cancel()
    assert not never.done()


def test_what_is_done_is_given_at_once() -> None:
    done, other = Future[int](), Future[int]()
    done.set_result(1)
    assert first_done([done, other]) == {done}
