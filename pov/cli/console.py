"""Progress on standard error: a live list of steps on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.cli.app import Settings, settings
from pov.cli.streams import speaks_unicode
from pov.model.events import Emit, Event, Listeners

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

TELL_EVERY_S = 30.0
_SUBJECT, _TIMES = 16, 26
_MARKS = {
    "changed": ("✓", "green", "done"),
    "finished": ("✓", "green", "done"),
    "unchanged": ("·", "dim", "no change"),
    "failed": ("✗", "bold red", "failed"),
    "note": ("i", "cyan", ""),
    "warning": ("!", "bold yellow", "warning"),
}


@dataclass(frozen=True)
class Running:
    """A step under way. `told_at` is when something was last written about it; times are monotonic."""

    title: str
    since: float
    expected_s: float | None
    state: str = ""
    told_at: float = 0.0


@contextmanager
def console(busy: threading.Event | None = None) -> Iterator[Emit]:
    """An `Emit` that shows what happens until the block ends; with `--json`, what ended stands in the document too.

    With `busy`, somebody works at the terminal while that is set: then nothing is drawn there, and no waiting is told.
    """
    chosen: Settings = settings()
    terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and speaks_unicode(sys.stderr)
    view = Live() if terminal and not chosen.plain and busy is None else Plain(sys.stderr, busy=busy)
    with view.shown():
        yield Listeners(view.emit, chosen.hear)


class Plain:
    """One line for each thing that happened, with the time of day; a step that lasts is heard of each half minute."""

    def __init__(self, stream: TextIO, clock: Clock = SYSTEM_CLOCK, *, busy: threading.Event | None = None) -> None:
        self._stream = stream
        self._busy = busy or threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._ended = threading.Event()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Tell about waiting steps until the block ends, also while no event comes in."""
        teller = threading.Thread(target=self._tell_now_and_then, name="console", daemon=True)
        teller.start()
        try:
            yield
        finally:
            self._ended.set()
            teller.join()

    def emit(self, event: Event) -> None:
        """Write the event's line; of progress, one each half minute."""
        with self._lock:
            now = self._clock.monotonic()
            if event.kind == "started":
                self._running[event.subject] = Running(event.message, now, event.seconds, told_at=now)
                about = f" (about {_seconds(event.seconds)})" if event.seconds and event.seconds >= 1 else ""
                self._line(event.subject, f"{event.message or 'started'}{about}")
            elif event.kind == "progress":
                known = self._running.get(event.subject, Running("", now, None, told_at=now - TELL_EVERY_S))
                self._running[event.subject] = replace(known, state=event.message)
                self._tell_waiting(now)
            else:
                done = self._running.pop(event.subject, None) if event.kind not in {"note", "warning"} else None
                self._line(event.subject, _outcome(event, done))

    def _tell_now_and_then(self) -> None:
        while not self._ended.wait(1.0):
            with self._lock:
                self._tell_waiting(self._clock.monotonic())

    def _tell_waiting(self, now: float) -> None:
        for subject, step in self._running.items():
            if self._busy.is_set():
                return
            if now - step.told_at >= TELL_EVERY_S:
                self._line(subject, f"{step.state or 'still at it'}, {_seconds(now - step.since)}")
                self._running[subject] = replace(step, told_at=now)

    def _line(self, subject: str, text: str) -> None:
        moment = f"{datetime.now().astimezone():%H:%M:%S}"
        self._stream.write(f"{moment}  {subject:<{_SUBJECT}}  {' '.join(text.split())}\n")
        self._stream.flush()


class Live:
    """Finished steps as lines that stay, running ones below with elapsed and expected time and what is waited for."""

    def __init__(self, target: Console | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        from rich.console import Console

        self._console = target or Console(stderr=True, highlight=False)
        self._clock = clock
        self._lock = threading.RLock()
        self._running: dict[str, Running] = {}
        self._since = clock.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the list of running steps at the bottom of the terminal until the block ends."""
        from rich import live

        with live.Live(console=self._console, get_renderable=self.picture, refresh_per_second=8, transient=True):
            yield

    def emit(self, event: Event) -> None:
        """Take the event into the picture; one that ends something becomes a line that stays."""
        with self._lock:
            now = self._clock.monotonic()
            if event.kind == "started":
                self._running[event.subject] = Running(event.message, now, event.seconds)
                return
            if event.kind == "progress":
                known = self._running.get(event.subject, Running("", now, None))
                self._running[event.subject] = replace(known, state=event.message)
                return
            done = self._running.pop(event.subject, None) if event.kind not in {"note", "warning"} else None
        self._console.print(self._ended(event, done))

    def picture(self) -> RenderableType:
        """What is under way now."""
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            running = list(self._running.items())
        now = self._clock.monotonic()
        # Fixed widths: only the last column, what is waited for, is cut on a narrow terminal.
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(width=1)
        table.add_column(width=_SUBJECT, no_wrap=True)
        table.add_column(width=_TIMES, no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for subject, step in running:
            elapsed = now - step.since
            of = f" of ~{_seconds(step.expected_s)}" if step.expected_s and step.expected_s >= 1 else ""
            late = bool(step.expected_s) and elapsed > 1.5 * (step.expected_s or 0) + 2
            what = Text(step.state or step.title, style="dim")
            time = Text(_seconds(elapsed) + of, style="yellow" if late else "")
            table.add_row(Spinner("dots", style="cyan"), subject, time, what)
        if running:
            table.add_row("", "", Text(_seconds(now - self._since), style="bold"), Text("in all", style="dim"))
        return table

    def _ended(self, event: Event, done: Running | None) -> RenderableType:
        from rich.text import Text

        mark, style, _ = _MARKS[event.kind]
        title = event.message or (done.title if done else "")
        line = Text.assemble((mark, style), "  ", f"{event.subject:<{_SUBJECT}}", "  ", (title, "" if done else style))
        if event.seconds is not None and event.kind not in {"note", "warning"}:
            line.append(f"  {_seconds(event.seconds)}", style="dim")
        return line


def _outcome(event: Event, done: Running | None) -> str:
    word = _MARKS[event.kind][2]
    took = f" in {_seconds(event.seconds)}" if event.seconds is not None and word != "warning" else ""
    title = event.message or (done.title if done else "")
    head = f"{word}{took}" if word else ""
    same = done is not None and title == done.title and event.kind != "failed"
    return head if same else ": ".join(part for part in (head, title) if part)


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 60:
        return f"{int(value) // 60} min {int(value) % 60:02d} s"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
