"""What is kept of a person's work at a terminal: hands-on time, marks, notes, pauses, mistakes and recoveries.

Times are seconds since the clock started, handed in. Of keystrokes nothing is kept but how many there were, and the
time that they add up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pov.model.sample import Step

IDLE_LIMIT_S = 10.0
"""Hands-on time from one keystroke to the next is at most this: a longer gap counts so much, and no more."""
INTERRUPTED = 130
"""The exit code of a command that was ended by Ctrl-C: the person's decision, no failure."""
LOST = 255
"""What ssh ends with when the connection is gone."""
AFTER = "after the last mark"


@dataclass
class Pause:
    """A pause. It is shown, and never subtracted from the elapsed time; `seconds` is None while it lasts."""

    at: float
    seconds: float | None = None


@dataclass
class Session:
    """One person's work at one change. `names` are the steps to be marked, in their order."""

    names: Sequence[str] = ()
    marks: list[tuple[float, str]] = field(default_factory=list)
    undone: int = 0
    notes: list[tuple[float, str]] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    keystrokes: int = 0
    commands: int = 0
    failed_commands: int = 0
    failed_checks: int = 0
    interrupted_commands: int = 0
    lost_connections: int = 0
    left_early: int = 0
    looks: int = 0
    """How often the person looked at the runbook again."""
    recoveries: list[float] = field(default_factory=list)
    _hands_on: float = 0.0
    # Pressing the key that says "ready" is the first keystroke.
    _last_key: float | None = 0.0
    _failing_since: float | None = None
    _begun: set[str] = field(default_factory=set)

    @property
    def paused(self) -> bool:
        """Whether a pause lasts."""
        return bool(self.pauses) and self.pauses[-1].seconds is None

    def key(self, at: float) -> None:
        """A keystroke: what a terminal hands over at once, a paste among them. The one that ends a pause is none."""
        if self.paused:
            return
        self.keystrokes += 1
        self._count_up_to(at)
        self._last_key = at

    def hands_on(self, end: float) -> float:
        """Hands-on time until `end`: gaps between keystrokes, each up to `IDLE_LIMIT_S`, the one to the end too."""
        return self._hands_on + (0.0 if self._last_key is None else _gap(self._last_key, end))

    def mark(self, at: float) -> str:
        """The next step is done; returns its name."""
        number = len(self.marks)
        name = self.names[number] if number < len(self.names) else f"step {number + 1}"
        self.marks.append((at, name))
        return name

    def undo(self) -> str:
        """Take the last mark back; returns its name, empty where there is none."""
        if not self.marks:
            return ""
        self.undone += 1
        return self.marks.pop()[1]

    def note(self, at: float, text: str) -> None:
        """Keep a sentence that the person typed for the record."""
        if text.strip():
            self.notes.append((at, text.strip()))

    def pause(self, at: float) -> None:
        """Hands off, until `resume`."""
        if not self.paused:
            self._count_up_to(at)
            self._last_key = None
            self.pauses.append(Pause(at))

    def resume(self, at: float) -> None:
        """Hands on again."""
        if self.paused:
            self.pauses[-1].seconds = at - self.pauses[-1].at
            self._last_key = at

    def command_began(self, shell: str) -> None:
        """A command began in a shell."""
        self._begun.add(shell)

    def command_ended(self, at: float, shell: str, code: int, *, check: bool, local: bool) -> None:
        """The command that began in this shell ended. `check`: it asked a service whether it is ready.

        An end without a beginning is a prompt after an empty line, and counts nothing.
        """
        if shell not in self._begun:
            return
        self._begun.discard(shell)
        self.commands += 1
        if code == INTERRUPTED:
            self.interrupted_commands += 1
        elif code == 0:
            if self._failing_since is not None:
                self.recoveries.append(at - self._failing_since)
                self._failing_since = None
        else:
            self.failed_commands += 1
            self.failed_checks += check
            self.lost_connections += local and code == LOST
            self._failing_since = at if self._failing_since is None else self._failing_since

    def end(self, at: float) -> None:
        """The clock has stopped: a pause that lasts ends with it."""
        self.resume(at)

    def steps(self, end: float) -> tuple[Step, ...]:
        """From mark to mark, and what came after the last; none where nothing was marked."""
        if not self.marks:
            return ()
        times = [0.0, *(at for at, _ in self.marks)]
        found = [Step(name, at - before) for (at, name), before in zip(self.marks, times, strict=False)]
        return (*found, Step(AFTER, max(0.0, end - times[-1])))

    def figures(self, end: float) -> dict[str, float]:
        """The catalogue's figures of it, by name."""
        return {
            "hands_on_seconds": round(self.hands_on(end), 3),
            "paused_seconds": round(sum(_until(pause, end) for pause in self.pauses), 3),
            "commands": self.commands,
            "failed_commands": self.failed_commands,
            "failed_checks": self.failed_checks,
            "recoveries": len(self.recoveries),
            "recovery_seconds": round(sum(self.recoveries), 3),
        }

    def as_details(self, end: float) -> dict[str, Any]:
        """The rest, for the sample."""
        return {
            "keystrokes": self.keystrokes,
            "idle_limit_s": IDLE_LIMIT_S,
            "pauses": [{"at": round(p.at, 3), "seconds": round(_until(p, end), 3)} for p in self.pauses],
            "notes": [{"at": round(at, 3), "text": text} for at, text in self.notes],
            "marks_undone": self.undone,
            "interrupted_commands": self.interrupted_commands,
            "lost_connections": self.lost_connections,
            "left_before_it_was_seen": self.left_early,
            "looks_at_the_runbook": self.looks,
        }

    def _count_up_to(self, at: float) -> None:
        if self._last_key is not None:
            self._hands_on += _gap(self._last_key, at)


def _gap(before: float, after: float) -> float:
    return min(max(0.0, after - before), IDLE_LIMIT_S)


def _until(pause: Pause, end: float) -> float:
    return max(0.0, end - pause.at) if pause.seconds is None else pause.seconds
