"""What the prober tells of a load: counts by edge and phase, each failure, how prober and machine kept time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Count:
    """Slots of one schedule. `failed` is `hard` and `late` together.

    `late` is every time-out, in whichever phase of a request, and every slot that the prober could not keep; `hard` is
    everything else: refused, reset, handshakes, wrong answers.
    """

    requests: int
    failed: int
    hard: int
    late: int


@dataclass(frozen=True)
class EdgeCount:
    """One edge under load: kept and new connections apart, texts of errors with their number, serials seen."""

    estate: str
    source: str
    target: str
    kept: Count
    fresh: Count
    errors: Mapping[str, int]
    serials: tuple[str, ...]


@dataclass(frozen=True)
class Latency:
    """From the slot of a request to its answer, over those answered well: quantiles right to 1 %, the longest exact."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Phase:
    """What a load counted of the slots between two moments, in milliseconds since it began.

    A request belongs to the phase in which its slot lies. `requests`, `hard` and `late` hold the handshakes, too.
    `latency` is None where nothing was answered well. `edges` are in the order of the report's.
    """

    name: str
    from_ms: float
    to_ms: float
    requests: int
    hard: int
    late: int
    handshakes: int
    hard_handshakes: int
    late_handshakes: int
    latency: Latency | None
    edges: tuple[EdgeCount, ...]


@dataclass(frozen=True)
class Failure:
    """One failed request, from its slot to the moment at which it was known to have failed, since the load began.

    `edge` is an index into the report's edges, `kind` is "hard" or "late", `cause` a text of the edge's errors.
    """

    edge: int
    fresh: bool
    kind: str
    cause: str
    from_ms: float
    to_ms: float


@dataclass(frozen=True)
class Stall:
    """A time in which the prober was kept from running, since the load began."""

    from_ms: float
    to_ms: float


@dataclass(frozen=True)
class Heartbeat:
    """How late the prober woke when it wanted to, every `interval_ms`; `stalls` are delays above 100 ms.

    `cut` tells that there were more stalls than are kept (1,000).
    """

    interval_ms: float
    longest_ms: float
    stalls: tuple[Stall, ...]
    cut: bool


@dataclass(frozen=True)
class NodePressure:
    """The machine below the prober over a load's window: shares in [0, 1], or None where its kernel does not say.

    The pressures are the share of the time in which some task waited for it, `steal` the share of processor time that
    the hypervisor gave to others.
    """

    cpu: float | None
    io: float | None
    memory: float | None
    steal: float | None


@dataclass(frozen=True)
class LoadReport:
    """What a load counted: sums over its `phases`. `requests` holds `handshakes` (the schedule of new connections).

    `failed_requests` is `hard` and `late_failures` together, and so for handshakes. `late` and `unsent` are those late
    failures whose slots the prober itself lost. `failures` are the first 5,000; `failures_cut` tells of more.
    """

    running: bool
    seconds: float
    requests: int
    failed_requests: int
    hard: int
    late_failures: int
    handshakes: int
    failed_handshakes: int
    hard_handshakes: int
    late_handshakes: int
    late: int
    unsent: int
    edges: tuple[EdgeCount, ...]
    phases: tuple[Phase, ...]
    failures: tuple[Failure, ...]
    failures_cut: bool
    heartbeat: Heartbeat
    node: NodePressure


def read(answer: Mapping[str, Any]) -> LoadReport:
    """The report in an answer of the prober."""
    beat, node = answer["heartbeat"], answer["node"]
    return LoadReport(
        running=answer["running"],
        seconds=float(answer["seconds"]),
        requests=answer["requests"],
        failed_requests=answer["failedRequests"],
        hard=answer["hard"],
        late_failures=answer["lateFailures"],
        handshakes=answer["handshakes"],
        failed_handshakes=answer["failedHandshakes"],
        hard_handshakes=answer["hardHandshakes"],
        late_handshakes=answer["lateHandshakes"],
        late=answer["late"],
        unsent=answer["unsent"],
        edges=_edges(answer),
        phases=tuple(_phase(phase) for phase in answer["phases"]),
        failures=tuple(
            Failure(
                failure["edge"],
                failure["fresh"],
                failure["kind"],
                failure["cause"],
                failure["fromMs"],
                failure["toMs"],
            )
            for failure in answer["failures"]
        ),
        failures_cut=answer["failuresCut"],
        heartbeat=Heartbeat(
            beat["intervalMs"],
            beat["longestMs"],
            tuple(Stall(stall["fromMs"], stall["toMs"]) for stall in beat["stalls"]),
            beat["cut"],
        ),
        node=NodePressure(node["cpuPressure"], node["ioPressure"], node["memoryPressure"], node["steal"]),
    )


def _phase(answer: Mapping[str, Any]) -> Phase:
    latency = answer["latency"]
    return Phase(
        name=answer["name"],
        from_ms=answer["fromMs"],
        to_ms=answer["toMs"],
        requests=answer["requests"],
        hard=answer["hard"],
        late=answer["late"],
        handshakes=answer["handshakes"],
        hard_handshakes=answer["hardHandshakes"],
        late_handshakes=answer["lateHandshakes"],
        latency=Latency(latency["p50Ms"], latency["p99Ms"], latency["maxMs"]) if latency else None,
        edges=_edges(answer),
    )


def _edges(answer: Mapping[str, Any]) -> tuple[EdgeCount, ...]:
    return tuple(
        EdgeCount(
            edge["estate"],
            edge["source"],
            edge["target"],
            _count(edge["kept"]),
            _count(edge["fresh"]),
            dict(edge["errors"]),
            tuple(edge["serials"]),
        )
        for edge in answer["edges"]
    )


def _count(told: Mapping[str, int]) -> Count:
    return Count(told["requests"], told["failed"], told["hard"], told["late"])
