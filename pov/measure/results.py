"""What a run's samples hold, arm by arm: the one place that sums them up, for summary, report and command line alike.

Median, least, greatest and n are over successful trials alone; a failed trial is kept and counted, never averaged in.
Trials of different origin (executed, person) never share an arm.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pov.measure.excuse import HARD
from pov.model.kinds import AGAIN, NEGATIVE, PLACEBO, Metric
from pov.model.reading import TOLD_APART, mapping, text, whole
from pov.model.sample import Counts, Sample
from pov.model.words import Words

EXECUTED, PERSON, SIMULATED = "executed", "person", "simulated"


@dataclass(frozen=True)
class Count:
    """Failures of one trial or several: all of them, and how many of those this machine may answer for."""

    all: int
    excused: int = 0


@dataclass(frozen=True)
class Kinds:
    """The same failures by kind: an effect and noise are not one figure."""

    hard: int
    late: int


_FAILURES: Mapping[str, Callable[[Counts], Count]] = {
    "failed": lambda c: Count(c.failed, c.excused),
    "hard": lambda c: Count(c.hard),
    "late": lambda c: Count(c.late, c.excused),
    "failed_handshakes": lambda c: Count(c.failed_handshakes, c.most_excused_handshakes),
    "hard_handshakes": lambda c: Count(c.hard_handshakes),
}
_BOTH: Mapping[str, Callable[[Counts], Kinds]] = {
    "failed": lambda c: Kinds(c.hard, c.late),
    "failed_handshakes": lambda c: Kinds(c.hard_handshakes, c.late_handshakes),
}
_HANDSHAKES = {"failed_handshakes", "hard_handshakes"}
FIGURES = (*_FAILURES, "seconds")
"""The figures that every trial has. A trial may have further ones of its own."""
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "median": statistics.median,
    "max": max,
    "min": min,
    "sum": sum,
}


@dataclass(frozen=True)
class Arm:
    """All trials of one arm of one experiment, in the order they ran."""

    name: str
    trials: tuple[Sample, ...]

    @property
    def good(self) -> tuple[Sample, ...]:
        """Successful trials with a time."""
        return tuple(trial for trial in self.trials if trial.ok and trial.seconds is not None)

    @property
    def times(self) -> tuple[float, ...]:
        """Seconds of the successful trials."""
        return tuple(trial.seconds for trial in self.good if trial.seconds is not None)

    @property
    def n(self) -> int:
        """How many trials the statistics stand on."""
        return len(self.good)

    @property
    def failed(self) -> tuple[Sample, ...]:
        """Trials that failed: kept, counted, not averaged in."""
        return tuple(trial for trial in self.trials if not trial.ok or trial.seconds is None)

    @property
    def median(self) -> float:
        """Median seconds; only where n > 0."""
        return statistics.median(self.times)

    @property
    def least(self) -> float:
        """Shortest successful trial in seconds; only where n > 0."""
        return min(self.times)

    @property
    def greatest(self) -> float:
        """Longest successful trial in seconds; only where n > 0."""
        return max(self.times)

    @property
    def counts(self) -> Counts | None:
        """The operations' requests, failed trials' among them, summed up; None where no trial recorded any."""
        return added(trial.traffic.operation for trial in self.trials if trial.traffic is not None)

    @property
    def told_apart(self) -> bool:
        """Whether hard and late failures were recorded apart."""
        seen = [trial.traffic for trial in self.trials if trial.traffic is not None]
        return all(traffic.details.get(TOLD_APART) is not False for traffic in seen)

    def stalled(self) -> tuple[Sample, ...]:
        """Trials in whose window control requests came late."""
        return tuple(
            t for t in self.trials if t.traffic and t.traffic.control_stalls and t.traffic.control_stalls.count
        )

    def count(self, figure: str) -> Count | None:
        """Failures over all trials; None for a figure that counts none, and where nothing was sent."""
        counts = self.counts
        if counts is None or figure not in _FAILURES:
            return None
        sent = counts.handshakes if figure in _HANDSHAKES else counts.requests
        return _FAILURES[figure](counts) if sent else None

    def excused(self, metric: Metric) -> int:
        """Those of a metric's failures that this machine may answer for.

        A figure of an experiment's own has them in the trials' details, as `FIGURE_excused`.
        """
        if metric.figure in _FAILURES:
            found = self.count(metric.figure) if metric.counts else None
            return found.excused if found else 0
        if not metric.counts or metric.aggregation != "sum":
            return 0
        return sum(whole(t.details.get(f"{metric.figure}_excused")) or 0 for t in self.trials)

    def kinds(self, metric: Metric) -> Kinds | None:
        """The hard and the late ones in a sum of both; None for any other metric, and where they were not told apart.

        A figure of an experiment's own that holds both has its hard ones in the trials' details, as `FIGURE_hard`.
        """
        if not metric.counts or metric.aggregation != "sum":
            return None
        if metric.figure in _FAILURES:
            both, counts = _BOTH.get(metric.figure), self.counts
            known = counts is not None and self.told_apart and self.count(metric.figure) is not None
            return both(counts) if both and counts and known else None
        told = [t for t in self.trials if figure(t, metric.figure) is not None]
        hard = [found for t in told if (found := whole(t.details.get(f"{metric.figure}_hard"))) is not None]
        late = int(self.observe(metric) or 0) - sum(hard)
        return Kinds(sum(hard), late) if hard and len(hard) == len(told) and late >= 0 else None

    def observe(self, metric: Metric) -> float | None:
        """A metric's value over this arm's trials; None where no trial has it."""
        if metric.figure in _FAILURES and metric.aggregation == "sum":
            found = self.count(metric.figure)
            return None if found is None else float(found.all)
        trials = self.trials if metric.counts else self.good
        values = [value for trial in trials if (value := figure(trial, metric.figure)) is not None]
        return float(_AGGREGATIONS[metric.aggregation](values)) if values else None


@dataclass(frozen=True)
class Experiment:
    """One experiment and its arms; placebos and negative controls stand apart and enter no statistic.

    `again` is the one of the arms in which the proposed arm is tried against itself (A/A), None without.
    So do people: their arms enter no comparison with what machines did.
    """

    name: str
    arms: tuple[Arm, ...]
    negative: Arm | None = None
    placebo: Arm | None = None
    again: Arm | None = None
    people: tuple[Arm, ...] = ()

    @property
    def ways(self) -> tuple[Arm, ...]:
        """The arms that are different ways of doing it."""
        return tuple(arm for arm in self.arms if arm is not self.again)

    def arm(self, name: str) -> Arm | None:
        """The arm of this name, if any trial of it ran."""
        return next((arm for arm in (*self.arms, *self.people) if arm.name == name), None)


@dataclass(frozen=True)
class Results:
    """All experiments of a run. `planned` holds how many trials of each (experiment, arm) were drawn."""

    experiments: tuple[Experiment, ...]
    planned: Mapping[tuple[str, str], int]
    words: Words

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of this name, if any trial of it ran."""
        return next((experiment for experiment in self.experiments if experiment.name == name), None)

    def arm(self, experiment: str, arm: str) -> Arm:
        """The arm, without trials if none ran."""
        found = self.experiment(experiment)
        return (found.arm(arm) if found else None) or Arm(arm, ())

    def tried(self, experiment: str, arm: str) -> tuple[Arm, int]:
        """Every trial of a way of doing it, those against itself among them, and how many were planned.

        What went wrong in any of them went wrong in this arm.
        """
        found = self.experiment(experiment)
        own, planned = self.arm(experiment, arm), self.planned.get((experiment, arm), 0)
        twins = [a for a in self.words.arms.values() if a.again and a.against == arm]
        trials = [trial for twin in twins for trial in self.arm(experiment, twin.name).trials] if found else []
        planned += sum(self.planned.get((experiment, twin.name), 0) for twin in twins)
        return Arm(arm, (*own.trials, *trials)), planned

    @property
    def sight(self) -> Sight:
        """Whether negative controls showed that the prober sees failures."""
        windows = [trial for e in self.experiments if e.negative for trial in e.negative.trials]
        return Sight(tuple(windows), tuple(trial for trial in windows if not _saw(trial)))


@dataclass(frozen=True)
class Sight:
    """The negative controls of a run, and those that failed themselves or saw nothing."""

    windows: tuple[Sample, ...]
    blind: tuple[Sample, ...]

    @property
    def shown(self) -> bool | None:
        """True if each saw its failure, False if one did not, None where there was none."""
        return not self.blind if self.windows else None

    def why(self, trial: Sample) -> str:
        """What was wrong with a blind one."""
        if not trial.ok:
            return f"it failed itself: {trial.error or 'no reason recorded'}"
        return "no hard failure on its own service's edges was seen"


def _saw(trial: Sample) -> bool:
    """Hard failures on the edges of the service that had to fail, in the operation, by a control that went through."""
    if not trial.ok or trial.traffic is None:
        return False
    if trial.traffic.details.get(TOLD_APART) is False:
        return trial.traffic.operation.failed > 0
    seen, service = mapping(trial.details.get("seen")), text(trial.details.get("service"))
    ends = {end.strip() for end in text(seen.get("edge")).split("→")}
    return seen.get("kind") == HARD and service in ends and trial.traffic.operation.hard > 0


def holds_both(metric: Metric) -> bool:
    """Whether hard and late failures of every trial are one figure in it."""
    return metric.figure in _BOTH


def gathered(samples: Iterable[Sample], planned: Mapping[tuple[str, str], int], words: Words) -> Results:
    """Samples by experiment and arm, in the catalogue's order."""
    by_name: dict[str, dict[str, list[Sample]]] = {name: {} for name in words.experiments}
    for sample in samples:
        by_name.setdefault(sample.experiment, {}).setdefault(arm_of(sample, words), []).append(sample)
    order = {name: position for position, name in enumerate(words.arms)}
    experiments = []
    for name, found in by_name.items():
        if not found:
            continue
        arms = [Arm(arm, tuple(found[arm])) for arm in sorted(found, key=lambda a: (order.get(a, len(order)), a))]
        kinds = {words.arm(arm.name).kind: arm for arm in arms}
        compared = tuple(arm for arm in arms if not words.arm(arm.name).apart)
        people = tuple(arm for arm in arms if words.arm(arm.name).by_people)
        windows = kinds.get(NEGATIVE), kinds.get(PLACEBO)
        experiments.append(Experiment(name, compared, *windows, kinds.get(AGAIN), people))
    return Results(tuple(experiments), planned, words)


def arm_of(sample: Sample, words: Words) -> str:
    """The arm under which a sample is summed up: people's times have one of their own, and scripts in their place."""
    own = {PERSON} if words.arm(sample.arm).by_people else {EXECUTED, SIMULATED}
    return sample.arm if sample.origin in own else f"{sample.arm}-{sample.origin}"


def figure(sample: Sample, name: str) -> float | None:
    """One figure of one trial; None where it was not recorded."""
    if name == "seconds":
        return sample.seconds
    if name in _FAILURES:
        return None if sample.traffic is None else float(_FAILURES[name](sample.traffic.operation).all)
    return sample.figures.get(name)


def added(counts: Iterable[Counts]) -> Counts | None:
    """Their sum; None for none."""
    found = list(counts)
    if not found:
        return None
    names = ("requests", "hard", "late", "excused", "handshakes", "hard_handshakes", "late_handshakes")
    handshakes = [one.excused_handshakes for one in found if one.excused_handshakes is not None]
    return Counts(
        **{name: sum(getattr(one, name) for one in found) for name in names},
        excused_handshakes=sum(handshakes) if len(handshakes) == len(found) else None,
    )


def loads_the_machine(experiment: Experiment, arm: Arm) -> bool:
    """Whether the operation loads this machine: its control stalls in most of its trials, and in no placebo."""
    quiet = experiment.placebo
    return bool(quiet and quiet.trials and not quiet.stalled() and 2 * len(arm.stalled()) > len(arm.trials))
