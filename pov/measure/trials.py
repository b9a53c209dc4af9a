"""One trial: set up, warm up, the operation alone timed, verify, clean up whatever happened."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pov.base.clock import Clock, timestamp
from pov.base.errors import PovError
from pov.measure.order import Slot
from pov.measure.pace import WHOLE
from pov.model.sample import Sample, Step, Traffic

OPERATION = "operation"
VERIFICATION = "verification"


class Ending(enum.Enum):
    """How a trial came to its clean-up. After an interrupt somebody waits for the prompt."""

    DONE = enum.auto()
    FAILED = enum.auto()
    INTERRUPTED = enum.auto()


@dataclass(frozen=True)
class Evidence:
    """What a trial leaves beside its seconds: the parts of the operation, traffic (None without load), facts.

    `figures` are further measured figures by metric, `seconds` of them for instance. `origin` is the sample's: who did
    it, a machine or a person.
    """

    steps: tuple[Step, ...] = ()
    traffic: Traffic | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    origin: str = "executed"


class Trial(Protocol):
    """What an experiment hands in. Only `operate` is timed: it starts the change and returns once it is seen."""

    def set_up(self) -> None:
        """Bring everything to the start line: artefact ready, change edited, estate quiet."""
        ...

    def warm_up(self) -> None:
        """Do once, untimed, what would otherwise make the first trial slower than the others."""
        ...

    def phase(self, name: str) -> None:
        """Hear that a phase begins, right before the clock starts and right after it stopped."""
        ...

    def operate(self) -> None:
        """The operation, from its first action until it has been observed to be done."""
        ...

    def verify(self) -> None:
        """Check by another way than the one that stopped the clock. Raises if the operation did not do its work."""
        ...

    def evidence(self) -> Evidence:
        """What was seen; also asked for after a failed operation."""
        ...

    def clean_up(self, ending: Ending) -> Sequence[str]:
        """Leave the estate fit for the next trial, after every ending. Returns what went wrong in it."""
        ...


class CleanUp:
    """The steps back, noted as a trial goes forth; run last one first, each whatever became of the others."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object], Collection[Ending]]] = []

    def add(
        self, what: str, step: Callable[[], object], *, after: Collection[Ending] = tuple(Ending), once: bool = False
    ) -> None:
        """Note a step for the endings in `after`; with `once` not for those that have one of that name already."""
        known = {ending for name, _, endings in self._steps if name == what for ending in endings} if once else set()
        if left := set(after) - known:
            self._steps.append((what, step, left))

    def run(self, ending: Ending) -> tuple[str, ...]:
        """Run the steps for this ending, each once; returns what went wrong, in words, in the order it was met.

        An interrupt gets through, after the steps that are left.
        """
        problems: list[str] = []
        steps, self._steps = self._steps, []
        with ExitStack() as stack:
            for what, step, after in steps:
                if ending in after:
                    stack.callback(_bear, what, step, problems)
        return tuple(problems)


def _bear(what: str, step: Callable[[], object], problems: list[str]) -> None:
    try:
        step()
    except Exception as error:  # noqa: BLE001 - one step that fails must not keep the others from running
        problems.append(f"{what}: {tell(error)}")


@dataclass(frozen=True)
class Result:
    """How one trial ended. `seconds` is None if the clock never started; a failed trial keeps the time it took.

    `whole` is the time in seconds from making the trial to the end of its clean-up: what a plan has to reckon with.
    """

    slot: Slot
    started: datetime
    seconds: float | None
    error: str | None
    evidence: Evidence
    whole: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the operation was done and verified."""
        return self.error is None

    def as_sample(self) -> Sample:
        """The record that is saved, without what the run's chain adds."""
        return Sample(
            experiment=self.slot.experiment,
            arm=self.slot.arm,
            trial=self.slot.trial,
            origin=self.evidence.origin,
            started=timestamp(self.started),
            seconds=None if self.seconds is None else round(self.seconds, 3),
            ok=self.ok,
            error=self.error,
            steps=tuple(Step(step.name, round(step.seconds, 3)) for step in self.evidence.steps),
            figures=dict(self.evidence.figures),
            traffic=self.evidence.traffic,
            details={**self.evidence.details, WHOLE: round(self.whole, 1)},
        )


class _Run:
    """What is known of a trial while it runs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.started = clock.wall()
        self.seconds: float | None = None
        self.problems: list[str] = []
        self.evidence = Evidence()

    def forth(self, trial: Trial) -> None:
        """Up to the verified operation. Any error ends it and is kept."""
        try:
            trial.set_up()
            trial.warm_up()
            trial.phase(OPERATION)
            self._operate(trial)
            trial.phase(VERIFICATION)
            trial.verify()
        except Exception as error:  # noqa: BLE001 - whatever went wrong in a trial is a failed trial, never a lost run
            self.problems.append(tell(error))

    def _operate(self, trial: Trial) -> None:
        self.started = self.clock.wall()
        begun = self.clock.monotonic()
        try:
            trial.operate()
        finally:
            self.seconds = self.clock.monotonic() - begun

    def ask(self, trial: Trial) -> None:
        """The evidence, whatever happened before."""
        try:
            self.evidence = trial.evidence()
        except Exception as error:  # noqa: BLE001 - as above
            self.problems.append(f"evidence: {tell(error)}")


def run_trial(slot: Slot, make: Callable[[], Trial], clock: Clock) -> Result:
    """Make and run one trial. Any error makes it a failed one; only an interrupt gets through, after the clean-up.

    A clean-up that fails spoils the trial: the estate is not what the next one expects, so it must show.
    """
    run, begun = _Run(clock), clock.monotonic()
    try:
        trial = make()
    except Exception as error:  # noqa: BLE001 - a trial that cannot even be made fails alone
        return Result(slot, run.started, None, tell(error), run.evidence, clock.monotonic() - begun)
    ending = Ending.INTERRUPTED
    try:
        run.forth(trial)
        run.ask(trial)
        ending = Ending.FAILED if run.problems else Ending.DONE
    finally:
        run.problems += [f"clean-up: {text}" for text in trial.clean_up(ending)]
    whole = clock.monotonic() - begun
    return Result(slot, run.started, run.seconds, "; ".join(run.problems) or None, run.evidence, whole)


def tell(error: Exception) -> str:
    """An error in one line of a record."""
    if isinstance(error, PovError):
        return f"{error.message} ({error.cause})" if error.cause else error.message
    return f"{type(error).__name__}: {error}"
