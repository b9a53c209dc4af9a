"""Rare failures as bounds, not words: how often something may still fail that failed never, or seldom, in these trials.

Failures come in heaps, trial by trial, so the bound per trial comes first: it assumes least. The one per new connection
assumes that they fail independently of each other, the one per request that every request does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pov.measure.inference import Bound, bound
from pov.measure.results import Arm

TRIAL = "trial"
CONNECTION = "new connection"
REQUEST = "request"
ASSUMED = {
    TRIAL: "trials fail independently of each other",
    CONNECTION: "new connections fail independently of each other, also within a trial",
    REQUEST: "requests fail independently of each other, also on one connection and within a trial",
}
FAILED = "failed"
HARD = "hard"
LATE = "late"


@dataclass(frozen=True)
class Rare:
    """One bound per trial, new connection or request; `kind` is hard, late, or failed: a trial not done or verified."""

    per: str
    kind: str
    bound: Bound

    @property
    def assumes(self) -> str:
        """What has to hold for it."""
        return ASSUMED[self.per]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the summary."""
        return {
            "per": self.per,
            "kind": self.kind,
            "events": self.bound.events,
            "of": self.bound.of,
            "rule_of_three": self.bound.rule_of_three,
            "at_most": self.bound.at_most,
            "assumes": self.assumes,
        }


def bounds(arm: Arm) -> tuple[Rare, ...]:
    """Every bound that an arm's trials carry, those that assume least first. Excused late requests count as late.

    None where damaged samples tell of more failures than there were tries.
    """
    told = [one for one in _counted(arm) if one[3] and one[2] <= one[3]]
    return tuple(Rare(per, kind, bound(events, of)) for per, kind, events, of in told)


def _counted(arm: Arm) -> Iterator[tuple[str, str, int, int]]:
    yield TRIAL, FAILED, len(arm.failed), len(arm.trials)
    seen = [trial.traffic.operation for trial in arm.trials if trial.traffic is not None]
    seen = [counts for counts in seen if counts.requests]
    if not arm.told_apart:
        return
    yield TRIAL, HARD, sum(1 for counts in seen if counts.hard), len(seen)
    yield TRIAL, LATE, sum(1 for counts in seen if counts.late), len(seen)
    handshakes, requests = (sum(getattr(counts, name) for counts in seen) for name in ("handshakes", "requests"))
    yield CONNECTION, HARD, sum(counts.hard_handshakes for counts in seen), handshakes
    yield CONNECTION, LATE, sum(counts.late_handshakes for counts in seen), handshakes
    yield REQUEST, HARD, sum(counts.hard for counts in seen), requests
    yield REQUEST, LATE, sum(counts.late for counts in seen), requests
