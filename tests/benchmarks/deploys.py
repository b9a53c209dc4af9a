"""An automated deploy beside a busy loop, against quiet ones of the same environment: what a shared machine costs it.

Quiet and busy blocks take turns, so that a machine that slows down meanwhile slows down both. The requests that fail
are counted by the run itself, hard and late apart.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pov.model.catalogue import proposed
from tests.benchmarks.loops import busy
from tests.e2e.harness import UP_S, Environment

GOAL_RATIO, GOAL_HARD = 2.0, 0
_SCENARIO, _EXPERIMENT = "gitops-35", "deploy"
_BLOCKS, _TRIALS = 2, 3
_QUIET, _BUSY = "quiet", "busy"


def measure() -> dict[str, Any]:
    """Seconds, requests and failures of every automated deploy, quiet and beside one busy loop."""
    found: dict[str, list[Mapping[str, Any]]] = {_QUIET: [], _BUSY: []}
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
        environment = Environment(Path(folder), "bench")
        try:
            _say(f"{_SCENARIO}: pov up")
            environment.up(_SCENARIO, timeout_s=UP_S)
            for block in range(_BLOCKS):
                for what, loops in ((_QUIET, 0), (_BUSY, 1)):
                    _say(f"{_SCENARIO}, block {block + 1} of {_BLOCKS}: {_TRIALS} deploys, {what}")
                    with busy(loops):
                        found[what].append(_block(environment))
        finally:
            environment.destroy()
    return {what: _together(blocks) for what, blocks in found.items()}


def _block(environment: Environment) -> Mapping[str, Any]:
    # With criteria that fail or are not shown it is a measurement all the same.
    arm = proposed().name
    asked = (_EXPERIMENT, "--arm", arm, "--trials", str(_TRIALS))
    summary = environment.measure(*asked, code=(0, 4, 5)).json
    (experiment,) = (one for one in summary["experiments"] if one["name"] == _EXPERIMENT)
    (found,) = (one for one in experiment["arms"] if one["name"] == arm)
    return dict(found)


def _together(blocks: list[Mapping[str, Any]]) -> dict[str, Any]:
    counts = {name: sum(block[name] or 0 for block in blocks) for name in ("requests", "hard", "late", "failed")}
    seconds = [trial["seconds"] for block in blocks for trial in block["trials"] if trial["seconds"] is not None]
    return {**counts, "seconds": seconds}


def told(figures: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: both medians, their ratio, what failed. Where a deploy failed, no goal is met."""
    quiet, loaded = figures[_QUIET], figures[_BUSY]
    medians = [statistics.median(one["seconds"]) if one["seconds"] else None for one in (quiet, loaded)]
    rows = [
        (f"an automated deploy, {what}", "none worked" if median is None else f"{median:.1f} s", "", "")
        for what, median in zip((_QUIET, "beside one busy loop"), medians, strict=True)
    ]
    whole = not quiet["failed"] and not loaded["failed"] and None not in medians
    ratio = (medians[1] or 0.0) / medians[0] if medians[0] else None
    rows.append(
        (
            "  the ratio of the two",
            "–" if ratio is None else f"{ratio:.2f}",
            f"under {GOAL_RATIO:g}",
            "met" if whole and ratio is not None and ratio < GOAL_RATIO else "NOT MET",
        )
    )
    for what, one in ((_QUIET, quiet), ("beside one busy loop", loaded)):
        goal = (f"{GOAL_HARD} hard", "met" if one["hard"] <= GOAL_HARD and whole else "NOT MET")
        of = f"{one['hard']} hard, {one['late']} late of {one['requests']}"
        rows.append((f"  requests that failed, {what}", of, *goal))
    return rows


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
