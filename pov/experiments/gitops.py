"""The automated arms' common part: a change is committed and pushed, and nothing else is done by hand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from pov.base.wait import Pending, wait_for
from pov.experiments.core import Wait
from pov.experiments.ports.gitops import Configuration
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import quietly
from pov.experiments.working_copy import WorkingCopyTrial
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

T = TypeVar("T")
_AT_REST_S = 240.0
_BACK_S = 120.0
_VERIFY_S = 90.0
POLL_S = (120.0, 180.0)
"""How often Argo CD looks by itself: `timeout.reconciliation` in its settings here, and its jitter of up to 60 s."""
NEXT_POLL = Wait(f"Argo CD's next poll, every {POLL_S[0]:.0f} to {POLL_S[1]:.0f} s", sum(POLL_S) / 2)
"""A trial begins at rest, just after Argo CD has looked: it waits a whole round, about the middle of these."""
SEEN_LIMIT_S = {True: 420.0, False: 900.0}
"""By whether the webhook is on: a poll comes each two to three minutes, and may find a cached answer once."""


class GitOpsTrial(WorkingCopyTrial):
    """One trial. `webhook` tells whether Gitea tells Argo CD; without it Argo CD finds out at its next poll."""

    checks = (
        "each new pod's own readiness page, asked each second by the kubelet before the old pod ends; services side by "
        "side"
    )

    def __init__(self, box: Toolbox, slot: Slot, services: Collection[str], *, webhook: bool) -> None:
        super().__init__(box, slot, box.estate(STAGING), services)
        self.limit_s = SEEN_LIMIT_S[webhook]
        self.details["webhook"] = webhook
        self._webhook = webhook
        self._marks: dict[str, float] = {}
        self._begun: datetime | None = None
        self.revision = ""

    @abstractmethod
    def wait_until_seen(self) -> Mapping[str, float]:
        """Return once the prober has seen it everywhere."""

    @abstractmethod
    def undo(self, copy: Configuration) -> bool:
        """Edit the way back in a fresh working copy; whether there is anything to commit."""

    @abstractmethod
    def message(self) -> str:
        """The commit's message."""

    def rolled_out(self) -> datetime | None:
        """When the cluster itself calls the work done, if it can tell."""
        return None

    def make_fit(self) -> None:
        """The webhook as this arm wants it, a working copy, the stage at rest at its newest commit."""
        self.after.add("webhook", self._told_again, after={Ending.DONE, Ending.FAILED})
        # Whoever pressed Ctrl-C waits for nothing; the next trial sets it anyway.
        self.after.add("webhook", partial(self.box.git.webhook, True), after={Ending.INTERRUPTED})
        self._copy = copy = working_copy(self.box, self.estate.name, webhook=self._webhook)
        self.after.add("working copy", copy.close)
        at_rest(self.box, self.estate.name, copy.head(), _AT_REST_S)

    def operate(self) -> None:
        """Commit, push, wait until the prober has seen it."""
        clock = self.box.clock
        self._begun, begun = clock.wall(), clock.monotonic()
        self.revision = self.copy.commit(self.message())
        self._marks["commit"] = clock.monotonic() - begun
        # Noted before: a push that fails half-way may have arrived. After an interrupt the change goes its way.
        self.after.add("way back", self.repair, after={Ending.FAILED})
        self.copy.push()
        self._marks["push"] = clock.monotonic() - begun
        seen = self.wait_until_seen()
        self._marks["seen"] = clock.monotonic() - begun
        self.details["seen_after_push_s"] = dict(seen)

    def verify(self) -> None:
        """Argo CD calls the application synced to our commit and healthy, and the cluster holds what was asked for."""
        at_rest(self.box, self.estate.name, self.revision, _VERIFY_S)
        self.check()

    def steps(self) -> tuple[Step, ...]:
        """The operation split by what was recorded anyway: our own clock, and the cluster's times in whole seconds."""
        if self.revision:
            self.details["revision"] = self.revision
        if "push" not in self._marks:
            return ()
        push = self._marks["push"]
        end = self._marks.get("seen")
        parts = [("commit", self._marks["commit"]), ("push", push)]
        if end is not None:
            waiting = "webhook to sync" if self._webhook else "wait for poll"
            delivered = quietly(lambda: self.box.delivery.state(self.estate.name))
            started = self._since(None if delivered is None else delivered.sync_started(self.revision))
            rolled = self._since(quietly(self.rolled_out))
            if started is not None:
                parts.append((waiting, min(max(started, push), end)))
            if rolled is not None:
                parts.append(("rollout", min(max(rolled, parts[-1][1]), end)))
            parts.append(("seen by prober", end))
        ends = [0.0, *(at for _, at in parts)]
        return tuple(Step(name, at - before) for (name, at), before in zip(parts, ends, strict=False))

    def _since(self, moment: datetime | None) -> float | None:
        return (moment - self._begun).total_seconds() if moment is not None and self._begun is not None else None

    def _told_again(self) -> None:
        _once_git_is_there(self.box, lambda: self.box.git.webhook(True))

    def repair(self) -> None:
        """Commit the way back, so that the next trial starts at rest."""
        revision = push_back(self.box, self.slot, self.estate.name, self.undo)
        at_rest(self.box, self.estate.name, revision, _AT_REST_S)


def working_copy(box: Toolbox, stage: str, *, webhook: bool = True) -> Configuration:
    """A fresh one, with the webhook as asked for, also if Gitea is on its way back from somewhere."""

    def attempt() -> Configuration:
        box.git.webhook(webhook)
        return box.git.configuration(stage)

    return _once_git_is_there(box, attempt)


def push_back(box: Toolbox, slot: Slot, stage: str, undo: Callable[[Configuration], bool]) -> str:
    """Commit and push the state from before a trial, by the webhook; the revision at which the stage has it.

    `undo` edits a working copy and tells whether there is anything to commit.
    """
    copy = working_copy(box, stage)
    try:
        if not undo(copy):
            return copy.head()
        revision = copy.commit(f"Back to the state before trial {slot.trial} of {slot.experiment}")
        copy.push()
        return revision
    finally:
        copy.close()


def _once_git_is_there(box: Toolbox, attempt: Callable[[], T]) -> T:
    return wait_for("Gitea", attempt, timeout_s=_BACK_S, interval_s=1.0, clock=box.clock, fix="pov status")


def at_rest(box: Toolbox, stage: str, revision: str, limit_s: float) -> None:
    """Wait until Argo CD calls a stage synced to `revision` and healthy. It is looked at, never told to refresh."""

    def look() -> bool | Pending:
        lacking = box.delivery.state(stage).missing(revision)
        return Pending(lacking) if lacking else True

    wait_for(
        f"Argo CD's application {stage}", look, timeout_s=limit_s, interval_s=0.5, clock=box.clock, fix="pov status"
    )


def moment(text: Any) -> datetime | None:
    """A time as Kubernetes writes it, or None."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
