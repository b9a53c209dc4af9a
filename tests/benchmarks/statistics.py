"""What the statistics of a long run cost: a thousand trials read, summed up, compared and drawn.

    python -m tests.benchmarks.statistics [--trials N] [--rounds N]

No cluster. The run is simulated, with equal times among them, so that the slower test of order is used too. Wall
seconds and this process's processor seconds are printed; exit code 1 when the median of wall seconds misses the goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pov.measure.summary import summarise
from pov.reporting.facts import gather
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from pov.workflows.report import attachments
from tests.unit.reporting import simulated

GOAL_S = 3.0
_PAIRS = [*simulated.MEDIANS, ("deploy", "automated-again"), ("rotate", "automated-again")]


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.statistics")
    parser.add_argument("--trials", type=int, default=1000, help="trials of the run, over all arms")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pov-") as folder:
        order = simulated.plan(trials=max(1, chosen.trials // len(_PAIRS)), pairs=_PAIRS)
        equal = {number: {"seconds": 25.0} for number in range(1, len(order), 9)}
        path = simulated.save(Path(folder), order=order, sample_changes=equal)
        rounds = [_round(path) for _ in range(chosen.rounds)]
    print(f"{len(order)} trials; wall seconds (processor seconds), a line a round")
    for parts in rounds:
        print("  ".join(f"{name} {wall:.2f} ({spent:.2f})" for name, (wall, spent) in parts.items()))
    median = statistics.median(sum(wall for wall, _ in parts.values()) for parts in rounds)
    met = median <= GOAL_S
    print(f"statistics and report: {median:.2f} s, goal {GOAL_S:g} s: {'met' if met else 'NOT MET'}")
    return 0 if met else 1


def _round(path: Path) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of reading, summing up and drawing."""
    parts = {}

    def timed(name: str, begun: tuple[float, float]) -> None:
        parts[name] = time.perf_counter() - begun[0], time.process_time() - begun[1]

    begun = time.perf_counter(), time.process_time()
    run = read_run(path)
    timed("read", begun)
    begun = time.perf_counter(), time.process_time()
    facts = gather(run)
    summarise({"planned": []}, facts.trials, [score.criterion for score in facts.scores], facts.words)
    timed("summary", begun)
    begun = time.perf_counter(), time.process_time()
    render_pdf(build(run), attachments(run))
    timed("report", begun)
    return parts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
