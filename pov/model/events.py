"""What workflows tell while they work: a sentence for people, and data for whoever counts. Anybody may listen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["started", "progress", "changed", "unchanged", "finished", "failed", "note", "warning"]


@dataclass(frozen=True)
class StepData:
    """A step of the bring-up: its usual seconds, those it took, how it ended; the last two None while it runs."""

    step: str
    expected_s: float
    seconds: float | None = None
    outcome: str | None = None


@dataclass(frozen=True)
class TrialData:
    """A trial, the `position`-th of `of`. What is known at its end alone is None before; counts are the operation's."""

    experiment: str
    arm: str
    trial: int
    position: int
    of: int
    seconds: float | None = None
    ok: bool | None = None
    requests: int | None = None
    hard: int | None = None
    late: int | None = None


@dataclass(frozen=True)
class WaitData:
    """A wait: for what, what was seen last, and after how many seconds of how many at most."""

    what: str
    state: str
    elapsed_s: float
    limit_s: float


Data = StepData | TrialData | WaitData


@dataclass(frozen=True)
class Event:
    """One thing that happened to `subject` (a step, a component, a trial). `seconds` is elapsed or expected time."""

    kind: Kind
    subject: str
    message: str = ""
    seconds: float | None = None
    data: Data | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines: what is not known is left out."""
        about: Mapping[str, Any] = asdict(self.data) if self.data is not None else {}
        told = {"kind": self.kind, "subject": self.subject, "message": self.message, "seconds": self.seconds, **about}
        return {key: value for key, value in told.items() if value is not None}


Emit = Callable[[Event], None]


class Listeners:
    """Several listeners as one `Emit`. One that raises hears no more; the others hear of it, and work goes on."""

    def __init__(self, *listeners: Emit) -> None:
        self._listeners = list(listeners)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Tell all of them, in the order in which they were named."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - whoever listens must not end what it listens to
                self._leave_out(listener, error)

    def _leave_out(self, listener: Emit, error: Exception) -> None:
        with self._lock:
            if listener not in self._listeners:
                return
            self._listeners.remove(listener)
        self(Event("warning", "events", f"not heard any more: {error}"))


def silent(event: Event) -> None:
    """An `Emit` for callers who do not listen."""
