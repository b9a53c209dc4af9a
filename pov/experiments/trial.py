"""What all trials have in common: an estate, a load on it and on its control, a clean-up that always runs whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from pov.base.clock import Clock
from pov.base.errors import PovError
from pov.base.wait import wait_for
from pov.config.estates import Estate
from pov.engines.load_report import LoadReport
from pov.experiments.control import watch
from pov.experiments.load import Watched
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.traffic import traffic
from pov.measure.order import Slot
from pov.measure.trials import CleanUp, Ending, Evidence, Trial
from pov.model.sample import Step

WORKED_ON = (STAGING,)
"""Stages that some arm works on. The others are touched by nobody while it is measured."""
_PROBER_S = 120.0
Shown = Mapping[str, Sequence[tuple[str, str]]]
T = TypeVar("T")


class Laps:
    """The steps of an operation one after the other, each from the end of the one before; kept in `steps` as they end.

    What an operation that fails had done by then is told, too.
    """

    def __init__(self, clock: Clock, steps: list[Step]) -> None:
        self._clock, self._steps = clock, steps
        self._last = clock.monotonic()

    def __call__(self, name: str) -> None:
        """This one ends now, and the next one begins."""
        self._steps.append(Step(name, self.lap()))

    def lap(self) -> float:
        """The seconds of one that ends now and is told otherwise; the next one begins."""
        now = self._clock.monotonic()
        took, self._last = now - self._last, now
        return took


class EstateTrial(Trial, ABC):
    """One trial on `services` of `estate`. Subclasses say what is done; this says in what order, and how it ends.

    Whatever a trial starts it notes in `after` with the step that takes it back.
    """

    checks: ClassVar[str] = ""
    """How this arm itself makes sure that a service is fit, for the reader who compares arms."""

    def __init__(self, box: Toolbox, slot: Slot, estate: Estate, services: Collection[str]) -> None:
        # The time-out belongs to what is asked of this experiment; the rate is the same for all.
        limit = box.timeouts.get(slot.experiment, box.traffic.timeout_ms)
        self.box = replace(box, traffic=box.traffic.model_copy(update={"timeout_ms": limit}))
        self.slot = slot
        self.estate = estate
        self.services = tuple(services)
        self.watch = watch(box.estates, estate, self.services, WORKED_ON)
        self.after = CleanUp()
        self.details: dict[str, Any] = {"estate": estate.name, "checks": self.checks}
        self.figures: dict[str, float] = {}
        self._load: Watched | None = None
        self._sentinels: dict[str, Shown] = {}

    def make_fit(self) -> None:
        """Bring the estate to rest and open what the trial works with."""

    def prepare(self) -> None:
        """Make the artefact ready, and bring it to where it will be started from."""

    @abstractmethod
    def operate(self) -> None:
        """The operation."""

    def steps(self) -> tuple[Step, ...]:
        """The operation's parts."""
        return ()

    def check(self) -> None:
        """Check by another way than the prober's. Raises if the operation did not do its work."""

    @property
    def load(self) -> Watched:
        """The load. Raises `PovError` where no edge can be called."""
        if self._load is None:
            raise PovError(f"{self.estate.name} has no edge to probe")
        return self._load

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """Time something that is no part of the operation, as a figure of its own."""
        begun = self.box.clock.monotonic()
        yield
        took = self.box.clock.monotonic() - begun
        name = f"{what}_seconds"
        self.figures[name] = round(self.figures.get(name, 0.0) + took, 3)

    def set_up(self) -> None:
        """Estate fit, artefact ready, load running."""
        self.details["load_per_core"] = round(self.box.busy(), 2)
        # What an earlier trial could not stop, since the prober did not answer, would be load on this one. Nothing is
        # measured yet: a prober that is being started again is waited for, or each trial left would fail in an instant.
        stopped = wait_for(
            "the prober to answer", lambda: self.box.prober().stop_loads(), timeout_s=_PROBER_S, interval_s=0.5,
            clock=self.box.clock,
        )  # fmt: skip
        if stopped:
            self.details["loads_stopped_first"] = stopped
        self.make_fit()
        self.prepare()
        self._start_load()

    def _start_load(self) -> None:
        if not self.watch.edges:
            self.details["no_load"] = "no service calls another"
            return
        self._load = Watched(self.box, self.watch)
        self.after.add("load", self._load.stop)
        self._load.until_warm()

    def warm_up(self) -> None:
        """Note what the sentinels show: they must show the same afterwards."""
        shown = {name: quietly(partial(self._shown, name)) for name in self.watch.sentinels}
        self._sentinels = {name: rows for name, rows in shown.items() if rows is not None}

    def phase(self, name: str) -> None:
        """Tell the load."""
        if self._load is not None:
            self._load.phase(name)

    def verify(self) -> None:
        """Check it."""
        self.check()

    def evidence(self) -> Evidence:
        """Where the time went, what the load saw, whether the sentinels were left alone."""
        seen = None
        if self._load is not None:
            # Looked at while the load runs: a renewal after its end changes nothing that was measured.
            void = {name: why for name in self.watch.sentinels if (why := self._moved(name))}
            report = self._load.stop()
            seen = traffic(report, self.watch, self.box.traffic, void=void)
            self.tell(report, void)
        return Evidence(self.steps(), seen, self.details, self.figures)

    def tell(self, report: LoadReport, void: Mapping[str, str]) -> None:
        """Note what else this kind of trial reads off the load; `void` are stages that were no sentinels, and why."""

    def clean_up(self, ending: Ending) -> Sequence[str]:
        """Every step back, whatever became of the others."""
        return self.after.run(ending)

    def _shown(self, stage: str) -> Shown:
        found: dict[str, list[tuple[str, str]]] = {}
        for row in self.box.prober().identify(stage):
            if row.error:
                raise PovError(f"{row.service} in {stage} does not answer", cause=row.error, fix="pov status")
            found.setdefault(row.service, []).append((row.version, row.serial))
        return {name: sorted(rows) for name, rows in found.items()}

    def _moved(self, stage: str) -> str:
        """Why a stage is no sentinel; empty if it shows what it showed before the operation."""
        before = self._sentinels.get(stage)
        if before is None:
            return "did not answer before the operation"
        try:
            now = self._shown(stage)
        except PovError as error:
            return f"could not be looked at after the operation: {error.message}"
        changed = [name for name, rows in before.items() if now.get(name) != rows]
        return f"{changed[0]} shows another version or certificate than before" if changed else ""


def quietly(ask: Callable[[], T | None]) -> T | None:
    """The answer, or None where there is none: what is extra takes nothing from a trial."""
    try:
        return ask()
    except PovError:
        return None
