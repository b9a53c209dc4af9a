"""Which failures this machine may answer for: late ones that overlap a stall which was seen by another way.

A request that was refused, cut off or answered wrongly is broken however busy the machine was. A late one may be the
machine's fault, but only if something that has nothing to do with the change stood still in the same moment: a control
edge whose own request came late, or the prober itself, by its heartbeat. Without such a witness nothing is excused.

A stall of the heartbeat may be shorter than the time-out: where a machine is short of processors they come in swarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

HARD = "hard"
LATE = "late"


@dataclass(frozen=True)
class Span:
    """A time, in milliseconds since the load began."""

    from_ms: float
    to_ms: float

    @property
    def length_ms(self) -> float:
        """How long it is."""
        return max(0.0, self.to_ms - self.from_ms)

    def overlaps(self, other: Span) -> bool:
        """Whether they share a moment."""
        return self.from_ms < other.to_ms and other.from_ms < self.to_ms


@dataclass(frozen=True)
class Failure(Span):
    """A failed request, from its slot to the moment at which it was known to have failed; `kind` is hard or late."""

    kind: str


F = TypeVar("F", bound=Failure)


def late(failures: Iterable[Failure]) -> tuple[Span, ...]:
    """The times in which requests were late: of control edges, they are stalls of the control."""
    return tuple(Span(failure.from_ms, failure.to_ms) for failure in failures if failure.kind == LATE)


def excused(failures: Iterable[F], stalls: Sequence[Span]) -> list[F]:
    """Those of `failures` that may be excused by `stalls`, those of control and heartbeat together."""
    return [one for one in failures if one.kind == LATE and any(one.overlaps(stall) for stall in stalls)]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times without overlaps, in order: what lies in two of them counts once."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.from_ms):
        if found and span.from_ms <= found[-1].to_ms:
            found[-1] = Span(found[-1].from_ms, max(found[-1].to_ms, span.to_ms))
        else:
            found.append(Span(span.from_ms, span.to_ms))
    return tuple(found)


def within(spans: Iterable[Span], window: Span) -> tuple[Span, ...]:
    """Those of `spans` that overlap `window`, as they are."""
    return tuple(span for span in spans if span.overlaps(window))
