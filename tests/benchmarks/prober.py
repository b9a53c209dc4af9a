"""Whether the prober keeps 1,000 requests a second on two processors, over mutual TLS on kept connections.

    python -m tests.benchmarks.prober [--rate N] [--seconds S] [--rounds N] [--out FILE]

The reference scenario's estate as processes on loopback, each request through the calling service to the called one:
both share the two processors with the prober, as on a machine that measures. Outside trials: nothing is deployed. What
counts is the schedule that was kept: requests that were due in the window, those that were late or failed, and what
processor time the prober itself took. The machine's load beside it is told, since it decides about late ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.engines.load_report import LoadReport
from pov.engines.prober import Prober
from pov.measure.trials import OPERATION, VERIFICATION
from tests.benchmarks.local_estates import Local, estate
from tests.benchmarks.mock import processor_s, program

GOAL_PER_S = 1000.0
KEPT = 0.99
"""Of the rate, and of the requests in time: what counts as sustained."""
PROCESSORS = 2
_SERVICES, _EDGES = 10, 50
_LEAST_MS = 50
_TIMEOUT_MS = 1000
_WARM_S, _SECONDS, _ROUNDS = 2.5, 10.0, 3


def window(prober: Prober, pids: Mapping[str, Sequence[int]], per_s: float, seconds: float) -> dict[str, Any]:
    """One window at a rate: how many requests were due, late, lost; and shares of one processor by part."""
    loads = max(1, round(per_s * _LEAST_MS / 1000 / _EDGES))
    interval_ms = max(_LEAST_MS, round(1000 * loads * _EDGES / per_s))
    running = [
        prober.start_load(["bench"], interval_ms=interval_ms, new_connection_interval_ms=0, timeout_ms=_TIMEOUT_MS)
        for _ in range(loads)
    ]
    # The time itself is what is waited for: first each edge's connection, then the window.
    time.sleep(_WARM_S)
    for load in running:
        load.phase(OPERATION)
    before, begun, idle = _spent(pids), time.monotonic(), _idle_s()
    time.sleep(seconds)
    after, took, idle = _spent(pids), time.monotonic() - begun, _idle_s() - idle
    for load in running:
        load.phase(VERIFICATION)
    reports = [load.stop() for load in running]
    shares = {part: round((after[part] - before[part]) / took, 3) for part in pids}
    others = max(0.0, len(os.sched_getaffinity(0)) - idle / took - sum(shares.values()))
    return {**_counted(reports), "asked_per_s": per_s, "processors": {**shares, "others": round(others, 3)}}


def _counted(reports: Sequence[LoadReport]) -> dict[str, Any]:
    """The window's requests over all loads; `answered_per_s` are those that came well and in time."""
    phases = [next(phase for phase in report.phases if phase.name == OPERATION) for report in reports]
    requests, hard, late = (sum(getattr(one, name) for one in phases) for name in ("requests", "hard", "late"))
    seconds = max(one.to_ms - one.from_ms for one in phases) / 1000
    latencies = [one.latency for one in phases if one.latency is not None]
    return {
        "seconds": round(seconds, 2),
        "requests": requests,
        "hard": hard,
        "late": late,
        "answered_per_s": round((requests - hard - late) / seconds, 1),
        "p50_ms": max((one.p50_ms for one in latencies), default=None),
        "p99_ms": max((one.p99_ms for one in latencies), default=None),
        "longest_stall_ms": max(report.heartbeat.longest_ms for report in reports),
    }


def measure(per_s: float = GOAL_PER_S, seconds: float = _SECONDS, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Windows one after the other on `PROCESSORS` of this machine's processors, with the load that it had beside."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:PROCESSORS])
    try:
        with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
            local = Local(program(), Path(folder), (estate("bench", _SERVICES, _EDGES),), {})
            with local.running() as prober:
                assert local.probing is not None
                pids = {"prober": [local.probing.pid], "services": [one.pid for one in local.processes.values()]}
                load = round(os.getloadavg()[0], 2)
                windows = [window(prober, pids, per_s, seconds) for _ in range(rounds)]
    finally:
        os.sched_setaffinity(0, allowed)
    return {"processors": min(PROCESSORS, len(allowed)), "load_1min": load, "windows": windows}


def sustained(found: Mapping[str, Any]) -> bool:
    """Whether some window kept the rate: what stood beside it can only take from that."""
    return any(
        one["answered_per_s"] >= KEPT * one["asked_per_s"]
        and one["hard"] == 0
        and one["late"] <= (1 - KEPT) * one["requests"]
        for one in found["windows"]
    )


def told(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: each window, then the verdict."""
    rows = []
    for one in found["windows"]:
        shares = ", ".join(f"{part} {share:.2f}" for part, share in one["processors"].items())
        lost = f"{one['late']} late, {one['hard']} hard of {one['requests']}"
        rows.append(
            (
                "prober, kept connections",
                f"{one['answered_per_s']:.0f} a second ({lost}; p99 {one['p99_ms'] or 0:.0f} ms; cores: {shares})",
                f"{one['asked_per_s']:.0f}",
                "",
            )
        )
    met = "met" if sustained(found) else "NOT MET"
    rows.append(
        ("its rate is kept", f"on {found['processors']} processors, load {found['load_1min']:g} before", "", met)
    )
    return rows


def _spent(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {part: sum(processor_s(pid) for pid in each) for part, each in pids.items()}


def _idle_s() -> float:
    """Seconds that the processors this may use have idled since the machine started, all together."""
    mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]
    return sum(int(row[4]) + int(row[5]) for row in rows if row[0] in mine) / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str]) -> int:
    """Measure, print what was found, write JSON; code 1 where the rate was not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.prober")
    parser.add_argument("--rate", type=float, default=GOAL_PER_S, help="requests a second")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="length of a window")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="windows")
    parser.add_argument("--out", type=Path, help="where the figures go as JSON")
    chosen = parser.parse_args(arguments)
    found = measure(chosen.rate, chosen.seconds, chosen.rounds)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=1) + "\n")
    for row in told(found):
        print("  ".join(cell for cell in row if cell))
    return 0 if sustained(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
