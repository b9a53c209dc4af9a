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
    """Seconds from asking to the final status, a pull request a round."""
    standing = os.environ.get("POV_E2E_STANDING", "")
    root, _, name = standing.rpartition(":")
    with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
        environment = Environment(Path(folder), name or "bench", root=Path(root) if root else Path())
        try:
            if not standing:
                _say("enterprise-scope: pov up")
                environment.up("enterprise-scope", timeout_s=UP_S)
            return {"standing": bool(standing), "seconds": _refusals(Deal(environment))}
        finally:
            if not standing:
                environment.destroy()


def _refusals(deal: Deal) -> list[float]:
    taken = []
    try:
        for number in range(_ROUNDS):
            _say(f"enterprise-scope: pull request {number + 1} of {_ROUNDS}")
            deal.starts_over()
            deal.takes("promised")
            _, status, seconds = timed(deal, f"bench-{number}")
            assert status.state == FAILURE, status
            taken.append(round(seconds, 3))
            # Open ones are judged again whenever the branch moves.
            deal.closes()
    finally:
        deal.closes()
    return taken


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def told(figures: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows for people: the median and the longest, the goal, whether it was met."""
    taken = figures["seconds"]
    median = statistics.median(taken)
    rows = [
        ("from pull request to refusal", f"{median:.2f} s", f"{GOAL_S:g} s", "met" if median <= GOAL_S else "NOT MET")
    ]
    return [*rows, (f"  the longest of {len(taken)}", f"{max(taken):.2f} s", "", "")]
