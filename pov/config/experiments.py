"""What a scenario measures, and when that counts as a success. Names are those of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from pov.config.explaining import Faults
from pov.config.loading import Model
from pov.config.names import ArmName, ExperimentName, MetricName, Name
from pov.config.points import Point
from pov.config.units import Day, Real, Whole
from pov.model import catalogue
from pov.model.kinds import MORE, Metric


class Experiment(Model):
    """What is measured, how often, in which arms; `arm_trials` is for arms that are tried more or less often.

    `placebos` are windows in which nothing is done: as many as the proposed arm has trials, if nothing is said. `aa`
    are further trials of the proposed arm, to be compared with itself: what differs there is this machine's doing.
    `at` and `error_rate` are options of one experiment each (`catalogue.OPTIONS`): the point at which the work is
    killed, the share of its requests that a bad version answers with an error.
    """

    name: ExperimentName
    trials: Whole = Field(default=3, ge=1, le=100)
    arms: tuple[ArmName, ...] = Field(default_factory=catalogue.usual)
    arm_trials: dict[ArmName, Annotated[Whole, Field(ge=1, le=100)]] = Field(default_factory=dict)
    placebos: Whole | None = Field(default=None, ge=1, le=100)
    aa: Whole | None = Field(default=None, ge=1, le=100)
    at: Point | None = None
    error_rate: Real | None = Field(default=None, ge=catalogue.ERROR_RATE.least, le=catalogue.ERROR_RATE.most)

    @model_validator(mode="after")
    def _only_its_settings(self) -> Self:
        for option in catalogue.OPTIONS.values():
            if getattr(self, option.name) is not None and self.name != option.experiment:
                key = type(self).model_fields[option.name].alias or option.name
                fix = f"it belongs to {option.experiment}: leave it out"
                raise Faults([((key,), f"{self.name} has no `{key}`", fix)])
        return self

    @model_validator(mode="after")
    def _only_its_arms(self) -> Self:
        foreign = [arm for arm in self.arm_trials if arm not in self.arms]
        if foreign:
            raise Faults([(("armTrials", arm), f"{arm} is not among the arms", "add it there") for arm in foreign])
        if self.aa is not None and catalogue.proposed().name not in self.arms:
            told = f"{catalogue.proposed().name} is not among the arms, so it cannot be tried against itself"
            raise Faults([(("aa",), told, "add it there, or leave `aa` out")])
        return self

    def trials_of(self, arm: str) -> int:
        """How often an arm is tried."""
        return self.arm_trials.get(arm, self.trials)


class Criterion(Model):
    """A bound on one figure of one arm: `at_most` where less of it is better, `at_least` where more is.

    `agreed_by` and `agreed_on` name who agreed to it and when: without a name the report says that nobody did.
    `timeout_ms` is the time after which a request counts as late: it belongs to what is asked, so all criteria of an
    experiment that count failures must have the same. `primary_against` makes the comparison of this criterion's arm
    with that one, by their seconds, the primary one of its experiment: of those alone a p is told, corrected for their
    number. Where no criterion of an experiment says so, it is the proposed arm against today's way.
    """

    id: Name
    title: str = Field(min_length=1)
    experiment: ExperimentName
    arm: ArmName = Field(default_factory=lambda: catalogue.proposed().name)
    metric: MetricName
    at_most: Real | None = Field(default=None, ge=0)
    at_least: Real | None = Field(default=None, ge=0)
    timeout_ms: Whole | None = Field(default=None, ge=50, le=30_000)
    primary_against: ArmName | None = None
    agreed_by: str = ""
    agreed_on: Day | None = None

    @model_validator(mode="after")
    def _figure_is_counted(self) -> Self:
        metric = catalogue.METRICS[self.metric]
        if self.metric in catalogue.OF_PEOPLE:
            told = "is told person by person, and no criterion stands on it"
            raise Faults([(("metric",), told, "median_seconds")])
        self._bounded_on_its_side(metric)
        if metric.only and self.metric not in catalogue.EXPERIMENTS[self.experiment].metrics:
            counting = ", ".join(e.name for e in catalogue.EXPERIMENTS.values() if self.metric in e.metrics)
            raise Faults([(("metric",), f"is counted in {counting} alone", "failed_requests")])
        if self.timeout_ms is not None and not metric.counts:
            raise Faults([(("timeoutMs",), "belongs to a criterion on failures", "leave it out")])
        if self.primary_against == self.arm:
            raise Faults([(("primaryAgainst",), f"{self.arm} cannot be compared with itself", "name another arm")])
        if self.agreed_on is not None and not self.agreed_by.strip():
            raise Faults([(("agreedBy",), "a day needs the name of who agreed", "or leave `agreedOn` out")])
        return self

    def _bounded_on_its_side(self, metric: Metric) -> None:
        """One bound, on the side from which the catalogue says that the figure is better."""
        more = metric.direction == MORE
        right, wrong = ("atLeast", "atMost") if more else ("atMost", "atLeast")
        given, other = (self.at_least, self.at_most) if more else (self.at_most, self.at_least)
        if other is not None:
            told = f"{'more' if more else 'less'} of `{metric.name}` is better: it has a bound `{right}`"
            raise Faults([((wrong,), told, f"{right}: {other:g}" if given is None else "leave it out")])
        if given is None:
            raise Faults([((), f"no bound: `{metric.name}` needs `{right}`", f"{right}: a number")])

    @property
    def bound(self) -> float:
        """The threshold, whichever side it is on."""
        found = self.at_most if self.at_most is not None else self.at_least
        assert found is not None
        return found

    @property
    def side(self) -> str:
        """In a sentence before the threshold: "at most", "at least"."""
        return "at most" if self.at_most is not None else "at least"


class Smoke(Model):
    """What the smoke test does with this scenario."""

    trials: Whole = Field(default=1, ge=1, le=3)
    experiments: tuple[ExperimentName, ...] = Field(default_factory=catalogue.usual_experiments)


def conflicting_timeouts(criteria: Sequence[Criterion], default_ms: int) -> Iterator[tuple[int, str, str]]:
    """Positions of criteria on failures that want another time-out than an earlier one of the same experiment."""
    first: dict[str, tuple[str, int]] = {}
    for index, criterion in enumerate(criteria):
        if not catalogue.METRICS[criterion.metric].counts:
            continue
        wanted = criterion.timeout_ms or default_ms
        name, known = first.setdefault(criterion.experiment, (criterion.id, wanted))
        if wanted != known:
            told = f"{wanted} ms, but {name} has {known} ms: one load cannot have both"
            yield index, told, "the same for both"


def conflicting_primaries(criteria: Sequence[Criterion]) -> Iterator[tuple[int, str, str]]:
    """Positions of criteria that name another primary comparison than an earlier one of the same experiment."""
    first: dict[str, tuple[str, tuple[str, str]]] = {}
    for index, criterion in enumerate(criteria):
        if criterion.primary_against is None:
            continue
        wanted = (criterion.arm, criterion.primary_against)
        name, known = first.setdefault(criterion.experiment, (criterion.id, wanted))
        if wanted != known:
            told = f"{' against '.join(wanted)}, but {name} has {' against '.join(known)}: an experiment has one"
            yield index, told, "name one of them"


def timeouts(criteria: Sequence[Criterion]) -> dict[str, int]:
    """The time-out that criteria ask for, by experiment, in milliseconds."""
    asked = [c for c in criteria if c.timeout_ms is not None and catalogue.METRICS[c.metric].counts]
    return {criterion.experiment: criterion.timeout_ms for criterion in asked if criterion.timeout_ms is not None}
