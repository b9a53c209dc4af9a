"""What workflows tell while they work. The console renders events; a library user may listen or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["started", "progress", "changed", "unchanged", "finished", "failed", "note", "warning"]


@dataclass(frozen=True)
class Event:
    """One thing that happened to `subject` (a step, a component, a trial). `seconds` is elapsed or expected time."""

    kind: Kind
    subject: str
    message: str = ""
    seconds: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """An `Emit` for callers who do not listen."""
