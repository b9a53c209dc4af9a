"""Scoring: pass, fail, or not shown. A criterion passes only on every trial that was planned for it.

A late request that this machine may answer for neither fails a criterion nor lets it pass. Each criterion is scored for
today's way too: one that both pass does not tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pov.measure.results import FIGURES, Arm, Kinds, Results
from pov.model.catalogue import proposed
from pov.model.kinds import MORE, Metric
from pov.model.reading import items, mapping, number, text, whole

Outcome = Literal["pass", "fail", "not shown"]
STALLED = "this machine stalled"
_BOUNDS = ("at_most", "at_least", "bound")
BLIND = "the negative control did not show that the prober sees failures"
APART = "does not tell apart"


def word(outcome: str, tells_apart: bool | None) -> str:
    """What is printed as an outcome, on paper and on a terminal: a pass of both ways says nothing for either."""
    return APART if tells_apart is False else outcome


@dataclass(frozen=True)
class Criterion:
    """A bound on one figure of one arm, in the figure's own unit. `agreed_by` is who agreed to it, empty for nobody.

    `primary_against` names the arm with which this one is compared as the experiment's primary comparison, empty if
    this criterion says nothing about that.
    """

    id: str
    title: str
    experiment: str
    arm: str
    metric: str
    bound: float
    agreed_by: str = ""
    agreed_on: str = ""
    timeout_ms: int | None = None
    primary_against: str = ""

    @property
    def agreed(self) -> bool:
        """Whether somebody is named for it."""
        return bool(self.agreed_by)


@dataclass(frozen=True)
class Score:
    """One criterion against what was seen; `observed` is None if there is nothing to judge by.

    `excused` are those of the observed failures that this machine may answer for. `today` is the same criterion scored
    for today's way, None where that was not measured, or is what the criterion is about. `kinds` are the hard and the
    late ones of an observed sum of both.
    """

    criterion: Criterion
    metric: Metric
    observed: float | None
    outcome: Outcome
    reason: str
    excused: int = 0
    today: Score | None = None
    kinds: Kinds | None = None

    @property
    def why(self) -> str:
        """The reason as it is printed beside the observed figure."""
        return why(self.reason, None if self.kinds is None else self.kinds.late, self.excused, self.outcome)

    @property
    def tells_apart(self) -> bool | None:
        """False if today's way passes too, True if it fails where this passes, None where that is not known."""
        if self.outcome != "pass" or self.today is None or self.today.outcome == "not shown":
            return None
        return self.today.outcome == "fail"

    def as_json(self) -> dict[str, Any]:
        """As it stands in the summary."""
        wanted, today = self.criterion, self.today
        return {
            "id": wanted.id,
            "title": wanted.title,
            "experiment": wanted.experiment,
            "arm": wanted.arm,
            "metric": wanted.metric,
            "unit": self.metric.unit,
            "threshold": wanted.bound,
            "agreed_by": wanted.agreed_by,
            "agreed_on": wanted.agreed_on,
            "observed": self.observed,
            **_by_kind(self),
            "excused": self.excused,
            "outcome": self.outcome,
            "reason": self.reason,
            "today": None
            if today is None
            else {
                "arm": today.criterion.arm,
                "observed": today.observed,
                **_by_kind(today),
                "outcome": today.outcome,
            },
            "tells_apart": self.tells_apart,
        }


def why(reason: str, late: int | None, excused: int, outcome: str) -> str:
    """A reason as it is printed beside a figure that is told as hard and `late` ones: neither once more, nor pooled.

    Where they were not told (None) it is as the summary has it, and has had it since there are summaries.
    """
    if late is None or outcome == "pass":
        return reason
    if reason.startswith(STALLED):
        return f"{STALLED}: {excused} of {late} late may be excused"
    if outcome != "fail":
        return reason
    over = reason.rpartition(", ")[2]
    return f"{excused} of the late ones excused, {over}" if excused else over


def _by_kind(score: Score) -> dict[str, int | None]:
    found = score.kinds
    return {"hard": None, "late": None} if found is None else {"hard": found.hard, "late": found.late}


def threshold(record: Mapping[str, Any]) -> float | None:
    """The bound of a recorded criterion, on whichever side it is; None where there is none."""
    return next((value for key in _BOUNDS if (value := number(record.get(key))) is not None), None)


def criteria(records: object, problems: list[str]) -> tuple[Criterion, ...]:
    """Criteria as a run recorded them; one without a bound is told in `problems`.

    On which side the bound is follows from the metric's direction, which the run recorded with its catalogue.
    """
    found: list[Criterion] = []
    for position, item in enumerate(map(mapping, items(records)), 1):
        bound = threshold(item)
        name = text(item.get("id")) or f"criterion-{position}"
        if bound is None:
            problems.append(f"criterion {name}: no threshold recorded")
            continue
        experiment, metric = text(item.get("experiment")), text(item.get("metric"))
        arm = text(item.get("arm")) or proposed().name
        by, on = text(item.get("agreed_by")), text(item.get("agreed_on"))
        title, limit = text(item.get("title")) or name, whole(item.get("timeout_ms"))
        against = text(item.get("primary_against"))
        found.append(Criterion(name, title, experiment, arm, metric, bound, by, on, limit, against))
    return tuple(found)


def scored(results: Results, wanted: Iterable[Criterion]) -> tuple[Score, ...]:
    """Every criterion, for its own arm and for today's."""
    return tuple(_with_today(results, criterion) for criterion in wanted)


def _with_today(results: Results, criterion: Criterion) -> Score:
    own = score(results, criterion)
    today = next((arm.name for arm in results.words.arms.values() if arm.reference), None)
    if today is None or today == criterion.arm or not results.arm(criterion.experiment, today).trials:
        return own
    return replace(own, today=score(results, replace(criterion, arm=today)))


def score(results: Results, criterion: Criterion) -> Score:
    """Judge by the arm that the criterion names. Failures of any trial count; a missing trial prevents a pass.

    Failures are also those of the trials in which the arm was tried against itself; times are the arm's own alone.
    """
    metric = results.words.metric(criterion.metric)
    arm, planned = results.tried(criterion.experiment, criterion.arm)
    if not metric.counts:
        arm = results.arm(criterion.experiment, criterion.arm)
        planned = results.planned.get((criterion.experiment, criterion.arm), 0)
    observed = arm.observe(metric)
    excused = arm.excused(metric)

    def told(outcome: Outcome, reason: str) -> Score:
        return Score(criterion, metric, observed, outcome, reason, excused, kinds=arm.kinds(metric))

    missing = _missing(results, arm, metric, planned)
    if not arm.trials:
        found_out = told("not shown", "no trial of this arm in this run")
    elif observed is None:
        found_out = told("not shown", "every trial failed" if not arm.n and not metric.counts else "not recorded")
    elif _beyond(metric, observed - excused, criterion.bound):
        found_out = told("fail", _why_failed(arm, metric))
    elif _beyond(metric, observed, criterion.bound):
        found_out = told("not shown", f"{STALLED}: {excused} of {observed:g} may be excused")
    elif missing:
        found_out = told("not shown", missing)
    else:
        found_out = told("pass", f"all of {_trials(len(arm.trials))}")
    return found_out


def _missing(results: Results, arm: Arm, metric: Metric, planned: int) -> str:
    """What keeps a figure within its bound from being a pass; empty for nothing."""
    if arm.failed:
        return f"{len(arm.failed)} of {_trials(len(arm.trials))} failed"
    if len(arm.trials) < planned:
        return f"{len(arm.trials)} of {_trials(planned)} planned ran"
    return BLIND if metric.counts and results.sight.shown is False else ""


def _beyond(metric: Metric, value: float, bound: float) -> bool:
    return value < bound if metric.direction == MORE else value > bound


def _why_failed(arm: Arm, metric: Metric) -> str:
    over, counts = f"over {_trials(len(arm.trials))}", arm.counts
    if metric.figure not in FIGURES:
        # Failures in another window than the operation's, whose own counts would tell of something else.
        kinds, excused = arm.kinds(metric), f"{arm.excused(metric)} of them excused"
        if kinds is not None:
            return f"{kinds.hard} hard, {kinds.late} late ({excused}), {over}"
        return f"{excused}, {over}" if arm.excused(metric) else over
    if not metric.counts or counts is None or not arm.told_apart:
        return over
    return f"{counts.hard} hard, {counts.late} late ({counts.excused} of them excused), {over}"


def _trials(number_of: int) -> str:
    return f"{number_of} trial{'' if number_of == 1 else 's'}"
