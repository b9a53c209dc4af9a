"""One trial: set up, warm up, the operation alone timed, verify, clean up whatever happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pov.base.clock import Clock, timestamp
from pov.base.errors import PovError
from pov.measure.order import Slot


@dataclass(frozen=True)
class Timed:
    """A named part of the operation and its seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Traffic:
    """What the prober saw during the operation, by its open-loop schedule.

    `requests` counts every scheduled request, on kept and on new connections; late and unsent ones are failed.
    `handshakes` is the part of them that opened a new connection. `seconds` is the length of the window.
    """

    requests: int
    failed_requests: int
    handshakes: int
    failed_handshakes: int
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What a trial leaves beside its seconds: the parts of the operation, traffic (None without load), facts."""

    steps: tuple[Timed, ...] = ()
    traffic: Traffic | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Trial(Protocol):
    """What an experiment hands in. Only `operate` is timed: it starts the change and returns once it is seen."""

    def set_up(self) -> None:
        """Bring everything to the start line: artefact ready, change edited, estate quiet."""
        ...

    def warm_up(self) -> None:
        """Do once, untimed, what would otherwise make the first trial slower than the others."""
        ...

    def operate(self) -> None:
        """The operation, from its first action until it has been observed to be done."""
        ...

    def verify(self) -> None:
        """Check by another way than the one that stopped the clock. Raises if the operation did not do its work."""
        ...

    def evidence(self) -> Evidence:
        """What was seen; also asked for after a failed operation."""
        ...

    def clean_up(self) -> None:
        """Leave the estate fit for the next trial. Runs after every ending, an interrupt included."""
        ...


@dataclass(frozen=True)
class Result:
    """How one trial ended. `seconds` is None if the clock never started; a failed trial keeps the time it took."""

    slot: Slot
    started: datetime
    seconds: float | None
    error: str | None
    evidence: Evidence

    @property
    def ok(self) -> bool:
        """Whether the operation was done and verified."""
        return self.error is None

    def as_sample(self) -> dict[str, Any]:
        """The record that is saved, without what the run's chain adds."""
        traffic = self.evidence.traffic
        details = dict(self.evidence.details)
        if traffic is not None:
            details["traffic"] = {"seconds": round(traffic.seconds, 3), **traffic.details}
        return {
            "experiment": self.slot.experiment,
            "arm": self.slot.arm,
            "trial": self.slot.trial,
            "origin": "executed",
            "started": timestamp(self.started),
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "ok": self.ok,
            "error": self.error,
            "steps": [{"name": step.name, "seconds": round(step.seconds, 3)} for step in self.evidence.steps],
            "requests": None if traffic is None else traffic.requests,
            "failed_requests": None if traffic is None else traffic.failed_requests,
            "handshakes": None if traffic is None else traffic.handshakes,
            "failed_handshakes": None if traffic is None else traffic.failed_handshakes,
            "details": details,
        }


def run_trial(slot: Slot, trial: Trial, clock: Clock) -> Result:
    """Run one trial. Any error makes it a failed one; only an interrupt gets through, after the clean-up.

    A clean-up that fails spoils the trial: the estate is not what the next one expects, so it must show.
    """
    started = clock.wall()
    seconds: float | None = None
    problems: list[str] = []
    evidence = Evidence()
    try:
        try:
            trial.set_up()
            trial.warm_up()
            started = clock.wall()
            begun = clock.monotonic()
            try:
                trial.operate()
            finally:
                seconds = clock.monotonic() - begun
            trial.verify()
        except Exception as error:  # noqa: BLE001 - whatever went wrong in a trial is a failed trial, never a lost run
            problems.append(_tell(error))
        try:
            evidence = trial.evidence()
        except Exception as error:  # noqa: BLE001 - as above
            problems.append(f"evidence: {_tell(error)}")
    finally:
        try:
            trial.clean_up()
        except Exception as error:  # noqa: BLE001 - as above
            problems.append(f"clean-up: {_tell(error)}")
    return Result(slot, started, seconds, "; ".join(problems) or None, evidence)


def _tell(error: Exception) -> str:
    if isinstance(error, PovError):
        return f"{error.message} ({error.cause})" if error.cause else error.message
    return f"{type(error).__name__}: {error}"
