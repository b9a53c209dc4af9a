"""Commands that need no cluster: `pov --help`, and `pov report` on a saved run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.unit.reporting import simulated

GOAL_HELP_S, GOAL_REPORT_S = 0.3, 2.0
_TIMES = 7


def seconds(*arguments: str, cwd: Path) -> list[float]:
    """Wall seconds of several runs of `pov ARGUMENTS`, the first one (cold files) left out."""
    taken = []
    for _ in range(_TIMES + 1):
        since = time.perf_counter()
        argv = [str(Path(sys.executable).with_name("pov")), *arguments]
        subprocess.run(argv, cwd=cwd, check=True, capture_output=True, timeout=60)
        taken.append(round(time.perf_counter() - since, 4))
    return taken[1:]


def measure() -> dict[str, list[float]]:
    """Seconds of each command."""
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
        root = Path(folder)
        simulated.save(root / ".pov" / "bench" / "runs")
        return {
            "pov --help": seconds("--help", cwd=root),
            "pov report": seconds("report", cwd=root),
        }


def told(figures: dict[str, list[float]]) -> list[tuple[str, str, str, str]]:
    """Rows for people: what, the median, the goal, whether it was met."""
    goals = {"pov --help": GOAL_HELP_S, "pov report": GOAL_REPORT_S}
    rows = []
    for name, goal in goals.items():
        median = statistics.median(figures[name])
        rows.append((name, f"{median:.2f} s", f"{goal:g} s", "met" if median <= goal else "NOT MET"))
    return rows
