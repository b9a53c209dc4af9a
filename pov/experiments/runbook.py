"""What arms on the legacy hosts have in common: a runbook, step by step over SSH, or a script of somebody's own.

Whichever does the work is told the same, runs under the same clocks and load, and is checked in the same way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pov.base.errors import PovError, Transient
from pov.base.wait import Pending, wait_for
from pov.config.legacy import Host
from pov.experiments.brought import OwnScript
from pov.experiments.ports.legacy import Runbooks, Script, Task
from pov.experiments.seen import serials
from pov.experiments.telling import tell
from pov.experiments.toolbox import Toolbox
from pov.experiments.trial import EstateTrial
from pov.measure.order import Slot
from pov.measure.trials import Ending, Evidence
from pov.model.sample import Step

RUN_LIMIT_S = 1800.0
SEEN_LIMIT_S = 120.0
_FIT_S = 180.0


class RunbookTrial(EstateTrial):
    """One trial of `playbook`, or of a script in its place, against the legacy estate."""

    playbook = ""
    runbook_of: ClassVar[str] = ""
    """The experiment whose runbook or script does the work, where it is another one's work that is done here."""
    seen_by: ClassVar[str] = "seen by prober"
    """What the last step is called, which somebody else than the runbook ends."""

    checks = (
        "each service's own readiness page, asked over SSH until it answers before the next service's turn; services "
        "one after the other"
    )

    def __init__(self, box: Toolbox, slot: Slot, services: Collection[str], *, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, box.legacy, services)
        self.details["hosts"] = len(box.hosts.all)
        self._own = script
        if script is not None:
            self.details["checks"] = "whatever the script does; that it ended well is not believed"
        self._script: Script | None = None
        brought = box.playbooks.get(self.runbook_of or slot.experiment)
        self._brought = script.file if script is not None else brought
        self._playbook = str(brought.path) if brought is not None else self.playbook
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

    def secret_files(self, variables: Mapping[str, Any]) -> list[Path]:
        """Files whose content is in no log."""
        return [Path(value) for name, value in variables.items() if name.endswith("_key")]

    @property
    def seen_limit_s(self) -> float:
        """How long the prober has to see the work: as its arm says, where somebody brings one."""
        return SEEN_LIMIT_S if self._own is None else self._own.seen_s

    @abstractmethod
    def wait_until_seen(self) -> Mapping[str, float]:
        """Return once the prober has seen it everywhere."""

    def make_fit(self) -> None:
        """Every service answers; the runbooks are at hand."""
        wait_until_fit(self.box)
        self._runbooks = self.box.hosts.runbooks()
        self.after.add("runbook's connections", self._runbooks.close)

    def warm_up(self) -> None:
        """Have the runbook read, or the script told, and let the prober look once."""
        super().warm_up()
        if self._brought is not None:
            self._brought.unchanged()
        if self._own is None:
            self.runbooks.check(self._playbook, self.variables())
        else:
            self._script = self._told(self._own)
        self.look_once()

    def look_once(self) -> None:
        """Have the prober look at what will change."""
        self.box.prober().identify(self.estate.name, self.services)

    @property
    def told_hosts(self) -> Sequence[Host]:
        """The hosts, as a script is told of them."""
        return self.box.hosts.all

    def operate(self) -> None:
        """Run the runbook or the script, then wait until the prober has seen its work."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        self.hosts_change()
        if self._script is not None and self._own is not None:
            # Before the hosts: what it left running would go on with them.
            self.after.add("what the script left", self._script.close)
            self._script.run(timeout_s=self._own.limit_s)
        else:
            self._tasks = self.runbooks.run(self._playbook, self.variables(), timeout_s=RUN_LIMIT_S)
        self._ran_s = clock.monotonic() - begun
        self.wait_until_seen()
        self._seen_s = clock.monotonic() - begun

    def hosts_change(self) -> None:
        """From here on, hosts start anew unless all ends well; noted once, however often they change."""
        hosts = self.box.hosts.all
        self.after.add("hosts", partial(restart, self.box, *hosts), after={Ending.FAILED}, once=True)
        # After an interrupt nobody waits for them.
        again = partial(restart, self.box, *hosts, wait=False)
        self.after.add("hosts", again, after={Ending.INTERRUPTED}, once=True)

    def evidence(self) -> Evidence:
        """As ever; what a script left running is ended here, before the next trial, and counted."""
        if self._script is not None:
            self.details["left_running"] = self._script.close()
        return super().evidence()

    def _told(self, own: OwnScript, *, mark: str = "") -> Script:
        """The script, ready to run; `mark` tells its log from that of another run of it in this trial."""
        variables = self.variables()
        folder = self.runbooks.folder
        work = replace(self.slot, experiment=self.runbook_of or self.slot.experiment)
        told = tell(own, work, self.told_hosts, self.services, variables=variables, folder=folder)
        log = f"{self.slot.experiment}-{self.slot.arm}-{self.slot.trial}{mark}.log"
        self.details |= {"script": own.file.digest, "log": f"logs/{log}"}
        return self.runbooks.script(
            own.argv,
            told,
            folder=own.folder,
            log=None if self.box.logs is None else self.box.logs / log,
            secret_files=self.secret_files(variables),
        )

    def steps(self) -> tuple[Step, ...]:
        """The runbook's steps by host, its own overhead, or the script; and the prober's look at the end."""
        steps = [Step(name, seconds) for (_, name), seconds in summed(self._tasks).items()]
        if self._ran_s is not None and self._own is not None:
            steps.append(Step("script", self._ran_s))
        elif self._ran_s is not None:
            steps.append(Step("runbook itself", max(0.0, self._ran_s - sum(step.seconds for step in steps))))
        if self._ran_s is not None and self._seen_s is not None:
            steps.append(Step(self.seen_by, self._seen_s - self._ran_s))
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
