"""The prober's report as a sample records it: the operation, the control beside it, and what this machine did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.config.parts import Traffic as Wish
from pov.engines.load_report import EdgeCount, LoadReport, Phase
from pov.experiments.control import EdgeName, Watch
from pov.measure import excuse
from pov.measure.excuse import Failure, Span
from pov.measure.trials import OPERATION
from pov.model.sample import Cause, Counts, Stalls, Traffic

_EVER = Span(float("-inf"), float("inf"))


@dataclass(frozen=True)
class Lost(Failure):
    """A failed request with its edge, its schedule (kept or new connections) and the prober's words for the cause."""

    edge: EdgeName
    fresh: bool
    cause: str


def rate_of(edges: int, wish: Wish) -> float:
    """Requests a second of a load on so many edges."""
    return edges * (1000 / wish.interval_ms + 1000 / wish.new_connection_interval_ms)


def traffic(report: LoadReport, watch: Watch, wish: Wish, *, void: Mapping[str, str] | None = None) -> Traffic:
    """What a load saw on the edges of `watch`. `void` names stages that were no sentinels after all, and why.

    The control is None where there is none: then nothing is excused by it.
    """
    moved = void or {}
    control = _control(watch, moved)
    phase = next((phase for phase in report.phases if phase.name == OPERATION), None)
    window = Span(0.0, 0.0) if phase is None else Span(phase.from_ms, phase.to_ms)
    rows = () if phase is None else phase.edges
    lost = failures_on(report, watch.touched, window)
    beats, control_late = _stalled(report, control)
    return Traffic(
        seconds=round(window.length_ms / 1000, 3),
        operation=_counts(rows, watch.touched, excuse.excused(lost, (*beats, *control_late))),
        control=_counts(rows, control) if control else None,
        around=_counts((r for p in report.phases if p.name != OPERATION for r in p.edges), watch.edges),
        causes=_causes(lost),
        heartbeat=_stalls(excuse.within(beats, window)),
        control_stalls=_stalls(excuse.within(control_late, window)) if control else None,
        node={
            "cpu_pressure": report.node.cpu,
            "io_pressure": report.node.io,
            "memory_pressure": report.node.memory,
            "steal": report.node.steal,
        },
        rate_per_s=round(rate_of(len(watch.edges), wish), 1),
        timeout_ms=wish.timeout_ms,
        latency_ms=_latency(phase),
        details=_details(report, watch, control, moved),
    )


def excused_of(lost: Iterable[Lost], report: LoadReport, watch: Watch, void: Mapping[str, str]) -> list[Lost]:
    """Those of `lost` that this machine may answer for, as `traffic` judges them."""
    beats, control_late = _stalled(report, _control(watch, void))
    return excuse.excused(lost, (*beats, *control_late))


def failures_on(report: LoadReport, edges: Collection[EdgeName], window: Span = _EVER) -> list[Lost]:
    """The failed requests on `edges` whose slot lies in `window`."""
    names = [EdgeName(edge.estate, edge.source, edge.target) for edge in report.edges]
    wanted = set(edges)
    return [
        Lost(one.from_ms, one.to_ms, one.kind, names[one.edge], one.fresh, one.cause)
        for one in report.failures
        if names[one.edge] in wanted and window.from_ms <= one.from_ms < window.to_ms
    ]


def _control(watch: Watch, void: Mapping[str, str]) -> list[EdgeName]:
    return [edge for edge in watch.control if edge.estate not in void]


def _stalled(report: LoadReport, control: Collection[EdgeName]) -> tuple[list[Span], Sequence[Span]]:
    """When the prober itself stood still, and when the control did; the latter is empty without a control."""
    beats = [Span(stall.from_ms, stall.to_ms) for stall in report.heartbeat.stalls]
    return beats, excuse.late(failures_on(report, control))


def counted(report: LoadReport, edges: Collection[EdgeName], phases: Collection[str]) -> Counts:
    """All requests on `edges` in some phases of a load, nothing excused."""
    return _counts((row for phase in report.phases if phase.name in phases for row in phase.edges), edges)


def _counts(rows: Iterable[EdgeCount], edges: Collection[EdgeName], excused: Sequence[Lost] = ()) -> Counts:
    wanted = set(edges)
    mine = [row for row in rows if EdgeName(row.estate, row.source, row.target) in wanted]
    both = [count for row in mine for count in (row.kept, row.fresh)]
    return Counts(
        requests=sum(count.requests for count in both),
        hard=sum(count.hard for count in both),
        late=sum(count.late for count in both),
        excused=len(excused),
        handshakes=sum(row.fresh.requests for row in mine),
        hard_handshakes=sum(row.fresh.hard for row in mine),
        late_handshakes=sum(row.fresh.late for row in mine),
        excused_handshakes=sum(1 for one in excused if one.fresh),
    )


def _causes(lost: Iterable[Lost]) -> tuple[Cause, ...]:
    """By edge, kind and text, the most frequent first."""
    counted = Counter((str(one.edge), one.kind, one.cause, one.fresh) for one in lost)
    rows = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Cause(edge, kind, text, count, fresh) for (edge, kind, text, fresh), count in rows)


def _stalls(spans: Sequence[Span]) -> Stalls:
    """`count` are all of them; the total counts a moment once."""
    longest = max((span.length_ms for span in spans), default=0.0)
    total = sum(span.length_ms for span in excuse.merged(spans))
    return Stalls(round(longest, 1), round(total, 1), len(spans))


def _latency(phase: Phase | None) -> dict[str, float]:
    found = None if phase is None else phase.latency
    return {} if found is None else {"p50": found.p50_ms, "p99": found.p99_ms, "max": found.max_ms}


def _details(report: LoadReport, watch: Watch, control: Sequence[EdgeName], moved: Mapping[str, str]) -> dict[str, Any]:
    """What a reader who doubts a figure asks next. Serials are those of the whole load, by stage of the sentinels."""
    return {
        "load_seconds": round(report.seconds, 3),
        "prober_late": report.late,
        "prober_unsent": report.unsent,
        "failures_cut": report.failures_cut,
        "heartbeat_longest_ms": report.heartbeat.longest_ms,
        "heartbeat_cut": report.heartbeat.cut,
        "edges": {"touched": len(watch.touched), "control": len(control)},
        "sentinels": [name for name in watch.sentinels if name not in moved],
        "no_control": "" if control else _why_none(watch, moved),
        "control_void": dict(moved),
        "serials_seen": len({serial for edge in report.edges for serial in edge.serials}),
    }


def _why_none(watch: Watch, moved: Mapping[str, str]) -> str:
    if watch.control:
        return "; ".join(f"{stage}: {why}" for stage, why in moved.items())
    return "every edge is touched by the change, and no other stage has an edge: nothing can be excused by a control"
