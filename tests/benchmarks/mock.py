"""What a request costs: processor time of prober, calling and called service, on kept and on new connections.

Real processes on loopback, so no cluster and no DNS. On a new connection both hops are whole handshakes with a
certificate on both sides; nothing is resumed. Then the highest rate is looked for that loses nothing.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.wait import Pending, wait_for
from pov.bundle import graph
from pov.bundle.builder import make_all
from pov.engines.container_choice import find
from pov.engines.prober import Load, LoadReport, Prober
from pov.model.events import silent
from tests.unit.mock_services.running import LIMIT_S, Estate, Process

GOAL_PER_S = 400.0
_ROUNDS = 5
_REQUESTS = 400
_INTERVAL_MS = 20
_TIMEOUT_MS = 1000
_STEPS_PER_S = (100, 200, 400, 800)
_HOLD_S = 5.0
_MOST_LOADS = 4
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SCHEDULES = {"kept": (_INTERVAL_MS, 0), "fresh": (0, _INTERVAL_MS)}


@dataclass
class Bench:
    """A running estate; `processes` by their part in a request."""

    processes: Mapping[str, Sequence[Process]]
    prober: Prober

    def spent_s(self) -> dict[str, float]:
        """Seconds of processor time of each part since it started."""
        return {part: sum(processor_s(process.pid) for process in each) for part, each in self.processes.items()}


@contextmanager
def bench(program: Path) -> Iterator[Bench]:
    """Two edges: service a calls b and c."""
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder, ExitStack() as stack:
        estate = Estate(program, Path(folder))
        a, b, c = (stack.enter_context(estate.service(name)) for name in estate.names)
        probing, prober = estate.prober()
        stack.enter_context(probing)
        stack.callback(prober.close)
        for process in (a, b, c, probing):
            process.until_ready()
        yield Bench({"prober": [probing], "source": [a], "target": [b, c]}, prober)


def cost_ms(running: Bench, schedule: str) -> dict[str, float]:
    """Milliseconds of processor time for one request of a schedule, by part."""
    interval_ms, new_ms = SCHEDULES[schedule]
    load = running.prober.start_load(
        ["staging"], interval_ms=interval_ms, new_connection_interval_ms=new_ms, timeout_ms=_TIMEOUT_MS
    )
    begun = _sent(_until(load, 50))
    before = running.spent_s()
    # The time is read when the count is: a request or two of the hundreds lie in between.
    sent = _sent(_until(load, begun + _REQUESTS)) - begun
    after = running.spent_s()
    load.stop()
    return {part: 1000 * (after[part] - before[part]) / sent for part in before}


def sustained(running: Bench) -> dict[str, float]:
    """The highest rate on kept connections at which nothing is lost, and each part's share of a core at it."""
    best: dict[str, float] = {"per_s": 0.0}
    for per_s in _STEPS_PER_S:
        loads = min(_MOST_LOADS, max(1, per_s // 100))
        interval_ms = round(1000 * loads * 2 / per_s)
        before, begun = running.spent_s(), time.monotonic()
        running_loads = [
            running.prober.start_load(
                ["staging"], interval_ms=interval_ms, new_connection_interval_ms=0, timeout_ms=_TIMEOUT_MS
            )
            for _ in range(loads)
        ]
        _until(running_loads[0], round(_HOLD_S * per_s / loads))
        reports = [load.stop() for load in running_loads]
        seconds, after = time.monotonic() - begun, running.spent_s()
        if any(report.failed_requests for report in reports):
            break
        shares = {part: (after[part] - before[part]) / seconds for part in before}
        best = {"per_s": sum(report.requests for report in reports) / seconds, **shares}
    return best


def measure(program: Path | None = None) -> dict[str, Any]:
    """Cost of both schedules in turns, then the rate."""
    with bench(program or program()) as running:
        rounds = [{schedule: cost_ms(running, schedule) for schedule in SCHEDULES} for _ in range(_ROUNDS)]
        return {"rounds": rounds, "sustained": sustained(running)}


def told(figures: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: medians of the cost, the rate and the parts' share of a core."""
    rows = []
    for schedule in SCHEDULES:
        parts = {
            part: statistics.median(each[schedule][part] for each in figures["rounds"])
            for part in figures["rounds"][0][schedule]
        }
        shown = ", ".join(f"{part} {ms:.2f}" for part, ms in parts.items())
        total = statistics.median(sum(each[schedule].values()) for each in figures["rounds"])
        rows.append((f"processor time, {schedule} request", f"{total:.2f} ms ({shown})", "", ""))
    found = figures["sustained"]
    shares = ", ".join(f"{part} {share:.2f}" for part, share in found.items() if part != "per_s")
    met = "met" if found["per_s"] >= 0.95 * GOAL_PER_S else "NOT MET"
    rows.append(
        ("requests a second, nothing lost", f"{found['per_s']:.0f} (cores: {shares})", f"{GOAL_PER_S:.0f}", met)
    )
    return rows


def _sent(report: LoadReport) -> int:
    """Slots that the prober lost itself cost nothing."""
    return report.requests - report.late - report.unsent


def _until(load: Load, requests: int) -> LoadReport:
    def look() -> LoadReport | Pending:
        report = load.counts()
        return report if _sent(report) >= requests else Pending(f"{_sent(report)} requests")

    return wait_for("requests", look, timeout_s=LIMIT_S, interval_s=0.5)


def processor_s(pid: int) -> float:
    """Seconds of processor time of a process since it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def program() -> Path:
    """The mock program, built as the bundle builds it."""
    made = make_all([c for c in graph.components(find, tofu=False) if c.name in {"go", "mock"}], silent)
    return made["mock"].folder / "pov-mock"
