"""The prober's loads in memory: one request an interval on each edge, and the world's losses among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pov.engines.load_report import (
    Count,
    EdgeCount,
    Failure,
    Heartbeat,
    Latency,
    LoadReport,
    NodePressure,
    Phase,
    Stall,
)

Edge = tuple[str, str, str]


@dataclass(frozen=True)
class Loss:
    """A request that failed, by the world's clock in seconds."""

    edge: Edge
    kind: str
    cause: str
    at: float
    until: float
    fresh: bool = False


class Surroundings(Protocol):
    """What a load lives in. `stalls` are times in which the prober stood still."""

    losses: list[Loss]
    stalls: list[tuple[float, float]]

    @property
    def now(self) -> float: ...

    def check(self, what: str) -> None: ...


@dataclass
class Load:
    """A load that counts by the clock."""

    world: Surroundings
    edges: tuple[Edge, ...]
    begun: float
    wish: Mapping[str, int]
    ended: float | None = None
    stops: int = 0
    phases: list[tuple[str, float]] = field(default_factory=list)

    @property
    def estates(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(edge[0] for edge in self.edges))

    def phase(self, name: str) -> None:
        self.world.check("prober")
        assert re.fullmatch("[a-z-]{1,40}", name), "the prober refuses other names of phases"
        self.phases.append((name, self.world.now))

    def counts(self) -> LoadReport:
        self.world.check("prober")
        return self._report()

    def stop(self) -> LoadReport:
        self.world.check("prober")
        self.stops += 1
        self.end()
        return self._report()

    def end(self) -> None:
        if self.ended is None:
            self.ended = self.world.now

    def _report(self) -> LoadReport:
        end = self.ended if self.ended is not None else self.world.now
        losses = [loss for loss in self.world.losses if loss.edge in self.edges and self.begun <= loss.at < end]
        starts = [("warm-up", self.begun), *self.phases]
        ends = [*(at for _, at in self.phases), end]
        phases = [self._phase(name, at, until, losses) for (name, at), until in zip(starts, ends, strict=True)]
        whole = self._phase("", self.begun, end, losses)
        stalls = [Stall(self._ms(at), self._ms(until)) for at, until in self.world.stalls if self.begun <= at < end]
        return LoadReport(
            running=self.ended is None,
            seconds=end - self.begun,
            requests=whole.requests,
            failed_requests=whole.hard + whole.late,
            hard=whole.hard,
            late_failures=whole.late,
            handshakes=whole.handshakes,
            failed_handshakes=whole.hard_handshakes + whole.late_handshakes,
            hard_handshakes=whole.hard_handshakes,
            late_handshakes=whole.late_handshakes,
            late=0,
            unsent=0,
            edges=whole.edges,
            phases=tuple(phases),
            failures=tuple(
                Failure(self.edges.index(o.edge), o.fresh, o.kind, o.cause, self._ms(o.at), self._ms(o.until))
                for o in losses
            ),
            failures_cut=False,
            heartbeat=Heartbeat(20.0, max((s.to_ms - s.from_ms for s in stalls), default=3.0), tuple(stalls), False),
            node=NodePressure(0.2, 0.0, None, 0.01),
        )

    def _ms(self, at: float) -> float:
        return 1000 * (at - self.begun)

    def _phase(self, name: str, at: float, until: float, losses: Sequence[Loss]) -> Phase:
        rows = tuple(self._edge(edge, at, until, [o for o in losses if o.edge == edge]) for edge in self.edges)
        fresh, both = [row.fresh for row in rows], [count for row in rows for count in (row.kept, row.fresh)]
        return Phase(
            name=name,
            from_ms=self._ms(at),
            to_ms=self._ms(until),
            requests=sum(count.requests for count in both),
            hard=sum(count.hard for count in both),
            late=sum(count.late for count in both),
            handshakes=sum(count.requests for count in fresh),
            hard_handshakes=sum(count.hard for count in fresh),
            late_handshakes=sum(count.late for count in fresh),
            latency=Latency(2.0, 9.0, 40.0),
            edges=rows,
        )

    def _edge(self, edge: Edge, at: float, until: float, losses: Sequence[Loss]) -> EdgeCount:
        mine = [loss for loss in losses if at <= loss.at < until]
        counts = {}
        for fresh, interval in ((False, self.wish["interval_ms"]), (True, self.wish["new_connection_interval_ms"])):
            slots = int(1000 * (until - self.begun) / interval) - int(1000 * (at - self.begun) / interval)
            hard, late = (sum(o.kind == kind and o.fresh == fresh for o in mine) for kind in ("hard", "late"))
            counts[fresh] = Count(slots, hard + late, hard, late)
        return EdgeCount(*edge, counts[False], counts[True], Counter(o.cause for o in mine), ("01",))
