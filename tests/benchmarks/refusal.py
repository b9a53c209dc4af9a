"""From a pull request to the gate's refusal, in a cluster: the wait of who asks for what `enterprise-scope` promised.

The environment is one of its own, or the one that `POV_E2E_STANDING` names (FOLDER:NAME), which keeps them, closed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from pov.engines.gitea_pulls import FAILURE
from tests.e2e.deals import Deal, timed
from tests.e2e.harness import UP_S, Environment

GOAL_S = 10.0
_ROUNDS = 5


def measure() -> dict[str, Any]:
    """Seconds from asking to the first word that it is refused, and to the whole verdict, a pull request a round."""
    standing = os.environ.get("POV_E2E_STANDING", "")
    root, _, name = standing.rpartition(":")
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
        environment = Environment(Path(folder), name or "bench", root=Path(root) if root else Path())
        try:
            if not standing:
                _say("enterprise-scope: pov up")
                environment.up("enterprise-scope", timeout_s=UP_S)
            return {"standing": bool(standing), **_refusals(Deal(environment))}
        finally:
            if not standing:
                environment.destroy()


def _refusals(deal: Deal) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {"seconds": [], "whole": []}
    try:
        for number in range(_ROUNDS):
            _say(f"enterprise-scope: pull request {number + 1} of {_ROUNDS}")
            deal.starts_over()
            deal.takes("promised")
            told = timed(deal, f"bench-{number}")
            assert told.first.state == told.status.state == FAILURE, told
            taken["seconds"].append(round(told.first_s, 3))
            taken["whole"].append(round(told.whole_s, 3))
            # Open ones are judged again whenever the branch moves.
            deal.closes()
    finally:
        deal.closes()
    return taken


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def told(figures: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: the median and the longest, the goal, whether it was met."""
    taken, whole = figures["seconds"], figures["whole"]
    median = statistics.median(taken)
    return [
        ("from pull request to refusal", f"{median:.2f} s", f"{GOAL_S:g} s", "met" if median <= GOAL_S else "NOT MET"),
        (f"  the longest of {len(taken)}", f"{max(taken):.2f} s", "", ""),
        ("  to the whole comment, with the plan", f"{statistics.median(whole):.2f} s", "", ""),
        (f"  the longest of {len(whole)}", f"{max(whole):.2f} s", "", ""),
    ]
