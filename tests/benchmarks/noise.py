"""Whether noise and effect can be told apart on this machine, with the very code that counts a trial's traffic.

    python -m tests.benchmarks.noise [--busy N] [--windows N] [--lossy N] [--seconds S] [--out FILE]

A/A: windows in which nothing is done, beside N busy loops; none may read *fail*. Injected: windows in which 0.5 % of
the touched edges' requests are never answered; 95 % of them have to read *fail*. The load is that of `gitops-35`: 74
edges that a change would touch, and 8 of two stages that it leaves alone. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pov.config.parts import Traffic as Wish
from pov.engines.prober import Prober
from pov.experiments.control import EdgeName, Watch
from pov.experiments.traffic import traffic
from pov.measure.results import gathered
from pov.measure.scoring import Criterion, scored
from pov.measure.trials import OPERATION, VERIFICATION
from pov.model.catalogue import proposed
from pov.model.sample import Sample, Traffic
from pov.model.words import Words
from tests.benchmarks.local_estates import Local, estate
from tests.benchmarks.loops import busy
from tests.benchmarks.mock import program

LOSS = 0.005
FOUND = 0.95
_TOUCHED = (10, 74)
_SENTINEL = (5, 4)
_WARM_S = 2.5
_NONE_FAILS = Criterion("none-fails", "No request fails", "window", proposed().name, "failed_requests", 0)


def verdict(seen: Traffic) -> str:
    """What a criterion of no failed request reads of this window alone: by the rule that scores a run."""
    arm = proposed().name
    window = Sample("window", arm, 1, seconds=seen.seconds, ok=True, traffic=seen)
    (found,) = scored(gathered([window], {("window", arm): 1}, Words()), [_NONE_FAILS])
    return found.outcome


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.noise")
    parser.add_argument("--busy", type=int, default=1, help="busy loops beside it")
    parser.add_argument("--windows", type=int, default=50, help="A/A windows")
    parser.add_argument("--lossy", type=int, default=20, help="windows with injected time-outs")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a window")
    parser.add_argument("--out", type=Path, help="where every window goes as JSON")
    chosen = parser.parse_args(arguments)
    found = {"aa": [], "lossy": []}  # type: dict[str, list[dict[str, Any]]]
    with tempfile.TemporaryDirectory(prefix="pov-") as folder, ExitStack() as stack:
        clean, lossy = estate("clean", *_TOUCHED), estate("lossy", *_TOUCHED)
        dev, prod = estate("dev", *_SENTINEL), estate("prod", *_SENTINEL)
        local = Local(program(), Path(folder), (clean, lossy, dev, prod), {"lossy": LOSS})
        prober = stack.enter_context(local.running())
        stack.enter_context(busy(chosen.busy))
        control = tuple(EdgeName(e.name, x.source, x.target) for e in (dev, prod) for x in e.edges)
        for kind, touched, number in (("aa", clean, chosen.windows), ("lossy", lossy, chosen.lossy)):
            edges = tuple(EdgeName(touched.name, edge.source, edge.target) for edge in touched.edges)
            for _ in range(number):
                found[kind].append(_window(prober, Watch(edges, control, ("dev", "prod")), chosen.seconds))
                print(kind, json.dumps(found[kind][-1]), file=sys.stderr, flush=True)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps({"cores": os.cpu_count(), "busy": chosen.busy, **found}, indent=1) + "\n")
    return _told(found)


def _window(prober: Prober, watch: Watch, seconds: float) -> dict[str, Any]:
    wish = Wish()
    load = prober.start_load(
        watch.estates,
        interval_ms=wish.interval_ms,
        new_connection_interval_ms=wish.new_connection_interval_ms,
        timeout_ms=wish.timeout_ms,
        edges=watch.edges,
    )
    # The time itself is what is waited for: first each edge's connections, then the window.
    time.sleep(_WARM_S)
    load.phase(OPERATION)
    time.sleep(seconds)
    load.phase(VERIFICATION)
    seen = traffic(load.stop(), watch, wish)
    control, beat = seen.control, seen.heartbeat
    assert control is not None
    assert beat is not None
    return {
        "verdict": verdict(seen),
        "requests": seen.operation.requests,
        "hard": seen.operation.hard,
        "late": seen.operation.late,
        "excused": seen.operation.excused,
        "control_late": control.late,
        "control_requests": control.requests,
        "stalls": beat.count,
        "longest_ms": beat.longest_ms,
        "p99_ms": seen.latency_ms.get("p99"),
        "cpu_pressure": seen.node["cpu_pressure"],
    }


def _told(found: dict[str, list[dict[str, Any]]]) -> int:
    aa, lossy = (Counter(str(window["verdict"]) for window in found[kind]) for kind in ("aa", "lossy"))
    share = lossy["fail"] / max(1, lossy.total())
    print(f"A/A windows: {dict(aa)}; goal: no fail")
    print(f"windows with {LOSS:.1%} of time-outs: {dict(lossy)}; found in {share:.0%}, goal: {FOUND:.0%}")
    return 0 if not aa["fail"] and (share >= FOUND or not lossy) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
