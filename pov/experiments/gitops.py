"""The automated arms' common part: a change is committed and pushed, and nothing else is done by hand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.experiments.load import Watched
from pov.experiments.toolbox import Configuration, Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Evidence, Timed, Trial

T = TypeVar("T")
_AT_REST_S = 240.0
_BACK_S = 120.0
_VERIFY_S = 90.0
SEEN_LIMIT_S = {True: 420.0, False: 900.0}
"""By whether the webhook is on: a poll comes each two to three minutes, and may find a cached answer once."""


class GitOpsTrial(Trial):
    """One trial. `webhook` tells whether Gitea tells Argo CD; without it Argo CD finds out at its next poll."""

    def __init__(self, box: Toolbox, slot: Slot, *, webhook: bool) -> None:
        self.box = box
        self.slot = slot
        self.estate = box.staging
        self.limit_s = SEEN_LIMIT_S[webhook]
        self.details: dict[str, Any] = {"estate": self.estate.name, "webhook": webhook}
        self._webhook = webhook
        self._copy: Configuration | None = None
        self._load: Watched | None = None
        self._marks: dict[str, float] = {}
        self._begun: datetime | None = None
        self._revision = ""
        self._pushed = False
        self._failed = False

    @property
    def copy(self) -> Configuration:
        """The working copy; there from `set_up` on."""
        if self._copy is None:
            raise PovError("the trial was not set up")
        return self._copy

    @abstractmethod
    def prepare(self) -> None:
        """Make the artefact ready and edit the change in `copy`, without a commit."""

    @abstractmethod
    def wait_until_seen(self) -> Mapping[str, float]:
        """Return once the prober has seen it everywhere."""

    @abstractmethod
    def check(self) -> None:
        """Check it by another way than the prober's. Raises if it is not there."""

    @abstractmethod
    def undo(self, copy: Configuration) -> bool:
        """Edit the way back in a fresh working copy; whether there is anything to commit."""

    @abstractmethod
    def message(self) -> str:
        """The commit's message."""

    def rolled_out(self) -> datetime | None:
        """When the cluster itself calls the work done, if it can tell."""
        return None

    def set_up(self) -> None:
        """Estate at rest at the newest commit, change edited, load running."""
        self.details["load_per_core"] = round(self.box.busy(), 2)
        self._copy = self._once_git_is_there(self._webhook, self.box.configuration)
        at_rest(self.box, self.copy.head(), _AT_REST_S)
        self.prepare()
        self._load = Watched.start(self.box, self.estate)

    def warm_up(self) -> None:
        """Let the prober look once."""
        self.box.prober().identify(self.estate.name, self.box.under_proof)

    def operate(self) -> None:
        """Commit, push, wait until the prober has seen it."""
        try:
            self._operate()
        except Exception:
            self._failed = True
            raise

    def _operate(self) -> None:
        clock = self.box.clock
        self._begun, begun = clock.wall(), clock.monotonic()
        self._revision = self.copy.commit(self.message())
        self._marks["commit"] = clock.monotonic() - begun
        self.copy.push()
        self._pushed = True
        self._marks["push"] = clock.monotonic() - begun
        seen = self.wait_until_seen()
        self._marks["seen"] = clock.monotonic() - begun
        self.details["seen_after_push_s"] = dict(seen)

    def verify(self) -> None:
        """Argo CD calls the application synced to our commit and healthy, and the cluster holds what was asked for."""
        try:
            at_rest(self.box, self._revision, _VERIFY_S)
            self.check()
        except Exception:
            self._failed = True
            raise

    def evidence(self) -> Evidence:
        """Where the time went, what the load saw."""
        if self._revision:
            self.details["revision"] = self._revision
        steps = self._steps()
        traffic = self._load.stop() if self._load is not None else None
        return Evidence(steps, traffic, self.details)

    def clean_up(self) -> None:
        """Load off, webhook on; after a failure the way back is committed, so that the next trial starts at rest.

        After an interrupt the change goes its way: whoever pressed Ctrl-C waits for nothing, the next trial for it.
        """
        try:
            if self._load is not None:
                self._load.stop()
        finally:
            try:
                if self._copy is not None:
                    self._copy.close()
            finally:
                self._once_git_is_there(True, lambda: None)
        if self._pushed and self._failed:
            self._repair()

    def _once_git_is_there(self, webhook: bool, then: Callable[[], T]) -> T:
        """Set the webhook and do what follows, also if Gitea is on its way back from somewhere."""

        def attempt() -> tuple[T]:
            self.box.webhook(webhook)
            return (then(),)

        clock = self.box.clock
        return wait_for("Gitea", attempt, timeout_s=_BACK_S, interval_s=1.0, clock=clock, fix="pov status")[0]

    def _repair(self) -> None:
        copy = self._once_git_is_there(True, self.box.configuration)
        try:
            revision = copy.head()
            if self.undo(copy):
                revision = copy.commit(f"Back to the state before trial {self.slot.trial} of {self.slot.experiment}")
                copy.push()
            at_rest(self.box, revision, _AT_REST_S)
        finally:
            copy.close()

    def _steps(self) -> tuple[Timed, ...]:
        """The operation split by what was recorded anyway: our own clock, and the cluster's times in whole seconds."""
        if "push" not in self._marks:
            return ()
        push = self._marks["push"]
        end = self._marks.get("seen")
        parts = [("commit", self._marks["commit"]), ("push", push)]
        if end is not None:
            waiting = "webhook to sync" if self._webhook else "wait for poll"
            started = self._after(lambda: sync_started(self.box, self._revision))
            rolled = self._after(self.rolled_out)
            if started is not None:
                parts.append((waiting, min(max(started, push), end)))
            if rolled is not None:
                parts.append(("rollout", min(max(rolled, parts[-1][1]), end)))
            parts.append(("seen by prober", end))
        ends = [0.0, *(at for _, at in parts)]
        return tuple(Timed(name, at - before) for (name, at), before in zip(parts, ends, strict=False))

    def _after(self, ask: Callable[[], datetime | None]) -> float | None:
        try:
            moment = ask()
        except PovError:
            # The split is extra: a cluster that does not tell takes nothing from the trial.
            return None
        return (moment - self._begun).total_seconds() if moment is not None and self._begun is not None else None


def at_rest(box: Toolbox, revision: str, limit_s: float) -> None:
    """Wait until Argo CD calls staging synced to `revision` and healthy. It is looked at, never told to refresh."""

    def look() -> bool | Pending:
        status = _application(box)
        sync, health = status.get("sync") or {}, status.get("health") or {}
        if sync.get("revision") == revision and sync.get("status") == "Synced" and health.get("status") == "Healthy":
            return True
        at = str(sync.get("revision"))[:8]
        return Pending(f"{sync.get('status')}, {health.get('status')}, at {at} where {revision[:8]} is wanted")

    name = box.staging.name
    wait_for(
        f"Argo CD's application {name}", look, timeout_s=limit_s, interval_s=0.5, clock=box.clock, fix="pov status"
    )


def sync_started(box: Toolbox, revision: str) -> datetime | None:
    """When Argo CD began to sync `revision`, by its own record (whole seconds); None if it does not say."""
    status = _application(box)
    operation = status.get("operationState") or {}
    if (operation.get("syncResult") or {}).get("revision") == revision:
        return moment(operation.get("startedAt"))
    for entry in reversed(status.get("history") or []):
        if entry.get("revision") == revision:
            return moment(entry.get("deployStartedAt"))
    return None


def moment(text: Any) -> datetime | None:
    """A time as Kubernetes writes it, or None."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def _application(box: Toolbox) -> Mapping[str, Any]:
    found = box.kube.get("argoproj.io/v1alpha1/Application", box.staging.name, "argocd")
    if found is None:
        raise PovError(f"Argo CD has no application {box.staging.name}", fix="pov up")
    status: Mapping[str, Any] = found.get("status") or {}
    return status
