"""What one trial leaves: how its traffic fared, told so that noise and effect stay apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """A named part of the operation and its seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Counts:
    """Requests by the open-loop schedule, those on new connections (`handshakes`) among them.

    `hard` were refused, cut off or answered wrongly; `late` were answered after their time or never, or were not sent
    in time. Both failed. `excused` are those of the late ones that this machine may answer for (`measure/excuse.py`).
    """

    requests: int = 0
    hard: int = 0
    late: int = 0
    excused: int = 0
    handshakes: int = 0
    hard_handshakes: int = 0
    late_handshakes: int = 0


@dataclass(frozen=True)
class Cause:
    """Why requests on one edge ("a → b") failed: hard or late, the prober's words, how many, on new connections."""

    edge: str
    kind: str
    text: str
    count: int
    fresh: bool


@dataclass(frozen=True)
class Stalls:
    """Times in which something stood still, in milliseconds; the total counts a moment once."""

    longest_ms: float
    total_ms: float
    count: int


@dataclass(frozen=True)
class Traffic:
    """What the prober saw of one trial.

    `operation` are the edges that the change touches, while the clock ran for `seconds`; `control` those that it leaves
    alone, in the same window (None where there are none); `around` all of them before and after. `causes` are of the
    operation's failures. `node` are shares of the window in which tasks waited for the machine, None where its kernel
    does not say.
    """

    seconds: float
    operation: Counts
    control: Counts | None
    around: Counts
    causes: tuple[Cause, ...] = ()
    heartbeat: Stalls | None = None
    control_stalls: Stalls | None = None
    node: Mapping[str, float | None] = field(default_factory=dict)
    rate_per_s: float = 0.0
    timeout_ms: int = 0
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
