"""Criteria and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pov.reporting.standalone.arms import Arm
from pov.reporting.standalone.chained import Chained
from pov.reporting.standalone.letters import count, line, plain, seconds
from pov.reporting.standalone.trials import by_kind, verdict, why
from pov.reporting.standalone.worth_pages import WorthPages


class Scored(Chained):
    """The criteria's outcomes."""

    def __init__(self, folder: Path, own: bytes = b"") -> None:
        super().__init__(folder, own)
        self.scores: list[dict[str, Any]] = []
        self.pooled: dict[str, str] = {}
        self.section: dict[str, Any] = {}
        self.pages: WorthPages | None = None

    def score(self, c: dict[str, Any]) -> dict[str, Any]:
        """A criterion: pass, fail or not shown, for its own arm and for today's way."""
        today = next((n for n, arm in self.arms.items() if arm.get("reference")), "")
        own = self.outcome(c, c["arm"])
        own["pooled"] = {**own, "seen": self.value(own["metric"], own["observed"]), "why": own["reason"]}
        if today and today != c["arm"] and self.experiments.get(c["experiment"], {}).get(today):
            own["today"] = of_today = self.outcome(c, today)
            own["pooled"]["today"] = {**of_today, "seen": self.value(own["metric"], of_today["observed"])}
        return own

    def outcome(self, c: dict[str, Any], arm: str) -> dict[str, Any]:
        """A criterion scored for one arm."""
        metric = self.named_metric(c["metric"])
        own, planned = self.tried(c["experiment"], arm, bool(metric.get("counts")))
        observed, excused = own.observe(metric)
        more = metric.get("direction") == "more"
        bound = next(float(c[k]) for k in ("at_most", "at_least", "bound") if isinstance(c.get(k), int | float))

        def beyond(value: float) -> bool:
            return value < bound if more else value > bound

        trials = f"{len(own.trials)} trial{'' if len(own.trials) == 1 else 's'}"
        lacking = self.lacking(own, bool(metric.get("counts")), planned)
        if not own.trials:
            found, reason = "not shown", "no trial of this arm in this run"
        elif observed is None:
            none_worked = not own.good and not metric.get("counts")
            found, reason = "not shown", "every trial failed" if none_worked else "not recorded"
        elif beyond(observed - excused):
            found, reason = "fail", f"over {trials}"
            reason = f"{own.lost_by_kind(metric, excused)}{reason}"
        elif beyond(observed):
            found, reason = "not shown", f"this machine stalled: {excused} of {observed:g} may be excused"
        else:
            found, reason = ("not shown", lacking) if lacking else ("pass", f"all of {trials}")
        kinds = own.kinds(metric)
        hard, late = kinds or (None, None)
        seen = self.value(metric, observed) if kinds is None else by_kind(*kinds)
        return {"id": c["id"], "title": line(c.get("title")) or c["id"], "observed": observed, "outcome": found,
                "excused": excused, "bound": bound, "metric": metric, "more": more, "reason": reason, "seen": seen,
                "why": why(reason, kinds, excused, found), "hard": hard, "late": late}  # fmt: skip

    def lacking(self, own: Arm, counts: bool, planned: int) -> str:
        """What keeps a figure within its bound from being a pass; empty for nothing."""
        n = len(own.trials)
        if own.failed:
            return f"{own.failed} of {n} trial{'' if n == 1 else 's'} failed"
        if n < planned:
            return f"{n} of {planned} trial{'' if planned == 1 else 's'} planned ran"
        blind = "the negative control did not show that the prober sees failures"
        return blind if counts and self.seen() is False else ""

    def standing(self, one: dict[str, Any]) -> str:
        """What a reader must know beside an outcome: why it is not shown, and how today's way fared."""
        today = one.get("today")
        if one["outcome"] != "pass":
            return str(one["why"])
        if not today or today["outcome"] == "not shown":
            return ""
        said, seen = self.spoken(self.marked("reference")), today["seen"]
        if today["outcome"] == "pass":
            return f"{said} passes too ({seen})"
        return f"{said} fails it ({seen})"

    def threshold(self, one: dict[str, Any]) -> str:
        """The bound in words."""
        return f"at {'least' if one['more'] else 'most'} {self.value(one['metric'], one['bound'])}"

    def in_words(self, one: dict[str, Any]) -> str:
        """One sentence for one criterion, as the command line and other programs have it."""
        rest = self.standing(one)
        seen = f"{one['metric'].get('label')} {one['seen']}, {self.threshold(one)}"
        return f"{verdict(one).upper()}: {one['title']} ({seen}{f'; {rest}' if rest else ''})."

    def both(self, texts: Iterable[str]) -> str:
        """What is printed, first of two; versions of before had the second, where hard and late were one figure."""
        told, pooled = texts
        self.pooled[told] = pooled
        return told

    def value(self, metric: dict[str, Any], value: float | None) -> str:
        """A metric's value as the report prints it."""
        if value is None:
            return "–"
        if metric.get("unit") == "s":
            return seconds(value)
        return count(value) if metric.get("counts") else f"{plain(value)} {metric.get('unit', '')}".strip()
