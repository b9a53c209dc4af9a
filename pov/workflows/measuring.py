"""A run while it is measured: each trial in its turn, every sample saved as it happens, the summary at the end."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import PovError, RunInterrupted, TimedOut
from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
from pov.experiments.placebo import PlaceboWindow
from pov.experiments.toolbox import Toolbox
from pov.measure.footprint import DETAIL
from pov.measure.order import Slot
from pov.measure.pace import Cost
from pov.measure.scoring import Criterion
from pov.measure.summary import summarise
from pov.measure.trials import Result, Trial, run_trial
from pov.model.catalogue import named, proposed
from pov.model.events import Emit, Event, TrialData
from pov.model.kinds import AGAIN, NEGATIVE, PLACEBO
from pov.model.sample import Sample
from pov.state import under_way
from pov.state.runs import CONFIGURATION, RunWriter
from pov.workflows.brought import Brought
from pov.workflows.metering import Meter

T = TypeVar("T")
Plan = Mapping[tuple[str, str], int]
_DISK_WAIT_S = 60.0


@dataclass(frozen=True)
class MeasureResult:
    """The saved run: where it lies, and its summary."""

    path: Path
    summary: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The summary as one JSON document, with the run's path."""
        return {**self.summary, "path": str(self.path)}


def mark_of(run_id: str, resumed: int = 0) -> str:
    """What versions of a run carry: no two runs deploy the same, nor does one that went on `resumed` times."""
    mark = run_id.replace("-", "")[4:]
    return f"{mark}r{resumed}" if resumed else mark


@contextmanager
def under_measurement(writer: RunWriter) -> Iterator[None]:
    """Others see that the run is being measured. An interrupt names it, also a second one while it is summed up."""
    try:
        with under_way.held(writer.path):
            yield
    except KeyboardInterrupt as error:
        raise RunInterrupted(writer.run_id) from error


class Measuring:
    """One run while it is measured."""

    def __init__(
        self,
        box: Toolbox,
        writer: RunWriter,
        slots: Sequence[Slot],
        emit: Emit,
        own: Brought | None = None,
        *,
        expected: Mapping[tuple[str, str], Cost] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        keep: Callable[[Path], None] | None = None,
        meter: Meter | None = None,
        done: Sequence[Sample] = (),
        hint: str = "",
    ) -> None:
        """`keep` writes the configuration repository into a file: the run then outlives the environment.

        `meter` reads between trials what each part of the environment takes. `done` are the samples of the first of
        `slots` where a run goes on. `hint` are the options with which a command means this environment again.
        """
        self._again = f"pov measure --resume {writer.run_id}{hint}"
        self._own = own or Brought()
        self._box = box
        self._writer = writer
        self._slots = slots
        self._emit = emit
        self._clock = clock
        self._keep = keep
        self._meter = meter
        self._metered = True
        self._samples: list[Sample] = list(done)
        self._done = len(done)
        self._expected = {key: cost.seconds for key, cost in (expected or {}).items() if cost.trials}
        self._lengths: dict[tuple[str, str], list[float]] = {}
        for sample in done:
            self._note_length(sample.experiment, sample.arm, sample.seconds if sample.ok else None)

    def measure(self, about: Mapping[str, Any], plan: Plan, criteria: Sequence[Criterion]) -> MeasureResult:
        """Every trial, then the summary; the summary also when interrupted, before the interrupt gets through."""
        try:
            # A run that is killed has what was there when it began.
            self._keep_configuration()
            if self._meter is not None:
                self._read(self._meter.begin)
            for position, slot in enumerate(self._slots[self._done :], start=self._done + 1):
                self._one(slot, position)
        except BaseException:
            self._finish(about, plan, criteria, interrupted=True)
            raise
        self._stop_loads()
        summary = self._finish(about, plan, criteria, interrupted=False)
        return MeasureResult(self._writer.path, summary)

    def _one(self, slot: Slot, position: int) -> None:
        title, subject = f"{slot.experiment}, {slot.arm}, {slot.trial}", f"trial {position} of {len(self._slots)}"
        data = TrialData(slot.experiment, slot.arm, slot.trial, position, len(self._slots))
        self._emit(Event("started", subject, title, self._expected.get((slot.experiment, slot.arm)), data))
        way = self._own.experiments[slot.experiment].arms.get(slot.arm)
        if way is not None and way.waits is not None:
            self._emit(Event("progress", subject, f"{title}: waits for {way.waits.words}"))
        self._writer.begin(vars(slot))
        begun = self._clock.monotonic()
        result = run_trial(slot, lambda: self._trial(slot), self._clock)
        self._expected[slot.experiment, slot.arm] = self._clock.monotonic() - begun
        self._note_length(slot.experiment, slot.arm, result.seconds if result.ok else None)
        self._save_with_span(result)
        if result.ok:
            counted = _counted(result, blinded=self._own.words.arm(slot.arm).kind == NEGATIVE)
            self._emit(Event("finished", subject, title + counted, result.seconds, _ended(data, result)))
        else:
            self._emit(Event("failed", subject, f"{title}: {result.error}", result.seconds, _ended(data, result)))
        if result.evidence.details.get("terminal_gone"):
            # Its trial is kept. Nobody is there to do the next one, or to be told.
            raise KeyboardInterrupt

    def _trial(self, slot: Slot) -> Trial:
        experiment = self._own.experiments[slot.experiment]
        if slot.arm == named(PLACEBO):
            estate = self._estate_of(slot)
            services = experiment.touches(self._box, estate)
            return PlaceboWindow(self._box, slot, estate, services, self._length(slot.experiment, estate))
        arm = proposed().name if slot.arm == named(AGAIN) else slot.arm
        make = experiment.negative if slot.arm == named(NEGATIVE) else experiment.arms[arm].make
        assert make is not None
        return make(self._box, slot)

    def _estate_of(self, slot: Slot) -> Estate:
        """A placebo carries one trial's load: those of the estates that this experiment is measured on, in turn."""
        ways = self._own.experiments[slot.experiment].arms
        measured = {s.arm for s in self._slots if s.experiment == slot.experiment}
        names = list(dict.fromkeys(way.estate for arm, way in ways.items() if arm in measured))
        return self._box.estate(names[(slot.trial - 1) % len(names)])

    def _length(self, experiment: str, estate: Estate) -> float:
        """How long a trial on an estate takes: the longest of its arms' medians so far, or what is expected.

        A window shorter than a trial would see less noise than the trial. Variants of an arm, which wait for a poll, do
        not count.
        """
        ways, words = self._own.experiments[experiment].arms, self._own.words
        known = [
            statistics.median(seconds)
            for (name, arm), seconds in self._lengths.items()
            if name == experiment and arm in ways and ways[arm].estate == estate.name and not words.arm(arm).against
        ]
        return max(known, default=self._own.experiments[experiment].expected_on(estate.name))

    def _note_length(self, experiment: str, arm: str, seconds: float | None) -> None:
        if seconds is not None:
            self._lengths.setdefault((experiment, arm), []).append(seconds)

    def _stop_loads(self) -> None:
        """The last chance to stop a load that its trial could not stop."""
        try:
            self._box.prober().stop_loads()
        except PovError as error:
            told = f"a load may still be running: {error.message}; the next pov measure stops it"
            self._emit(Event("warning", "measure", told))

    def _save_with_span(self, result: Result) -> None:
        """An interrupt while the meter is read costs what it would have told, and no sample."""
        taken = None
        try:
            taken = self._read(self._meter.span) if self._meter is not None else None
        finally:
            self._save(result, taken)

    def _read(self, read: Callable[[], T]) -> T | None:
        """What the meter tells. It takes nothing from a run: where it cannot be read, the report says so."""
        try:
            return read()
        except PovError as error:
            if self._metered:
                told = ": ".join(filter(None, ("what the platform takes cannot be read", error.message, error.cause)))
                self._emit(Event("warning", "measure", told))
            self._metered = False
            return None

    def _save(self, result: Result, taken: Mapping[str, Any] | None) -> None:
        # Kept in memory whatever the disk says; the writer tries again with the next one.
        sample = replace(result.as_sample(), resumed=self._writer.resumed)
        if taken is not None:
            sample = replace(sample, details={**sample.details, DETAIL: taken})
        self._samples.append(sample)
        try:
            self._writer.append(sample.as_json())
        except PovError as error:
            waiting = len(self._writer.unsaved)
            kept = "1 sample is" if waiting == 1 else f"{waiting} samples are"
            told = f"{error.message} ({error.cause}): {kept} kept in memory until the disk takes them"
            self._emit(Event("warning", "measure", told))

    def _finish(
        self, about: Mapping[str, Any], plan: Plan, criteria: Sequence[Criterion], *, interrupted: bool
    ) -> dict[str, Any]:
        finished = timestamp(self._clock.wall())
        arms = [
            {"experiment": experiment, "arm": arm, "trials": trials}
            for (experiment, arm), trials in plan.items()
            if not self._own.words.arm(arm).window
        ]
        run_facts = {
            "id": self._writer.run_id,
            **about,
            "finished": finished,
            "interrupted": interrupted,
            "planned": arms,
        }
        self._keep_configuration()
        summary = summarise(run_facts, self._samples, criteria, self._own.words)
        if interrupted:
            self._emit(Event("warning", "measure", f"interrupted; {_kept(len(self._samples))}"))
        self._write(lambda: self._writer.finish(summary))
        self._emit(Event("note", "measure", f"saved in {self._writer.path}"))
        if interrupted:
            self._emit(Event("note", "measure", f"it goes on with: {self._again}"))
        return summary

    def _keep_configuration(self) -> None:
        """What was deployed, commit by commit. Without it the run still counts; its report says that it is missing."""
        if self._keep is None:
            return
        try:
            self._keep(self._writer.path / CONFIGURATION)
        except (PovError, OSError) as error:
            self._emit(Event("warning", "measure", f"the configuration repository could not be kept: {error}"))

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
                fix=f"free space on the disk of {self._writer.path}, then {self._again}",
            ) from error


def _kept(trials: int) -> str:
    return "1 trial is kept" if trials == 1 else f"{trials} trials are kept"


def _ended(data: TrialData, result: Result) -> TrialData:
    traffic = result.evidence.traffic
    seconds = None if result.seconds is None else round(result.seconds, 3)
    if traffic is None:
        return replace(data, seconds=seconds, ok=result.ok)
    seen = traffic.operation
    return replace(data, seconds=seconds, ok=result.ok, requests=seen.requests, hard=seen.hard, late=seen.late)


def _counted(result: Result, *, blinded: bool) -> str:
    traffic = result.evidence.traffic
    if traffic is None:
        return ""
    seen = traffic.operation
    told = f": {seen.hard + seen.late} of {seen.requests} requests failed"
    if not (seen.hard or seen.late):
        return told
    # The service under a negative control was taken away: without a failure the prober would be blind.
    return f"{told}{', as they must' if blinded else ''} ({seen.hard} hard, {seen.late} late)"
