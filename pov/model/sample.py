"""What one trial leaves: its seconds, and how its traffic fared, told so that noise and effect stay apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = "pov.dev/sample/v2"


@dataclass(frozen=True)
class Step:
    """A named part of the operation and its seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Counts:
    """Requests by the open-loop schedule, those on new connections (`handshakes`) among them.

    `hard` were refused, cut off or answered wrongly; `late` were answered after their time or never, or were not sent
    in time. Both failed. `excused` are those of the late ones that this machine may answer for (`measure/excuse.py`),
    `excused_handshakes` those of them on new connections: None in a sample that was saved before they were told apart.
    """

    requests: int = 0
    hard: int = 0
    late: int = 0
    excused: int = 0
    handshakes: int = 0
    hard_handshakes: int = 0
    late_handshakes: int = 0
    excused_handshakes: int | None = None

    @property
    def failed(self) -> int:
        """Hard and late ones."""
        return self.hard + self.late

    @property
    def failed_handshakes(self) -> int:
        """Hard and late ones, on new connections."""
        return self.hard_handshakes + self.late_handshakes

    @property
    def most_excused_handshakes(self) -> int:
        """Those that were excused, or where that is not known as many as can have been."""
        at_most = min(self.excused, self.late_handshakes)
        return at_most if self.excused_handshakes is None else self.excused_handshakes


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


@dataclass(frozen=True)
class Resumption:
    """A run that had ended early went on, with `after` samples saved by then.

    `ended` says how it had ended: `INTERRUPTED`, or `CUT_OFF` where it wrote no end. `last` is the last moment that is
    known of it before, `at` when it went on (ISO 8601, UTC). `trial` had begun without being saved, and is measured
    again; empty for none. Of the file's last line `cut_bytes` were not whole, and were cut off.
    """

    after: int
    ended: str
    last: str
    at: str
    trial: str = ""
    cut_bytes: int = 0


INTERRUPTED, CUT_OFF = "interrupted", "cut off"


@dataclass(frozen=True)
class Sample:
    """One trial as it is saved, one JSON object a line.

    `origin` is executed, person or simulated. `seconds` is None if the clock never started; a failed trial (`ok` is
    false) keeps the time it took. `figures` are further measured figures by name. `prev` is the digest of the sample
    before, or of the run's `environment.json` for the first. `resumed` tells where the run went on before this trial.
    """

    experiment: str
    arm: str
    trial: int
    origin: str = "executed"
    started: str = ""
    seconds: float | None = None
    ok: bool = False
    error: str | None = None
    steps: tuple[Step, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    traffic: Traffic | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    n: int = 0
    prev: str = ""
    digest: str = ""
    resumed: tuple[Resumption, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The record, without what the run's chain adds (`schema`, `run`, `n`, `prev`, `digest`, `resumed`)."""
        record = asdict(self)
        for key in ("run", "n", "prev", "digest", "resumed"):
            del record[key]
        return record | {"steps": [asdict(step) for step in self.steps]}
