"""Scoring: pass, fail, or not shown. A criterion passes only on every trial that was planned for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pov.config.scenario import Criterion
from pov.measure.statistics import spread

Outcome = Literal["pass", "fail", "not shown"]
_UNITS = {"median_seconds": "s", "max_seconds": "s", "failed_requests": "requests", "failed_handshakes": "handshakes"}


@dataclass(frozen=True)
class Score:
    """One criterion against what was seen; `observed` is None if there is nothing to judge by."""

    criterion: Criterion
    observed: float | None
    outcome: Outcome
    reason: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in the summary."""
        wanted = self.criterion
        return {
            "id": wanted.id,
            "title": wanted.title,
            "experiment": wanted.experiment,
            "arm": wanted.arm,
            "metric": wanted.metric,
            "unit": _UNITS[wanted.metric],
            "threshold": wanted.at_most,
            "observed": self.observed,
            "outcome": self.outcome,
            "reason": self.reason,
        }


def score(criterion: Criterion, samples: Sequence[Mapping[str, Any]], planned: int) -> Score:
    """Judge `criterion` by the samples of its arm. Failures of any trial count; a missing trial prevents a pass."""
    mine = [s for s in samples if s["experiment"] == criterion.experiment and s["arm"] == criterion.arm]
    good = [s for s in mine if s["ok"]]
    observed = _observed(criterion.metric, mine, good)
    if not planned and not mine:
        return Score(criterion, None, "not shown", "was not measured in this run")
    if observed is None:
        return Score(criterion, None, "not shown", "no trial gave this figure")
    if observed > criterion.at_most:
        return Score(criterion, observed, "fail", f"{observed:g} is above {criterion.at_most:g}")
    if len(good) < len(mine):
        return Score(criterion, observed, "not shown", f"{len(mine) - len(good)} of {len(mine)} trials failed")
    if len(good) < planned:
        return Score(criterion, observed, "not shown", f"{len(good)} of {planned} planned trials ran")
    return Score(criterion, observed, "pass", f"{observed:g} is not above {criterion.at_most:g}")


def _observed(metric: str, mine: Sequence[Mapping[str, Any]], good: Sequence[Mapping[str, Any]]) -> float | None:
    if metric in {"median_seconds", "max_seconds"}:
        found = spread([float(s["seconds"]) for s in good])
        if found is None:
            return None
        return found.median if metric == "median_seconds" else found.maximum
    counted = [s for s in mine if s[metric] is not None]
    base = "handshakes" if metric == "failed_handshakes" else "requests"
    if not sum(s[base] for s in counted):
        return None
    return float(sum(s[metric] for s in counted))
