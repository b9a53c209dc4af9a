"""`infra-change`: a team gets a namespace with a quota: through Git, review and Terraform, or by kubectl by hand.

What stops the clock is the quota as the cluster tells it. What is believed is everything that was asked for, compared
once more after that; a workload that the cluster refuses, and another that it would take, both tried as dry runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.engines.kube_match import quantity
from pov.experiments.brought import OwnScript
from pov.experiments.control import watch
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import at_rest
from pov.experiments.infra_asked import NAMESPACE, compare, holds, in_force
from pov.experiments.infra_by_hand import hard_of, manifests
from pov.experiments.ports.gitops import Reviewed
from pov.experiments.ports.infrastructure import Applied
from pov.experiments.promote import review_row
from pov.experiments.runbook import RunbookTrial
from pov.experiments.scripted import shipped
from pov.experiments.seen import INTERVAL_S
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import WORKED_ON, Laps
from pov.experiments.working_copy import WorkingCopyTrial
from pov.measure.order import Slot
from pov.measure.trials import Ending
from pov.model.sample import Step

ASKED: Mapping[str, float] = {"cpu": 2, "memory_gib": 2, "pods": 10, "services": 5}
"""What the team asks for: CPU in cores, memory in GiB."""
_AT_REST_S = 240.0
_SEEN_S = 60.0
_GONE_S = 180.0
_STOPS = ("requests.cpu", "pods")
"""Figures of the quota that stop the clock; it comes whole, and all of it is compared after that."""


class AutomatedChange(WorkingCopyTrial):
    """A commit, a pull request that somebody else approves, a plan that is judged, and that very plan applied."""

    checks = "Terraform's guardrail and the gate's policies on the plan; the merge is approved by somebody else"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.estate(STAGING), ())
        self.watch = watch(box.estates, self.estate, self.estate.services, WORKED_ON)
        self._name = name_of(box, slot)
        self._branch = f"infra-{self._name}"
        self._merged: Reviewed | None = None
        self._steps: list[Step] = []

    def make_fit(self) -> None:
        """The stage at rest at its newest commit; all programs at hand."""
        self.box.infrastructure.ready()
        self.keep_copy()
        at_rest(self.box, STAGING, self.box.git.head(STAGING), _AT_REST_S)

    def prepare(self) -> None:
        """The request, written in the working copy alone."""
        refuse_leftovers(self.box, self._name)
        self.copy.ask_for_namespace(self._name, ASKED)
        self.details |= {"namespace": self._name, "asked": dict(ASKED)}

    def operate(self) -> None:
        """Commit, ask, have it approved, merge; plan, have it judged, apply; wait until the cluster tells the quota."""
        step = Laps(self.box.clock, self._steps)
        # Noted before: whatever comes of a step, all of it goes. After an interrupt nobody waits for Terraform.
        self.after.add("branch", partial(self.box.git.forget, self._branch))
        self.after.add("namespace", self._take_away, after={Ending.DONE, Ending.FAILED})
        self.after.add("namespace", partial(self._take_away, wait=False), after={Ending.INTERRUPTED})
        revision = self.copy.commit(f"A namespace for {self._name}")
        self.copy.push_as(self._branch)
        step("commit and push")
        self._merged = self.box.git.review(STAGING, f"A namespace for {self._name}", self._branch)
        # Named once it is merged: the branch goes, and whoever verifies the run looks it up in the kept history.
        self.details["revision"] = revision
        self.details["reviews"] = [review_row(STAGING, self._merged)]
        step("asked, approved, merged")
        applied = self.box.infrastructure.follow(self._merged.revision)
        if applied is None:
            raise PovError("Terraform found nothing to do", cause=f"at commit {self._merged.revision[:12]}")
        self._tell(applied, step.lap())
        until_told(self.box, self._name)
        step("seen in the cluster")

    def check(self) -> None:
        """Somebody else approved, says the server; all is as asked, and the cluster refuses what is over the quota."""
        merged = self._merged
        if merged is None or not set(merged.approvers) - {merged.author}:
            raise PovError("the change was merged without anybody else's approval")
        self.details["told"] = compare(self.box, self._name, ASKED)
        self.details["refused"] = holds(self.box, self._name, ASKED)

    def steps(self) -> tuple[Step, ...]:
        """The way through Git, Terraform's start, the plan with its judgement, the apply, and the look."""
        return tuple(self._steps)

    def _tell(self, applied: Applied, took: float) -> None:
        self._steps += [
            Step("merge fetched, Terraform started", max(0.0, took - applied.plan_seconds - applied.apply_seconds)),
            Step("planned and judged", applied.plan_seconds),
            Step("that plan applied", applied.apply_seconds),
        ]
        self.details |= {"plan": applied.digest, "state_serial": applied.serial}

    def _take_away(self, *, wait: bool = True) -> None:
        """Out of Git; and, by Terraform, out of the cluster. What an interrupt left there goes with the next `up`."""
        copy = self.fresh_copy()
        try:
            if copy.drop_namespace(self._name):
                copy.commit(f"Without the namespace for {self._name} again")
                copy.push()
        finally:
            copy.close()
        if wait:
            self.box.infrastructure.follow(self.box.git.head(STAGING))
            until_gone(self.box, self._name)


class ManualChange(RunbookTrial):
    """The runbook: kubectl by hand, object by object. Or a script that is told the same."""

    playbook = "infra_change.yml"
    checks = "the quota's own status, asked by kubectl"
    seen_by = "seen in the cluster"

    def __init__(self, box: Toolbox, slot: Slot, *, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, (), script=script)
        self.watch = watch(box.estates, self.estate, self.estate.services, WORKED_ON)
        self._name = name_of(box, slot)
        self._folder = Path()
        self.details |= {"namespace": self._name, "asked": dict(ASKED), "hosts": 0}

    def prepare(self) -> None:
        """The manifests, written but not applied."""
        refuse_leftovers(self.box, self._name)
        self._folder = self.runbooks.folder / "manifests"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for file, text in manifests(self._name, ASKED).items():
            write_atomic(self._folder / file, text)

    def variables(self) -> Mapping[str, Any]:
        """The namespace, where its manifests lie, and the way to the cluster."""
        way = self.box.infrastructure
        return {
            "space": self._name,
            "manifests": str(self._folder),
            "kubectl": str(way.kubectl),
            "kubeconfig": str(way.kubeconfig),
        }

    def look_once(self) -> None:
        """At the estate that is under load; nothing of it is worked on."""
        self.box.prober().identify(self.estate.name)

    def hosts_change(self) -> None:
        """No host does: what goes afterwards is the namespace, whatever came of it."""
        waits = {Ending.DONE: True, Ending.FAILED: True, Ending.INTERRUPTED: False}
        for ending, wait in waits.items():
            self.after.add("namespace", partial(self._take_away, wait=wait), after={ending})

    def wait_until_seen(self) -> Mapping[str, float]:
        """The cluster tells the quota."""
        until_told(self.box, self._name)
        return {}

    def check(self) -> None:
        """All is as asked, and the cluster refuses what is over the quota, and nothing else."""
        self.details["told"] = compare(self.box, self._name, ASKED)
        self.details["refused"] = holds(self.box, self._name, ASKED)

    def _take_away(self, *, wait: bool = True) -> None:
        self.box.cluster.delete(NAMESPACE, self._name)
        if wait:
            until_gone(self.box, self._name)


def name_of(box: Toolbox, slot: Slot) -> str:
    """A name that nobody has: of this run, arm and trial, each whole. 63 letters hold them: an arm's has 30 at most."""
    return f"team-{box.run}-{slot.arm}-{slot.trial}".lower()


def refuse_leftovers(box: Toolbox, name: str) -> None:
    """Raises `PovError` where there is such a namespace already."""
    if box.cluster.get(NAMESPACE, name) is not None:
        raise PovError(f"there is a namespace {name} already", fix="pov up")


def until_told(box: Toolbox, name: str) -> None:
    """Wait until the cluster tells a quota that is what was asked for, and in force."""
    wanted = hard_of(ASKED)

    def look() -> bool | Pending:
        told = in_force(box, name)
        fits = all(quantity(told.get(key)) == quantity(wanted[key]) for key in _STOPS)
        return True if fits else Pending(f"{name} has no such quota yet")

    wait_for("the quota", look, timeout_s=_SEEN_S, interval_s=INTERVAL_S, clock=box.clock)


def until_gone(box: Toolbox, name: str) -> None:
    """Wait until nothing is left of the namespace."""

    def look() -> bool | Pending:
        return True if box.cluster.get(NAMESPACE, name) is None else Pending(f"{name} is still there")

    wait_for("the namespace to go", look, timeout_s=_GONE_S, interval_s=0.5, clock=box.clock, fix="pov up")


EXPERIMENT = Experiment(
    "infra-change",
    touches=lambda box, estate: estate.services,
    expected_s=12.0,
    arms={
        "automated": Way(AutomatedChange, STAGING),
        "manual": Way(ManualChange, LEGACY),
        "scripted": Way(partial(ManualChange, script=shipped("infra-change")), LEGACY),
    },
)
