"""`pov measure`: trials of each arm in a recorded random order, every sample saved as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import InvalidInput, PovError, Problem, TimedOut
from pov.base.wait import Pending, wait_for
from pov.config.scenario import Criterion, Scenario
from pov.config.scenario import Experiment as Settings
from pov.experiments import EXPERIMENTS
from pov.experiments.placebo import PlaceboWindow
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot, interleave, new_seed
from pov.measure.summary import NEGATIVE, PLACEBO, summarise
from pov.measure.trials import Result, Trial, run_trial
from pov.model.events import Emit, Event
from pov.state.runs import RunWriter

Plan = Mapping[tuple[str, str], int]
_NOT_COMPARED = {PLACEBO, NEGATIVE}
_DISK_WAIT_S = 60.0
_MANUAL = "manual"


@dataclass(frozen=True)
class MeasureOptions:
    """What to measure: nothing named means what the scenario says. Without a seed, one is drawn and recorded."""

    root: Path
    name: str | None = None
    experiments: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    trials: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class MeasureResult:
    """The saved run: where it lies, and its summary."""

    path: Path
    summary: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The summary as one JSON document, with the run's path."""
        return {**self.summary, "path": str(self.path)}


def run(options: MeasureOptions, emit: Emit) -> MeasureResult:
    """Measure the running environment. Whatever ends it early, what was measured is kept and summed up.

    Raises `InvalidInput` before anything is touched, `PovError` if the disk would not take the samples.
    """
    from pov.steps.services import prober
    from pov.workflows.environment import attach
    from pov.workflows.record import criteria_of, environment
    from pov.workflows.toolbox import toolbox

    ctx = attach(options.root, options.name, emit)
    plan = planned(options, ctx.scenario)
    seed = new_seed() if options.seed is None else options.seed
    slots = interleave(plan, seed)
    criteria = criteria_of(ctx)
    with ctx.home.lock():
        emit(Event("started", "measure", "Versions and the machine", 1.0))
        begun, started = SYSTEM_CLOCK.monotonic(), SYSTEM_CLOCK.wall()
        # A run that was killed leaves its load running. No other run can be under way: the lock is ours.
        prober.connect(ctx).stop_loads()
        record = environment(ctx, slots, seed, criteria, started)
        writer = RunWriter(ctx.home.runs_dir, record)
        emit(Event("finished", "measure", f"recorded in {writer.path}", SYSTEM_CLOCK.monotonic() - begun))
        # Versions of a run carry its mark: no two runs deploy the same.
        measuring = Measuring(toolbox(ctx, writer.run_id.replace("-", "")[4:]), writer, slots, emit)
        about = {key: record[key] for key in ("scenario", "target", "services", "versions", "machine", "started")}
        return measuring.measure({**about, "seed": seed}, plan, criteria)


def planned(options: MeasureOptions, scenario: Scenario) -> dict[tuple[str, str], int]:
    """Trials by experiment and arm, also those that are never compared. Raises `InvalidInput` with all faults."""
    settings: dict[str, Settings] = {experiment.name: experiment for experiment in scenario.experiments}
    names = options.experiments or tuple(settings) or tuple(EXPERIMENTS)
    problems = [
        Problem(name, "no such experiment", f"one of {', '.join(EXPERIMENTS)}")
        for name in names
        if name not in EXPERIMENTS
    ]
    known = {arm for experiment in EXPERIMENTS.values() for arm in experiment.arms}
    problems += [
        Problem("--arm", f"no arm {arm}", f"one of {', '.join(sorted(known))}")
        for arm in options.arms
        if arm not in known
    ]
    if _MANUAL in options.arms and not scenario.has_manual_arm:
        unlike = "this environment has no legacy estate that is like staging for the manual arm"
        problems.append(Problem("--arm", unlike, "leave it out"))
    if problems:
        raise InvalidInput(problems)
    plan: dict[tuple[str, str], int] = {}
    for name in dict.fromkeys(names):
        wish = settings.get(name) or Settings.model_validate({"name": name})
        arms = options.arms or tuple(arm for arm in wish.arms if arm != _MANUAL or scenario.has_manual_arm)
        chosen = [arm for arm in dict.fromkeys(arms) if arm in EXPERIMENTS[name].arms]
        plan |= {(name, arm): options.trials or wish.trials_of(arm) for arm in chosen}
        if chosen:
            plan[name, PLACEBO] = 1
        if chosen and EXPERIMENTS[name].negative is not None and scenario.legacy.hosts:
            plan[name, NEGATIVE] = 1
    return plan


class Measuring:
    """One run while it is measured."""

    def __init__(
        self, box: Toolbox, writer: RunWriter, slots: Sequence[Slot], emit: Emit, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._box = box
        self._writer = writer
        self._slots = slots
        self._emit = emit
        self._clock = clock
        self._samples: list[dict[str, Any]] = []
        self._expected: dict[tuple[str, str], float] = {}

    def measure(self, about: Mapping[str, Any], plan: Plan, criteria: Sequence[Criterion]) -> MeasureResult:
        """Every trial, then the summary; the summary also when interrupted, before the interrupt gets through."""
        try:
            for position, slot in enumerate(self._slots, start=1):
                self._one(slot, f"trial {position} of {len(self._slots)}")
        except BaseException:
            self._finish(about, plan, criteria, interrupted=True)
            raise
        summary = self._finish(about, plan, criteria, interrupted=False)
        return MeasureResult(self._writer.path, summary)

    def _one(self, slot: Slot, subject: str) -> None:
        title = f"{slot.experiment}, {slot.arm}, {slot.trial}"
        self._emit(Event("started", subject, title, self._expected.get((slot.experiment, slot.arm))))
        begun = self._clock.monotonic()
        result = run_trial(slot, self._trial(slot), self._clock)
        self._expected[slot.experiment, slot.arm] = self._clock.monotonic() - begun
        self._save(result)
        if result.ok:
            self._emit(Event("finished", subject, title + _counted(result), result.seconds))
        else:
            self._emit(Event("failed", subject, f"{title}: {result.error}", result.seconds))

    def _trial(self, slot: Slot) -> Trial:
        experiment = EXPERIMENTS[slot.experiment]
        if slot.arm == PLACEBO:
            estates = [self._box.staging]
            if any(s.experiment == slot.experiment and s.arm == _MANUAL for s in self._slots):
                estates.append(self._box.legacy)
            return PlaceboWindow(self._box, estates)
        make = experiment.negative if slot.arm == NEGATIVE else experiment.arms[slot.arm]
        assert make is not None
        return make(self._box, slot)

    def _save(self, result: Result) -> None:
        # Kept in memory whatever the disk says; the writer tries again with the next one.
        sample = result.as_sample()
        try:
            self._samples.append(self._writer.append(sample))
        except PovError as error:
            self._samples.append(sample)
            waiting = len(self._writer.unsaved)
            told = f"{error.message} ({error.cause}): {waiting} samples are kept in memory until the disk takes them"
            self._emit(Event("warning", "measure", told))

    def _finish(
        self, about: Mapping[str, Any], plan: Plan, criteria: Sequence[Criterion], *, interrupted: bool
    ) -> dict[str, Any]:
        finished = timestamp(self._clock.wall())
        arms = [
            {"experiment": experiment, "arm": arm, "trials": trials}
            for (experiment, arm), trials in plan.items()
            if arm not in _NOT_COMPARED
        ]
        run_facts = {
            "id": self._writer.run_id,
            **about,
            "finished": finished,
            "interrupted": interrupted,
            "planned": arms,
        }
        summary = summarise(run_facts, self._samples, criteria)
        if interrupted:
            self._emit(Event("warning", "measure", f"interrupted; {len(self._samples)} trials are kept"))
        self._write(lambda: self._writer.finish(summary))
        self._emit(Event("note", "measure", f"saved in {self._writer.path}"))
        return summary

    def _write(self, finish: Callable[[], None]) -> None:
        """Write the end of the run, for a minute if need be: somebody may be freeing space right now."""

        def attempt() -> bool | Pending:
            try:
                finish()
            except PovError as error:
                return Pending(f"{error.message}: {error.cause}")
            return True

        try:
            wait_for(
                f"room for the run in {self._writer.path}",
                attempt,
                timeout_s=_DISK_WAIT_S,
                interval_s=1.0,
                clock=self._clock,
                on_pending=lambda state: self._emit(Event("warning", "measure", f"{state}; free some space now")),
            )
        except TimedOut as error:
            lost = len(self._writer.unsaved)
            raise PovError(
                f"the disk did not take the run: {lost} of {len(self._samples)} samples could not be saved",
                cause=error.cause,
                fix=f"free space on the disk of {self._writer.path}, then pov measure",
            ) from error


def _counted(result: Result) -> str:
    traffic = result.evidence.traffic
    if traffic is None:
        return ""
    return f": {traffic.failed_requests} of {traffic.requests} requests failed"
