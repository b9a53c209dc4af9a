"""`new-stage`: a whole stage that nobody had, from its declaration to every service of it answering over mutual TLS.

Terraform makes its namespace, quota, limits and policies; Vault issues for its accounts; its overlay comes by a commit,
and Argo CD's ApplicationSet follows the branch. Each by the step of the bring-up that does it for every other stage.
The services of the other stages are under load, and none of them is to notice. Hosts have no arm here: they have no
stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import NEW_STAGE as NAME
from pov.config.estates import Estate
from pov.config.legacy import identity
from pov.experiments.control import watch_beside
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import SEEN_LIMIT_S, at_rest
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import EstateTrial, Laps
from pov.experiments.workloads import DEPLOYMENT, POD, is_going, not_ready, rolled_out
from pov.measure.order import Slot
from pov.measure.trials import CleanUp, Ending
from pov.model.sample import Step

NAMESPACE, APPLICATION = "v1/Namespace", "argoproj.io/v1alpha1/Application"
QUOTA, LIMITS, POLICY = "v1/ResourceQuota", "v1/LimitRange", "networking.k8s.io/v1/NetworkPolicy"
BINDING = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding"
BINDING_NAME = "only-from-git-warn"
"""What binds the stages in which a change by hand is told, and not refused."""
_AT_REST_S = 240.0
_GONE_S = 240.0
_STEPS = {
    "landing_zone": "Terraform: namespace, quota, limits, policies",
    "vault": "Vault: accounts, credentials",
    "git_repository": "commit, push, prod by review",
    "argocd": "Argo CD told of it",
}
"""Steps of the bring-up in their order, and what each does for a stage."""


class AutomatedStage(EstateTrial):
    """A stage of the services under proof beside those that there are."""

    checks = "Terraform's guardrail and a probe of its policies; each new pod's own readiness page"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), ())
        there = [estate for estate in box.estates if estate.kind == "gitops"]
        self._stage = _stage_of(box.estate(STAGING), box.under_proof)
        self._others = tuple(estate.name for estate in there)
        self.watch = watch_beside(there)
        self._marks: list[Step] = []
        self._revision = ""

    def make_fit(self) -> None:
        """Told by the webhook, as a customer would be; every stage at rest; the prober told of one that is to come."""
        self.box.git.webhook(True)
        for stage in self._others:
            at_rest(self.box, stage, self.box.git.head(stage), _AT_REST_S)
        if self.box.cluster.get(NAMESPACE, self._stage.namespace) is not None:
            raise PovError(f"there is a stage {NAME} already", fix="pov up")
        # It is started anew for that: before the load, and again when all of it is over.
        self.after.add("prober", partial(self.box.platform.bring, "prober"))
        self.box.platform.bring("prober", (self._stage,))
        self.details |= {"stage": NAME, "services": list(self._stage.services)}

    def operate(self) -> None:
        """Each step of the bring-up that a stage takes, then wait until the prober has seen all of it."""
        step = Laps(self.box.clock, self._marks)
        # Noted before: whatever comes of a step, all of it goes.
        _note_way_back(self.after, self.box, self._stage, self._others)
        for part, name in _STEPS.items():
            self.box.platform.bring(part, (self._stage,))
            step(name)
        self._revision = self.details["revision"] = self.box.git.head(NAME)
        until_seen(
            self.box,
            self._stage,
            self._stage.services,
            lambda row: True,
            f"every replica in {NAME}",
            timeout_s=SEEN_LIMIT_S[True],
        )
        step("seen by prober")

    def check(self) -> None:
        """What cluster and Vault keep: guardrails in force and counting, all rolled out, each certificate issued."""
        at_rest(self.box, NAME, self._revision, _AT_REST_S)
        self._check_guardrails()
        for name in self._stage.services:
            self._check_service(name)
        for row in self.box.prober().identify(NAME, self._stage.services):
            wanted = identity(self._stage.namespace, row.service)
            if wanted not in self.box.platform.certified(row.serial):
                raise PovError(f"Vault has issued no certificate {row.serial} for {row.service} in {NAME}")

    def steps(self) -> tuple[Step, ...]:
        """Landing zone, accounts, commit, application, and the way from there to every replica."""
        return tuple(self._marks)

    def _check_guardrails(self) -> None:
        cluster, namespace = self.box.cluster, self._stage.namespace
        labels = ((cluster.get(NAMESPACE, namespace) or {}).get("metadata") or {}).get("labels") or {}
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            raise PovError(f"{NAME} takes pods of every kind")
        for kind in (QUOTA, LIMITS, POLICY):
            if not cluster.list(kind, namespace):
                raise PovError(f"{NAME} has no {kind.rpartition('/')[2]}")
        used = [(quota.get("status") or {}).get("used") or {} for quota in cluster.list(QUOTA, namespace)]
        pods = len(self._stage.services) * self._stage.replicas
        if not any(int(each.get("pods", 0)) >= pods for each in used):
            raise PovError(f"{NAME}'s quota counts no {pods} pods: it is not in force")
        binding = cluster.get(BINDING, BINDING_NAME) or {}
        if namespace not in str((binding.get("spec") or {}).get("matchResources") or {}).replace("'", " ").split():
            raise PovError(f"no policy tells of changes by hand in {NAME}")

    def _check_service(self, name: str) -> None:
        held = self.box.cluster.get(DEPLOYMENT, name, self._stage.namespace)
        if held is None or not rolled_out(held):
            raise PovError(f"{name} is not rolled out in {NAME}")
        found = self.box.cluster.list(POD, self._stage.namespace, labels=f"app={name}")
        lacking = next((part for pod in found if not is_going(pod) for part in not_ready(pod)), "")
        if lacking:
            raise PovError(f"{name} in {NAME}: the kubelet does not call its {lacking} ready")


def take_away(box: Toolbox) -> tuple[str, ...]:
    """Take away all of a stage that a trial left which nobody ended; returns what went wrong, in words.

    However far that trial had come: what is not there is fine. The prober forgets the stage last, and only where
    nothing of it is left: by that it is known.
    """
    others = tuple(estate.name for estate in box.estates if estate.kind == "gitops")
    after = CleanUp()
    _note_way_back(after, box, _stage_of(box.estate(STAGING), box.under_proof), others)
    problems = after.run(Ending.FAILED)
    if not problems:
        box.platform.bring("prober")
    return problems


def _note_way_back(after: CleanUp, box: Toolbox, stage: Estate, others: Sequence[str]) -> None:
    """The last one noted is the first one done."""
    after.add("new stage", partial(_until_gone, box, stage, others), after={Ending.DONE, Ending.FAILED})
    after.add("new stage in Vault", partial(_out_of_vault, box, stage))
    for part in ("landing_zone", "git_repository", "argocd"):
        after.add(f"new stage: {part}", partial(box.platform.bring, part))


def _out_of_vault(box: Toolbox, stage: Estate) -> None:
    try:
        box.platform.forget(stage)
    finally:
        box.platform.bring("vault")


def _until_gone(box: Toolbox, stage: Estate, others: Sequence[str]) -> None:
    def look() -> bool | Pending:
        if box.cluster.get(APPLICATION, NAME, "argocd") is not None:
            return Pending(f"Argo CD still has the application {NAME}")
        if box.cluster.get(NAMESPACE, stage.namespace) is not None:
            return Pending(f"the namespace {stage.namespace} is still there")
        lacking = (box.delivery.state(other).missing(box.git.head(other)) for other in others)
        return Pending(first) if (first := next(filter(None, lacking), "")) else True

    wait_for("the new stage to go", look, timeout_s=_GONE_S, interval_s=0.5, clock=box.clock, fix="pov up")


def _stage_of(staging: Estate, services: tuple[str, ...]) -> Estate:
    """The services under proof once more, with the edges among them."""
    edges = tuple(edge for edge in staging.edges if edge.source in services and edge.target in services)
    return Estate(NAME, "gitops", NAME, tuple(s for s in staging.services if s in services), edges, staging.replicas)


EXPERIMENT = Experiment(
    "new-stage",
    touches=lambda box, estate: estate.services,
    expected_s=45.0,
    arms={"automated": Way(AutomatedStage, STAGING)},
)
