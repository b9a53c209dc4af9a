from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from pov.base import process
from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.model.events import Event
from pov.steps.core import Outcome, Report, Step, check_order, run_steps


class Ctx:
    def __init__(self) -> None:
        self.was_cancelled = False

    def cancel(self) -> None:
        self.was_cancelled = True


def step(name: str, needs: tuple[str, ...] = (), do: Any = None, outcome: Outcome = Outcome.CHANGED) -> Step:
    def run(ctx: Any, report: Report) -> Outcome:
        if do is not None:
            do()
        return outcome

    return Step(name=name, title=name.title(), needs=needs, run=run)


def go(steps: list[Step]) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    context: Any = Ctx()
    return run_steps(steps, context, events.append), events


def test_what_is_needed_comes_first() -> None:
    order: list[str] = []
    steps = [
        step("c", ("b",), lambda: order.append("c")),
        step("b", ("a",), lambda: order.append("b")),
        step("a", (), lambda: order.append("a")),
    ]
    results, events = go(steps)
    assert order == ["a", "b", "c"]
    assert [result.name for result in results] == ["a", "b", "c"]
    assert [event.kind for event in events] == ["started", "changed"] * 3


def test_independent_steps_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)
    go([step("a", (), both.wait), step("b", (), both.wait)])


def test_the_first_failure_stops_what_comes_after_and_names_the_step() -> None:
    def fail() -> None:
        raise PovError("broken", fix="mend")

    ran: list[str] = []
    with pytest.raises(PovError, match="broken") as caught:
        go([step("a", (), fail), step("b", ("a",), lambda: ran.append("b"))])
    assert ran == []
    assert caught.value.details == ("in step a: A",)


def test_a_running_step_ends_before_the_failure_is_raised() -> None:
    failed = threading.Event()
    ended: list[str] = []

    def slow() -> None:
        assert failed.wait(10)
        ended.append("slow")

    def fail() -> None:
        failed.set()
        raise PovError("broken")

    with pytest.raises(PovError):
        go([step("slow", (), slow), step("fail", (), fail), step("later", ("slow",), lambda: ended.append("later"))])
    assert ended == ["slow"]


def test_events_say_what_changed_and_what_did_not() -> None:
    _, events = go([step("a"), step("b", ("a",), outcome=Outcome.UNCHANGED)])
    assert [(event.kind, event.subject) for event in events] == [
        ("started", "a"),
        ("changed", "a"),
        ("started", "b"),
        ("unchanged", "b"),
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [([step("a", ("x",))], "unknown"), ([step("a", ("b",)), step("b", ("a",))], "circle")],
)
def test_a_wrong_list_is_refused_before_anything_runs(steps: list[Step], message: str) -> None:
    with pytest.raises(PovError, match=message):
        check_order(steps)


def test_ctrl_c_ends_waits_and_commands_of_running_steps_at_once() -> None:
    ended: list[str] = []

    def waits() -> None:
        try:
            wait_for("what never comes", lambda: Pending("not yet"), timeout_s=60)
        finally:
            ended.append("wait")

    def runs() -> None:
        # The main thread is interrupted as a terminal does it, once both steps are under way.
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            process.run(["sleep", "60"], timeout_s=60)
        finally:
            ended.append("command")

    since = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        go([step("waits", (), waits), step("runs", (), runs), step("later", ("waits",), lambda: ended.append("later"))])
    assert sorted(ended) == ["command", "wait"]
    assert time.monotonic() - since < 20
