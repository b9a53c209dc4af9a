"""The arms of people: somebody at a real terminal, under the clock, load and checks of the machines' arms."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from pov.base.clock import Clock
from pov.base.errors import PovError
from pov.engines.runbook_text import Written
from pov.engines.workplace import Workplace
from pov.experiments.gitops import GitOpsTrial
from pov.experiments.ports.legacy import Seat
from pov.experiments.ports.load import Identity
from pov.experiments.runbook import RunbookTrial, restart
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import Toolbox
from pov.experiments.trial import EstateTrial
from pov.measure.order import Slot
from pov.measure.trials import Ending, Evidence
from pov.model.sample import Step

SEEN_LIMIT_S = 4 * 3600.0
"""The longest that a person may take."""


class Seated(EstateTrial):
    """A trial in which a person works at a terminal until the prober has seen what they did."""

    seat: Seat
    _place: Workplace | None = None
    _book = Written("")

    @property
    @abstractmethod
    def task(self) -> str:
        """What is to be done, in a sentence."""

    @abstractmethod
    def wished(self, row: Identity) -> bool:
        """Whether a replica serves the change."""

    def sit_down(self, book: Written, place: Workplace) -> None:
        """Wait until the person says that they are ready: that starts the clock."""
        self._book, self._place = book, place
        self.seat.until_ready(self.task, book.text)

    def work(self) -> None:
        """Let the person work until the prober has seen it everywhere."""
        if self._place is None:
            raise PovError("nobody has sat down")
        clock = StoppableClock(self.box.clock)
        self.seat.work(self._place, self._book, partial(self._look, clock), clock.stop)

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every service as wished, by the clock of the trial."""
        return self._look(self.box.clock)

    def _look(self, clock: Clock) -> Mapping[str, float]:
        what = f"{self.task.rstrip('.')}: seen on every replica"
        box = replace(self.box, clock=clock)
        return until_seen(box, self.estate, self.services, self.wished, what, timeout_s=SEEN_LIMIT_S)

    def steps(self) -> tuple[Step, ...]:
        """From mark to mark."""
        return self.seat.session.steps(self.seat.seconds)

    def evidence(self) -> Evidence:
        """As ever, and what was kept of the person's work. It is of another origin than what a machine did."""
        self.note_work()
        return replace(super().evidence(), origin=self.seat.origin)

    def note_work(self) -> None:
        """Take over what was kept of the person's work."""
        self.details |= self.seat.as_details()
        self.figures |= self.seat.session.figures(self.seat.seconds)

    def clean_up(self, ending: Ending) -> Sequence[str]:
        """As ever; where nobody sits there any more, nobody waits for the estate either."""
        return super().clean_up(Ending.INTERRUPTED if self.gone else ending)

    @property
    def gone(self) -> bool:
        """Whether the terminal went away."""
        return self.seat.gone


class AtHosts(Seated, RunbookTrial):
    """A trial of the runbook in which a person types what the runbook says."""

    checks = "what the person looked at; each question for readiness that failed is counted"

    def warm_up(self) -> None:
        """As ever; then the person sits down."""
        super().warm_up()
        self.sit_down(self.runbooks.written(self.playbook, self.variables()), self.runbooks.workplace())

    def operate(self) -> None:
        """The person's work; hosts go back to their baseline where it fails."""
        hosts = self.box.hosts.all
        self.after.add("hosts", partial(restart, self.box, *hosts), after={Ending.FAILED})
        self.after.add("hosts", partial(restart, self.box, *hosts, wait=False), after={Ending.INTERRUPTED})
        self.work()


class AtRepository(Seated, GitOpsTrial):
    """A trial of the platform in which a person edits, commits and pushes; the clock starts before the edit."""

    parts = ("edit", "commit", "push")
    change = ""
    """The file that is edited, from the top of the configuration repository."""

    @property
    @abstractmethod
    def edit(self) -> str:
        """What is to be changed in the file, in a sentence."""

    def warm_up(self) -> None:
        """As ever; then the person sits down."""
        super().warm_up()
        self.take_seats()

    def take_seats(self) -> None:
        """Say what is to be done; return when the clock may start."""
        text = (
            f"In {self.change}:\n  {self.edit}\n\nThen\n  git diff\n  git commit --all --message '…'\n  git push\n"
            "\nThe shell starts in the working copy. vi, nano or sed: whatever this machine has.\n"
        )
        self.sit_down(Written(text, self.parts), self.copy.workplace(self.seat.by))

    def operate(self) -> None:
        """The person's work; the way back is another commit where it fails."""
        self.after.add("way back", self.repair, after={Ending.FAILED})
        self.work()

    def verify(self) -> None:
        """As ever, for the commit that the person has pushed."""
        fresh = self.box.git.configuration(self.estate.name)
        try:
            self.revision = self.details["revision"] = fresh.head()
        finally:
            fresh.close()
        super().verify()


class StoppableClock(Clock):
    """Another clock whose sleep ends with `PovError` once it was stopped, from whatever thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = threading.Event()

    def stop(self) -> None:
        """No sleep any more."""
        self._stopped.set()

    def monotonic(self) -> float:
        """The other clock's."""
        return self._clock.monotonic()

    def wall(self) -> datetime:
        """The other clock's."""
        return self._clock.wall()

    def sleep(self, seconds: float) -> None:
        """Sleep in short pieces. Raises `PovError` once it was stopped."""
        if self._stopped.is_set():
            raise PovError("nobody waits for it any more")
        self._clock.sleep(seconds)


def reviewer_of(box: Toolbox, slot: Slot) -> Seat:
    """Who reviews in this trial. Raises `PovError` where nobody does."""
    if box.reviewer is None:
        fix = f"pov measure {slot.experiment} --arm {slot.arm} --by ALIAS --reviewer ALIAS"
        raise PovError("nobody reviews", fix=fix)
    return box.reviewer(slot)


def seat_of(box: Toolbox, slot: Slot) -> Seat:
    """Who sits at the terminal in this trial. Raises `PovError` where nobody does."""
    if box.seat is None:
        raise PovError("nobody sits at the terminal", fix=f"pov measure {slot.experiment} --arm {slot.arm} --by ALIAS")
    return box.seat(slot)
