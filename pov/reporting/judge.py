"""What the facts allow to be said: criteria scored, arms compared. Rules, no numerics beyond medians and ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pov.reporting import wording
from pov.reporting.facts import Arm, Criterion, Experiment, Facts
from pov.reporting.numbers import count, plain, plural, seconds

Outcome = Literal["pass", "fail", "not shown"]
INTERVAL_FROM = 6
"""No interval and no p-value below this number of trials an arm: with three, even a full separation stays above 5 %."""
COMPARE_FROM = 3
"""Fewer successful trials an arm are shown and not compared."""


@dataclass(frozen=True)
class Score:
    """One criterion scored. `reason` says why it is not shown, or names the samples it stands on."""

    criterion: Criterion
    outcome: Outcome
    observed: str
    threshold: str
    reason: str


def score(facts: Facts, criterion: Criterion) -> Score:
    """Pass, fail or not shown. Failed or missing trials never turn into a pass: the figure is then not shown."""
    timed = criterion.metric.endswith("_seconds")
    threshold = f"at most {seconds(criterion.at_most) if timed else plain(criterion.at_most)}"
    experiment = facts.experiment(criterion.experiment)
    arm = experiment.arm(criterion.arm) if experiment else None
    if arm is None or not arm.trials:
        return Score(criterion, "not shown", "not measured", threshold, "no trial of this arm in this run")
    value = _observe(arm, criterion.metric)
    if value is None:
        why = "every trial failed" if timed and arm.failed else "not recorded"
        return Score(criterion, "not shown", "–", threshold, why)
    observed = seconds(value) if timed else count(value)
    samples = f"samples {numbers(arm)}"
    if value > criterion.at_most:
        return Score(criterion, "fail", observed, threshold, samples)
    if arm.failed:
        why = f"{len(arm.failed)} of {plural(len(arm.trials), 'trial')} failed"
        return Score(criterion, "not shown", observed, threshold, why)
    planned = (facts.planned or ()).count((criterion.experiment, criterion.arm))
    if len(arm.trials) < planned:
        return Score(criterion, "not shown", observed, threshold, f"{len(arm.trials)} of {planned} planned trials ran")
    return Score(criterion, "pass", observed, threshold, samples)


def _observe(arm: Arm, metric: str) -> float | None:
    if metric == "median_seconds":
        return arm.median if arm.n else None
    if metric == "max_seconds":
        return arm.greatest if arm.n else None
    if metric in {"failed_requests", "failed_handshakes"}:
        # Without a request nothing can have failed, and nothing is shown.
        sent = arm.total("requests" if metric == "failed_requests" else "handshakes")
        return arm.total(metric) if sent else None
    return None


def verdict(facts: Facts) -> tuple[str, ...]:
    """A sentence for each criterion: how it ended, what was seen, what was asked."""
    if not facts.criteria:
        return ("No criterion was set: nothing is scored.",)
    scores = [score(facts, criterion) for criterion in facts.criteria]
    return tuple(
        f"{s.outcome.upper()}: {s.criterion.title}. Seen: {s.observed}, asked: {s.threshold} ({s.reason})."
        for s in scores
    )


def disagreements(facts: Facts) -> list[str]:
    """Where the summary scored a criterion otherwise than its samples do: the samples count."""
    told = {str(item.get("id")): str(item.get("outcome")) for item in facts.scored}
    scores = [score(facts, criterion) for criterion in facts.criteria]
    return [
        f"summary.json: {s.criterion.id} is scored as {told[s.criterion.id]}, the samples say {s.outcome}"
        for s in scores
        if told.get(s.criterion.id, s.outcome) != s.outcome
    ]


@dataclass(frozen=True)
class Comparison:
    """Automated against manual, machine time alone. `gain` is None where the trials do not tell the arms apart.

    `few` says that an arm has too few successful trials for any comparison; `gain` is None then.
    """

    experiment: str
    automated: Arm
    manual: Arm
    ratio: float
    gain: bool | None
    few: bool

    @property
    def lead(self) -> str:
        """The finding in a few words."""
        noun = wording.experiment(self.experiment).noun
        if self.few:
            return f"Too few trials to compare machine time per {noun}."
        if self.gain is None:
            return f"No clear difference in machine time per {noun}."
        return f"{'Less' if self.gain else 'No gain in'} machine time per {noun}."

    @property
    def sentence(self) -> str:
        """What the trials say, without more than they say."""
        automated, manual = self.automated, self.manual
        medians = f"median {seconds(automated.median)} automated, {seconds(manual.median)} for the runbook"
        if self.few:
            return f"Successful ones: {automated.n} automated, {manual.n} by the runbook."
        if self.gain is None:
            return f"The ranges overlap: {medians}."
        if self.gain:
            return f"In every successful trial: {medians}, {_times(self.ratio)} as long."
        return f"The runbook's machine time was shorter in every successful trial: {medians}."


def compare(experiment: Experiment) -> Comparison | None:
    """Compare the automated with the manual arm; None when either has no successful trial."""
    automated, manual = experiment.arm("automated"), experiment.arm("manual")
    if automated is None or manual is None or not automated.n or not manual.n or automated.median <= 0:
        return None
    few = min(automated.n, manual.n) < COMPARE_FROM
    gain: bool | None = None
    if few:
        pass
    elif automated.greatest < manual.least:
        gain = True
    elif manual.greatest < automated.least:
        gain = False
    return Comparison(experiment.name, automated, manual, manual.median / automated.median, gain, few)


def numbers(arm: Arm) -> str:
    """The arm's sample numbers, so that every figure can be traced."""
    found = [trial.n for trial in arm.trials]
    if len(found) <= 12:
        return ", ".join(map(str, found))
    return f"{', '.join(map(str, found[:10]))} … {found[-1]} ({len(found)})"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"
