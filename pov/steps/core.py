"""Steps, and the runner that does side by side what has no need of each other."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError
from pov.base.process import stop_all
from pov.base.wait import Waiting, first_done, waits_halted
from pov.model.events import Emit, Event, Kind, StepData, WaitData

if TYPE_CHECKING:
    from pov.steps.context import Context


class Outcome(enum.Enum):
    """What a step did: changed something, or found everything as wished."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Report:
    """A step's voice: what it is doing or waiting for right now."""

    def __init__(self, name: str, emit: Emit) -> None:
        self._name = name
        self._emit = emit

    def say(self, text: str) -> None:
        """Tell what is happening or waited for; shown beside the step's elapsed time."""
        self._emit(Event("progress", self._name, text))

    def waits(self, waiting: Waiting) -> None:
        """Tell what is waited for, and since when."""
        data = WaitData(waiting.what, waiting.state, round(waiting.elapsed_s, 3), waiting.limit_s)
        self._emit(Event("progress", self._name, waiting.state, data=data))

    def note(self, text: str) -> None:
        """Tell something worth keeping on the screen after the step."""
        self._emit(Event("note", self._name, text))


@dataclass(frozen=True)
class Step:
    """One part of the bring-up. `needs` names the steps that come first; `expected_s` is its usual time in seconds.

    `run` observes first and changes only what differs; killed anywhere and run again, it completes.
    """

    name: str
    title: str
    run: Callable[[Context, Report], Outcome]
    needs: tuple[str, ...] = ()
    expected_s: float = 1.0


@dataclass(frozen=True)
class StepResult:
    """How one step went, in seconds."""

    name: str
    outcome: Outcome
    seconds: float


def check_order(steps: Sequence[Step]) -> None:
    """Refuse unknown needs and circles: both are mistakes in the list, found before anything runs."""
    names = {step.name for step in steps}
    done: set[str] = set()
    for step in steps:
        unknown = set(step.needs) - names
        if unknown:
            raise PovError(f"step {step.name} needs unknown steps: {', '.join(sorted(unknown))}")
    left = list(steps)
    while left:
        ready = [step for step in left if set(step.needs) <= done]
        if not ready:
            raise PovError(f"steps need each other in a circle: {', '.join(step.name for step in left)}")
        done.update(step.name for step in ready)
        left = [step for step in left if step.name not in done]


def run_steps(steps: Sequence[Step], ctx: Context, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> list[StepResult]:
    """Run the steps, each as soon as what it needs is done. Returns the results in order of completion.

    The first failure lets running steps end and starts no more; it is raised with the step's name in its details.
    An interrupt does the same.
    """
    check_order(steps)
    results: dict[str, StepResult] = {}
    waiting = {step.name: step for step in steps}
    running: dict[Future[StepResult], Step] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max(1, len(steps)), thread_name_prefix="step") as pool:
        try:
            while waiting or running:
                for step in _ready(waiting, results) if failure is None else ():
                    del waiting[step.name]
                    running[pool.submit(_run_one, step, ctx, emit, clock)] = step
                if not running:
                    break
                for future in first_done(running):
                    step = running.pop(future)
                    error = future.exception()
                    if error is None:
                        results[step.name] = future.result()
                    elif failure is None:
                        failure = error
        except KeyboardInterrupt:
            ctx.cancel()
            with waits_halted():
                stop_all()
                pool.shutdown()
            raise
    if failure is not None:
        raise failure
    return list(results.values())


def _ready(waiting: Mapping[str, Step], results: Mapping[str, StepResult]) -> list[Step]:
    return [step for step in waiting.values() if set(step.needs) <= results.keys()]


def _run_one(step: Step, ctx: Context, emit: Emit, clock: Clock) -> StepResult:
    data = StepData(step.name, step.expected_s)
    started = clock.monotonic()
    emit(Event("started", step.name, step.title, step.expected_s, data))
    try:
        outcome = step.run(ctx, Report(step.name, emit))
    except BaseException as error:
        seconds = clock.monotonic() - started
        text = error.message if isinstance(error, PovError) else f"{type(error).__name__}: {error}"
        failed = replace(data, seconds=round(seconds, 3), outcome="failed")
        emit(Event("failed", step.name, text, seconds, failed))
        if isinstance(error, PovError):
            error.details = (f"in step {step.name}: {step.title}", *error.details)
        raise
    seconds = clock.monotonic() - started
    done = replace(data, seconds=round(seconds, 3), outcome=outcome.value)
    kind: Kind = "changed" if outcome is Outcome.CHANGED else "unchanged"
    emit(Event(kind, step.name, step.title, seconds, done))
    return StepResult(step.name, outcome, seconds)
