from __future__ import annotations

import io
import re
from datetime import UTC, datetime

from rich.console import Console

from pov.cli.console import Live, Plain
from pov.model.events import Event


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def lines(stream: io.StringIO) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in stream.getvalue().splitlines()]


def test_plain_tells_each_step_with_expected_and_real_time() -> None:
    stream, clock = io.StringIO(), HandClock()
    view = Plain(stream, clock)
    view.emit(Event("started", "vault", "Vault API server", 25))
    view.emit(Event("changed", "vault", "Vault API server", 24.2))
    view.emit(Event("started", "git", "Git", 0.2))
    view.emit(Event("unchanged", "git", "Git", 0.31))
    view.emit(Event("warning", "git", "is slow"))
    view.emit(Event("note", "git", "said\nsomething"))
    assert [line.split(maxsplit=1) for line in lines(stream)] == [
        ["vault", "Vault API server (about 25 s)"],
        ["vault", "done in 24 s"],
        ["git", "Git"],
        ["git", "no change in 0.3 s"],
        ["git", "warning: is slow"],
        ["git", "said something"],
    ]


def test_plain_tells_of_each_running_part_once_in_half_a_minute() -> None:
    """However often there are news: a log is read afterwards, and the first build takes minutes."""
    stream, clock = io.StringIO(), HandClock()
    view = Plain(stream, clock)
    view.emit(Event("started", "engines", "Engines"))
    view.emit(Event("started", "gitea", "Gitea"))
    for number in range(120):
        clock.sleep(0.5)
        view.emit(Event("progress", "engines", f"{number} of 120"))
        view.emit(Event("progress", "gitea", f"{number} of 120"))
    assert [line.split(maxsplit=1) for line in lines(stream)[2:]] == [
        ["engines", "59 of 120, 30 s"],
        ["gitea", "58 of 120, 30 s"],
        ["engines", "119 of 120, 1 min 00 s"],
        ["gitea", "118 of 120, 1 min 00 s"],
    ]


def test_plain_is_heard_of_during_a_long_silence_and_tells_the_last_state() -> None:
    stream, clock = io.StringIO(), HandClock()
    view = Plain(stream, clock)
    view.emit(Event("started", "build", "Build"))
    clock.sleep(1)
    view.emit(Event("progress", "build", "compiling"))
    for _ in range(70):
        clock.sleep(1)
        view._tell_waiting(clock.monotonic())
    assert [line.split(maxsplit=1)[1] for line in lines(stream)[1:]] == ["compiling, 30 s", "compiling, 1 min 00 s"]


def test_a_failure_is_told_with_its_reason() -> None:
    stream = io.StringIO()
    view = Plain(stream, HandClock())
    view.emit(Event("started", "vault", "Vault"))
    view.emit(Event("failed", "vault", "not after 60 s", 60.4))
    assert lines(stream)[-1].split(maxsplit=1)[1] == "failed in 1 min 00 s: not after 60 s"


def test_live_shows_running_steps_with_times_and_keeps_ended_ones() -> None:
    clock = HandClock()
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    view = Live(console, clock)
    with view.shown():
        view.emit(Event("started", "vault", "Vault API server", 25))
        view.emit(Event("started", "git", "Git"))
        clock.sleep(3)
        view.emit(Event("progress", "vault", "waiting for the unseal"))
        with console.capture() as capture:
            console.print(view.picture())
        shown = capture.get()
        assert "vault" in shown
        assert "3.0 s of ~25 s" in shown
        assert "waiting for the unseal" in shown
        view.emit(Event("changed", "vault", "Vault API server", 24.8))
        view.emit(Event("failed", "git", "refused", 2.0))
        with console.capture() as capture:
            console.print(view.picture())
        assert "vault" not in capture.get()
    assert isinstance(console.file, io.StringIO)
    kept = console.file.getvalue()
    assert "✓" in kept
    assert "25 s" in kept
    assert "refused" in kept


def test_a_long_state_is_cut_and_the_times_are_not() -> None:
    clock = HandClock()
    console = Console(file=io.StringIO(), width=80, color_system=None)
    view = Live(console, clock)
    view.emit(Event("started", "vault", "Vault", 130))
    clock.sleep(61)
    view.emit(Event("progress", "vault", "pod " + "x" * 200))
    console.print(view.picture())
    assert isinstance(console.file, io.StringIO)
    first, second = console.file.getvalue().splitlines()
    assert "1 min 01 s of ~2 min 10 s" in first
    assert "vault" in first
    assert first.rstrip().endswith("…")
    assert "in all" in second


def test_markup_in_a_message_is_shown_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    view = Live(console, HandClock())
    view.emit(Event("note", "git", "[bold]x[/bold] [1/2]"))
    assert isinstance(console.file, io.StringIO)
    assert "[bold]x[/bold] [1/2]" in console.file.getvalue()
