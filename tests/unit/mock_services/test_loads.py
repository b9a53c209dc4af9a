"""Loads of the real prober: what is counted, by cause, by phase and by time; and what it says of its machine."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path

import pytest

from pov.base.errors import NotFound
from pov.engines.prober import Failure, LoadReport, Stall
from pov.engines.rest import Refused
from tests.unit.mock_services.conftest import World
from tests.unit.mock_services.loads import failures, start_load, until, until_counted


def test_a_stall_is_counted_and_does_not_slow_the_schedule(world: World) -> None:
    load = world.prober.start_load(["staging"], interval_ms=100, new_connection_interval_ms=200, timeout_ms=400)
    until_counted(load, lambda counts: counts.handshakes >= 4)
    world.services["b"].signal(signal.SIGSTOP)
    begun, before = time.monotonic(), load.counts()
    until_counted(load, lambda counts: counts.failed_requests >= 20)
    stalled, after = time.monotonic() - begun, load.counts()
    world.services["b"].signal(signal.SIGCONT)
    report = load.stop()
    # Two edges, each with 10 kept and 5 new connections a second, whether they are answered or not. What is under way
    # at either look belongs to one second at most.
    expected = 30 * stalled
    assert after.requests - before.requests == pytest.approx(expected, abs=30 + 0.2 * expected)
    edge = next(edge for edge in report.edges if edge.target == "b")
    assert edge.kept.failed >= 5
    assert edge.fresh.failed >= 2
    assert report.failed_handshakes >= edge.fresh.failed
    assert any("timeout" in text for text in edge.errors)


def of_edge(report: LoadReport, target: str) -> list[Failure]:
    return [failure for failure in report.failures if report.edges[failure.edge].target == target]


def test_a_port_that_refuses_is_a_hard_failure(world: World) -> None:
    world.services["b"].signal(signal.SIGKILL)
    world.services["b"].wait()
    load = start_load(world.prober)
    until_counted(load, lambda counts: counts.hard >= 10 and counts.hard_handshakes >= 3)
    report = load.stop()
    refused = next(edge for edge in report.edges if edge.target == "b")
    assert (refused.kept.late, refused.fresh.late) == (0, 0)
    assert refused.kept.hard == refused.kept.failed == refused.kept.requests
    assert set(refused.errors) == {"a to b: connect: connection refused"}
    assert {(failure.kind, failure.cause) for failure in of_edge(report, "b")} == {
        ("hard", "a to b: connect: connection refused")
    }
    assert {failure.fresh for failure in of_edge(report, "b")} == {True, False}
    assert report.hard == refused.kept.hard + refused.fresh.hard
    assert report.failed_requests == report.hard + report.late_failures


@pytest.mark.parametrize(("stopped", "cause"), [("b", "a to b: answer: timeout"), ("a", "to a: answer: timeout")])
def test_a_peer_that_answers_too_late_is_late(world: World, stopped: str, cause: str) -> None:
    """The source's own call that timed out is as late as one to the source itself."""
    edges = [("staging", "a", "b")]
    load = world.prober.start_load(
        ["staging"], interval_ms=100, new_connection_interval_ms=200, timeout_ms=300, edges=edges
    )
    until_counted(load, lambda counts: counts.handshakes >= 4)
    world.services[stopped].signal(signal.SIGSTOP)
    until_counted(load, lambda counts: counts.late_failures >= 10 and counts.late_handshakes >= 3)
    report = load.stop()
    world.services[stopped].signal(signal.SIGCONT)
    assert report.hard == report.hard_handshakes == 0
    assert report.failed_requests == report.late_failures
    assert report.failed_handshakes == report.late_handshakes
    assert {failure.kind for failure in report.failures} == {"late"}
    assert cause in report.edges[0].errors
    timed_out = [failure for failure in report.failures if "timeout" in failure.cause]
    # Known a moment after the time was up, however busy this machine is.
    assert all(failure.to_ms - failure.from_ms >= 299 for failure in timed_out)


def test_what_is_never_answered_is_late_and_as_often_as_asked(world: World) -> None:
    world.estate.stall_rate = 0.5
    world.estate.write_topology()
    read = world.prober.start_load(["staging"], interval_ms=50, new_connection_interval_ms=100, timeout_ms=300)
    until_counted(read, lambda counts: counts.late_failures > 0)
    read.stop()
    load = world.prober.start_load(["staging"], interval_ms=50, new_connection_interval_ms=100, timeout_ms=300)
    until_counted(load, lambda counts: counts.requests >= 100)
    report = load.stop()
    assert report.hard == 0
    assert 0.2 < report.late_failures / report.requests < 0.8


def overlap(failure: Failure, stall: Stall) -> bool:
    return failure.from_ms < stall.to_ms and stall.from_ms < failure.to_ms


def test_a_stopped_prober_counts_what_it_did_not_send_and_tells_of_its_stall(world: World) -> None:
    load = world.prober.start_load(["staging"], interval_ms=50, new_connection_interval_ms=0, timeout_ms=200)
    until_counted(load, lambda counts: counts.requests >= 10)
    world.probing.signal(signal.SIGSTOP)
    begun = time.monotonic()
    until("a second has gone by", lambda: time.monotonic() - begun > 1)
    world.probing.signal(signal.SIGCONT)
    report = load.stop()
    assert report.late >= 20
    assert report.requests == pytest.approx(2 * report.seconds / 0.05, abs=3)
    assert failures(report)["late: the prober was behind its schedule"] == report.late
    beat = report.heartbeat
    assert beat.interval_ms == 20
    assert beat.longest_ms >= 900
    assert not beat.cut
    longest = max(beat.stalls, key=lambda stall: stall.to_ms - stall.from_ms)
    assert longest.to_ms - longest.from_ms == pytest.approx(beat.longest_ms, abs=0.01)
    lost = [failure for failure in report.failures if failure.cause.startswith("late: the prober")]
    assert len(lost) == report.late
    assert all(any(overlap(failure, stall) for stall in beat.stalls) for failure in lost)


def slots(offset_ms: float, interval_ms: float, from_ms: float, to_ms: float) -> int:
    """How many slots lie from one time up to before another."""

    def before(end_ms: float) -> int:
        return max(0, math.ceil((end_ms - offset_ms) / interval_ms))

    return before(to_ms) - before(from_ms)


def test_phases_are_counted_by_slot(world: World) -> None:
    load = world.prober.start_load(["staging"], interval_ms=20, new_connection_interval_ms=90, timeout_ms=10_000)
    until_counted(load, lambda counts: counts.requests >= 20)
    load.phase("operation")
    until_counted(load, lambda counts: counts.phases[-1].requests >= 20)
    load.phase("operation")
    load.phase("after")
    until_counted(load, lambda counts: counts.phases[-1].handshakes >= 4)
    report = load.stop()
    assert [phase.name for phase in report.phases] == ["warm-up", "operation", "operation", "after"]
    assert report.phases[0].from_ms == 0
    assert report.phases[-1].to_ms == pytest.approx(1000 * report.seconds, abs=0.01)
    for phase, following in zip(report.phases, report.phases[1:], strict=False):
        assert phase.to_ms == following.from_ms
    for phase in report.phases:
        expected = [
            (slots(10 * i, 20, phase.from_ms, phase.to_ms), slots(45 * i + 22.5, 90, phase.from_ms, phase.to_ms))
            for i in range(2)
        ]
        assert [(edge.kept.requests, edge.fresh.requests) for edge in phase.edges] == expected
        assert phase.requests == sum(kept + fresh for kept, fresh in expected)
        assert phase.handshakes == sum(fresh for _, fresh in expected)
        assert (phase.latency is None) == (phase.requests == 0)
    assert sum(phase.requests for phase in report.phases) == report.requests
    assert sum(phase.hard for phase in report.phases) == report.hard
    assert sum(phase.late for phase in report.phases) == report.late_failures
    latency = report.phases[1].latency
    assert latency is not None
    assert 1 < latency.p50_ms <= latency.p99_ms <= latency.max_ms, "the edges take a millisecond"
    with pytest.raises(Refused) as refused:
        load.phase("too-late")
    assert refused.value.status == 409


def test_a_load_of_chosen_edges(world: World) -> None:
    def start(*edges: tuple[str, str, str]) -> LoadReport:
        load = world.prober.start_load(
            ["staging"], interval_ms=20, new_connection_interval_ms=0, timeout_ms=5000, edges=edges
        )
        until_counted(load, lambda counts: counts.requests >= 3)
        return load.stop()

    report = start(("staging", "a", "c"))
    assert [(edge.source, edge.target) for edge in report.edges] == [("a", "c")]
    for unknown in (("staging", "b", "c"), ("prod", "a", "c")):
        with pytest.raises(NotFound, match="no edge"):
            start(("staging", "a", "c"), unknown)
    with pytest.raises(Refused) as refused:
        start()
    assert refused.value.status == 400


def test_what_the_prober_says_of_its_machine(world: World) -> None:
    load = start_load(world.prober)
    until_counted(load, lambda counts: counts.handshakes >= 4)
    node = load.stop().node
    told = {"cpu": node.cpu, "io": node.io, "memory": node.memory}
    assert {what for what, share in told.items() if share is not None} == {
        what for what in told if Path(f"/proc/pressure/{what}").exists()
    }
    assert all(share is None or 0 <= share <= 1 for share in (*told.values(), node.steal))
    assert node.steal is not None
