"""`provision`: a new service in every stage, from its files to each stage's replicas answering over mutual TLS.

Nobody calls it yet but the prober; the services beside it are under load, and none of them is to notice. Its account is
admitted to certificates in Vault, which takes a root token; its files come by a commit, to prod by a pull request. What
is done on the legacy hosts stands in `provision_hosts`.
"""

from __future__ import annotations

from functools import partial

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY, Estate
from pov.experiments.control import watch_beside
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import SEEN_LIMIT_S, at_rest
from pov.experiments.ports.gitops import Reviewed
from pov.experiments.promote import ORDER, review_row
from pov.experiments.provision_hosts import ManualProvision
from pov.experiments.scripted import shipped
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import Laps
from pov.experiments.working_copy import WorkingCopyTrial
from pov.experiments.workloads import DEPLOYMENT, POD, is_going, not_ready, rolled_out
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

PROD = "prod"
KINDS = (DEPLOYMENT, "v1/Service", "v1/ServiceAccount", "networking.k8s.io/v1/NetworkPolicy")
"""What a service consists of in a stage."""
_AT_REST_S = 240.0
_GONE_S = 240.0


class AutomatedProvision(WorkingCopyTrial):
    """A service that no stage has yet. Argo CD follows the commit and the merge."""

    checks = "each new pod's own readiness page; the merge to prod needs an approval of somebody else"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), ())
        there = {estate.name: estate for estate in box.estates if estate.kind == "gitops"}
        self._stages = [there[name] for name in ORDER if name in there]
        self.watch = watch_beside(self._stages)
        self._name = f"new-{box.run}-{slot.trial}".lower()
        self._merged: Reviewed | None = None
        self._revision = ""
        self._steps: list[Step] = []

    @property
    def _names(self) -> list[str]:
        return [stage.name for stage in self._stages]

    def make_fit(self) -> None:
        """Told by the webhook, as a customer would be; every stage at rest at the commit that it follows."""
        self.box.git.webhook(True)
        self.keep_copy()
        for stage in self._names:
            at_rest(self.box, stage, self.box.git.head(stage), _AT_REST_S)

    def prepare(self) -> None:
        """The service's files, in the working copy alone. Its image is on the node: it is that of the others."""
        left = [f"{kind} in {stage.name}" for stage in self._stages for kind in KINDS if self._live(kind, stage)]
        if left:
            raise PovError(f"there is a {self._name} already: {left[0]}", fix="pov up")
        self.copy.add_service(self._name, self._names)
        self.details |= {"service": self._name, "stages": self._names}

    def operate(self) -> None:
        """Admit it, commit and push, wait until the prober has seen it; then the same for prod by a pull request."""
        clock, begun = self.box.clock, self.box.clock.monotonic()
        step = Laps(clock, self._steps)
        # Noted before: whatever comes of a step, all of it goes. After an interrupt nobody waits for that.
        self.after.add("new service", self._take_away, after={Ending.DONE, Ending.FAILED})
        self.after.add("new service", partial(self._take_away, wait=False), after={Ending.INTERRUPTED})
        self.box.accounts.admit(self._name)
        step("admitted to certificates")
        self._revision = self.copy.commit(f"New service {self._name} in {', '.join(self._names)}")
        self.copy.push()
        # Named once the server has it: whoever verifies the run looks it up in the history that the run kept.
        self.details["revision"] = self._revision
        step("commit and push")
        for stage in self._stages:
            if stage.name == PROD:
                # Prod follows its own branch: what is asked for there goes back by the same way.
                self.after.add(stage.name, self._out_of_prod)
                self._merged = self.box.git.review(stage.name, f"New service {self._name} in {stage.name}")
                self.details["reviews"] = [review_row(stage.name, self._merged)]
                step(f"{stage.name}: asked, approved, merged")
            self._until_seen(stage)
            step(f"{stage.name}: seen by prober")
            self.figures[f"{stage.name}_seconds"] = round(clock.monotonic() - begun, 3)

    def check(self) -> None:
        """Each stage is at rest at its commit, the Deployment rolled out, and the kubelet calls all of each pod ready.

        Its agent among it, which is ready with a good certificate alone. Prod admits no look from inside a pod.
        """
        for stage in self._stages:
            merged = self._merged if stage.name == PROD else None
            if merged is not None and not set(merged.approvers) - {merged.author}:
                raise PovError(f"pull request {merged.number} was merged without anybody else's approval")
            at_rest(self.box, stage.name, merged.revision if merged else self._revision, _AT_REST_S)
            held = self._live(DEPLOYMENT, stage)
            if held is None or not rolled_out(held):
                raise PovError(f"{self._name} is not rolled out in {stage.name}")
            found = self.box.cluster.list(POD, stage.namespace, labels=f"app={self._name}")
            pods = [pod for pod in found if not is_going(pod)]
            if len(pods) != stage.replicas:
                raise PovError(f"{self._name} has {len(pods)} pods in {stage.name}, not {stage.replicas}")
            lacking = next((name for pod in pods for name in not_ready(pod)), "")
            if lacking:
                raise PovError(f"{self._name} in {stage.name}: the kubelet does not call its {lacking} ready")

    def steps(self) -> tuple[Step, ...]:
        """Its account, its files, and each stage's way to every replica."""
        return tuple(self._steps)

    def _until_seen(self, stage: Estate) -> None:
        what = f"{self._name} on every replica in {stage.name}"
        limit_s = SEEN_LIMIT_S[True]
        until_seen(self.box, stage, (self._name,), lambda row: True, what, timeout_s=limit_s, unlisted=True)

    def _live(self, kind: str, stage: Estate) -> dict[str, object] | None:
        return self.box.cluster.get(kind, self._name, stage.namespace)

    def _take_away(self, *, wait: bool = True) -> None:
        """Out of Git, where it is still there; out of Vault; and out of every stage, where Argo CD follows."""
        try:
            self._out_of_git()
        finally:
            self.box.accounts.withdraw()
        if wait:
            clock = self.box.clock
            wait_for("the new service to go", self._gone, timeout_s=_GONE_S, interval_s=0.5, clock=clock, fix="pov up")

    def _out_of_git(self) -> bool:
        """Whether there was anything to take out."""
        copy = self.fresh_copy()
        try:
            there = copy.remove_service(self._name, self._names)
            if there:
                copy.commit(self._without)
                copy.push()
        finally:
            copy.close()
        return there

    def _out_of_prod(self) -> None:
        if self._out_of_git():
            self.box.git.review(PROD, self._without)

    @property
    def _without(self) -> str:
        return f"Without {self._name} again"

    def _gone(self) -> bool | Pending:
        for stage in self._stages:
            left = next((kind for kind in KINDS if self._live(kind, stage)), "")
            if left:
                return Pending(f"{stage.name} still has its {left.rpartition('/')[2]}")
            lacking = self.box.delivery.state(stage.name).missing(self.box.git.head(stage.name))
            if lacking:
                return Pending(lacking)
        return True


EXPERIMENT = Experiment(
    "provision",
    touches=lambda box, estate: estate.services,
    expected_s=45.0,
    arms={
        "automated": Way(AutomatedProvision, STAGING),
        "manual": Way(ManualProvision, LEGACY),
        "scripted": Way(partial(ManualProvision, script=shipped("provision")), LEGACY),
    },
    own=lambda script: Way(partial(ManualProvision, script=script), LEGACY),
)
