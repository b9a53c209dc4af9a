"""The manual arms' common part: the customer's runbook, step by step over SSH, host by host."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from pov.base.errors import PovError, Transient
from pov.base.wait import Pending, wait_for
from pov.config.legacy import Host
from pov.experiments.seen import serials
from pov.experiments.toolbox import Runbooks, Task, Toolbox
from pov.experiments.trial import EstateTrial
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

RUN_LIMIT_S = 1800.0
SEEN_LIMIT_S = 120.0
_FIT_S = 180.0


class RunbookTrial(EstateTrial):
    """One trial of `playbook` against the legacy estate."""

    playbook = ""
    checks = (
        "each service's own readiness page, asked over SSH until it answers before the next service's turn; services "
        "one after the other"
    )

    def __init__(self, box: Toolbox, slot: Slot, services: Collection[str]) -> None:
        super().__init__(box, slot, box.legacy, services)
        self.details["hosts"] = len(box.hosts.all)
        self._runbooks: Runbooks | None = None
        self._tasks: Sequence[Task] = ()
        self._ran_s: float | None = None
        self._seen_s: float | None = None

    @property
    def runbooks(self) -> Runbooks:
        """The runbooks; there from `make_fit` on."""
        if self._runbooks is None:
            raise PovError("the trial was not set up")
        return self._runbooks

    @abstractmethod
    def variables(self) -> Mapping[str, Any]:
        """What the runbook is told."""

    @abstractmethod
    def wait_until_seen(self) -> Mapping[str, float]:
        """Return once the prober has seen it everywhere."""

    def make_fit(self) -> None:
        """Every service answers; the runbooks are at hand."""
        wait_until_fit(self.box)
        self._runbooks = self.box.hosts.runbooks()
        self.after.add("runbook's connections", self._runbooks.close)

    def warm_up(self) -> None:
        """Have the runbook read, and let the prober look once."""
        super().warm_up()
        self.runbooks.check(self.playbook, self.variables())
        self.box.prober().identify(self.estate.name, self.services)

    def operate(self) -> None:
        """Run the runbook, then wait until the prober has seen its work."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        hosts = self.box.hosts.all
        self.after.add("hosts", partial(restart, self.box, *hosts), after={Ending.FAILED})
        # After an interrupt nobody waits for them.
        self.after.add("hosts", partial(restart, self.box, *hosts, wait=False), after={Ending.INTERRUPTED})
        self._tasks = self.runbooks.run(self.playbook, self.variables(), timeout_s=RUN_LIMIT_S)
        self._ran_s = clock.monotonic() - begun
        self.wait_until_seen()
        self._seen_s = clock.monotonic() - begun

    def steps(self) -> tuple[Step, ...]:
        """The runbook's steps by host, its own overhead, and the prober's look at the end."""
        steps = [Step(name, seconds) for (_, name), seconds in summed(self._tasks).items()]
        if self._ran_s is not None:
            steps.append(Step("runbook itself", max(0.0, self._ran_s - sum(step.seconds for step in steps))))
        if self._ran_s is not None and self._seen_s is not None:
            steps.append(Step("seen by prober", self._seen_s - self._ran_s))
        return tuple(steps)


def on_host(box: Toolbox, pod: str, *argv: str) -> str:
    """What a command printed on a legacy host, by another way than SSH."""
    return box.cluster.exec(pod, box.legacy.namespace, list(argv))


def restart(box: Toolbox, *which: Host, wait: bool = True) -> None:
    """Start hosts anew, at their baseline; with `wait`, return once the estate serves again."""
    namespace = box.legacy.namespace
    before = {host.pod: _uid(box, host.pod) for host in which}
    for pod in before:
        box.cluster.delete("v1/Pod", pod, namespace)
    if not wait:
        return

    def look() -> bool | Pending:
        # The pod that is on its way out still serves for a moment, under the same name.
        left = [pod for pod, uid in before.items() if _uid(box, pod) in {"", uid}]
        return Pending(f"{left[0]} has not started anew") if left else True

    wait_for("legacy hosts to start anew", look, timeout_s=_FIT_S, interval_s=0.5, clock=box.clock, fix="pov up")
    wait_until_fit(box)


def _uid(box: Toolbox, pod: str) -> str:
    found = box.cluster.get("v1/Pod", pod, box.legacy.namespace) or {}
    return str(found.get("metadata", {}).get("uid", ""))


def summed(tasks: Sequence[Task]) -> dict[tuple[str, str], float]:
    """Seconds by host and step: services on one host together."""
    found: dict[tuple[str, str], float] = {}
    for task in tasks:
        found[task.host, task.name] = found.get((task.host, task.name), 0.0) + task.seconds
    return found


def wait_until_fit(box: Toolbox) -> None:
    """Wait until every service of the legacy estate answers the prober."""

    def look() -> bool | Pending:
        try:
            serials(box, box.legacy)
        except Transient:
            raise
        except PovError as error:
            return Pending(f"{error.message}: {error.cause}" if error.cause else error.message)
        return True

    wait_for("the legacy estate", look, timeout_s=_FIT_S, interval_s=0.5, clock=box.clock, fix="pov up")
