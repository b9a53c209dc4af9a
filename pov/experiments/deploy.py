"""`deploy`: a new version of the services under proof, from the change being ready to every replica serving it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.experiments.brought import OwnScript
from pov.experiments.core import Experiment, Way
from pov.experiments.gitops import NEXT_POLL, GitOpsTrial, moment
from pov.experiments.person import AtHosts, AtRepository, reviewer_of, seat_of
from pov.experiments.ports.gitops import Configuration
from pov.experiments.ports.load import Identity
from pov.experiments.reviewed import WithReview
from pov.experiments.runbook import RUN_LIMIT_S, RunbookTrial, on_host, summed
from pov.experiments.scripted import shipped
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.workloads import to_nodes
from pov.measure.order import Slot
from pov.measure.trials import Ending

_PODS_S = 60.0
_CONTAINER = "service"
DISTRIBUTION = "distribution"
"""What is timed apart in every arm: the artefact's way to where it is started from."""


def version_of(box: Toolbox, slot: Slot) -> str:
    """A version of its own for each trial, so that no trial can be fooled by another's release."""
    return f"{box.run}-{slot.arm}-{slot.trial}"


class AutomatedDeploy(GitOpsTrial):
    """A commit that changes the images; Argo CD does the rest."""

    def __init__(self, box: Toolbox, slot: Slot, *, webhook: bool = True) -> None:
        super().__init__(box, slot, box.under_proof, webhook=webhook)
        self._version = version_of(box, slot)
        self._image = ""
        self._before: Mapping[str, str] = {}
        self._old_ids: set[str] = set()

    def prepare(self) -> None:
        """The image built and brought to the node, the latter timed apart; the images edited."""
        self._image = to_nodes(self.box, self._version, timed=self.apart(DISTRIBUTION))
        self._before = {name: self.copy.images()[name] for name in self.box.under_proof}
        self._old_ids = {image_id for _, image_id, _ in self._containers()}
        self.make_edit()
        self.details |= {"version": self._version, "image": self._image, "images_before": dict(self._before)}

    def make_edit(self) -> None:
        """The images of the services under proof, without a commit."""
        self.copy.set_images(dict.fromkeys(self.box.under_proof, self._image))

    def message(self) -> str:
        """As a customer would write it."""
        return f"Deploy {self._version} to staging: {', '.join(self.box.under_proof)}"

    def warm_up(self) -> None:
        """As ever, and let the prober look once."""
        super().warm_up()
        self.box.prober().identify(self.estate.name, self.box.under_proof)

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every replica of the services under proof serves the new version."""
        what = f"version {self._version} on every replica in {self.estate.name}"
        return until_seen(
            self.box,
            self.estate,
            self.box.under_proof,
            lambda row: row.version == self._version,
            what,
            timeout_s=self.limit_s,
        )

    def check(self) -> None:
        """The cluster's own record: every pod runs the new image, by reference and by digest, and no other runs."""
        wanted = len(self.box.under_proof) * self.estate.replicas

        def look() -> set[str] | Pending:
            found = self._containers()
            other = [image for image, _, _ in found if image != self._image]
            if other or len(found) != wanted:
                return Pending(f"{len(found) - len(other)} of {wanted} pods run {self._image}")
            return {image_id for _, image_id, _ in found}

        ids = wait_for("pods of the new image alone", look, timeout_s=_PODS_S, interval_s=0.5, clock=self.box.clock)
        if len(ids) != 1 or ids & self._old_ids:
            raise PovError(f"the pods' image digests are not those of one new image: {', '.join(sorted(ids))}")
        self.details |= {"image_digest": next(iter(ids)), "image_digests_before": sorted(self._old_ids)}

    def rolled_out(self) -> datetime | None:
        """When the last of the new pods became ready (whole seconds)."""
        times = [ready for image, _, ready in self._containers() if image == self._image and ready is not None]
        return max(times, default=None)

    def undo(self, copy: Configuration) -> bool:
        """The images from before."""
        if all(copy.images()[name] == image for name, image in self._before.items()):
            return False
        copy.set_images(self._before)
        return True

    def _containers(self) -> list[tuple[str, str, datetime | None]]:
        """Image reference, image digest and time of readiness of each pod that is not on its way out."""
        found = []
        for name in self.box.under_proof:
            for pod in self.box.cluster.list("v1/Pod", self.estate.namespace, labels=f"app={name}"):
                if pod["metadata"].get("deletionTimestamp"):
                    continue
                status = pod.get("status") or {}
                image = next(c["image"] for c in pod["spec"]["containers"] if c["name"] == _CONTAINER)
                ids = [c["imageID"] for c in status.get("containerStatuses") or [] if c["name"] == _CONTAINER]
                found.append((image, ids[0] if ids else "", _ready_since(status)))
        return found


class ManualDeploy(RunbookTrial):
    """The runbook: stop, swap the link, start, check; host by host. Or a script that is told the same."""

    playbook = "deploy.yml"

    def __init__(self, box: Toolbox, slot: Slot, *, script: OwnScript | None = None) -> None:
        super().__init__(box, slot, box.under_proof, script=script)
        self._version = version_of(box, slot)
        self._archive = ""

    def prepare(self) -> None:
        """The release made and brought to the hosts, the latter timed apart: no arm's clock holds the copying."""
        self._archive = str(self.box.releases.archive(self._version, self.runbooks.folder))
        self.details["version"] = self._version
        self.after.add("old releases", self._sweep, after={Ending.DONE, Ending.FAILED})
        with self.apart(DISTRIBUTION):
            tasks = self.runbooks.run("distribute.yml", self.variables(), timeout_s=RUN_LIMIT_S)
        self.details["distribution"] = [
            {"host": host, "name": name, "seconds": round(seconds, 3)}
            for (host, name), seconds in summed(tasks).items()
        ]

    def variables(self) -> Mapping[str, Any]:
        """Release, version, services."""
        return {"release": self._archive, "version": self._version, "services": list(self.box.under_proof)}

    def wait_until_seen(self) -> Mapping[str, float]:
        """Every service under proof serves the new version."""
        what = f"version {self._version} on every host"
        return until_seen(
            self.box,
            self.estate,
            self.box.under_proof,
            lambda row: row.version == self._version,
            what,
            timeout_s=self.seen_limit_s,
        )

    def check(self) -> None:
        """The process that runs on each host is the one of the new release's folder."""
        for host in self.box.hosts.all:
            for name in (p.service for p in host.services if p.service in self.box.under_proof):
                # As the service's own user: root in a pod may not look into another user's process.
                look = f"exec chpst -u :65532:65532 readlink /proc/$(cat /etc/service/{name}/supervise/pid)/exe"
                running = on_host(self.box, host.pod, "sh", "-c", look).strip()
                if f"/releases/{self._version}/" not in running:
                    raise PovError(f"{name} on {host.name} runs {running or 'nothing'}, not {self._version}")

    def _sweep(self) -> None:
        """Releases that are no longer in use go from the hosts: each is a whole program."""
        keep = '[ "$(basename "$r")" = "$(basename "$(readlink "$s/current")")" ]'
        sweep = f'for s in /opt/pov/*; do for r in "$s"/releases/*; do {keep} || rm -rf "$r"; done; done'
        for host in self.box.hosts.all:
            on_host(self.box, host.pod, "sh", "-c", sweep)


class PersonDeploy(AtHosts, ManualDeploy):
    """A new version of the services under proof."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot)
        self.seat = seat_of(box, slot)

    @property
    def task(self) -> str:
        """Which version, of which services."""
        return f"bring {', '.join(self.services)} to version {self._version}, which lies on the hosts already"

    def wished(self, row: Identity) -> bool:
        """It serves the new version."""
        return row.version == self._version


class PersonCommits(AtRepository, AutomatedDeploy):
    """The same version by way of the platform: a person edits, commits and pushes, the platform does the rest."""

    change = f"stages/{STAGING}/kustomization.yaml"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot)
        self.seat = seat_of(box, slot)

    def make_edit(self) -> None:
        """None: that is the person's."""

    @property
    def task(self) -> str:
        """Which version, of which services."""
        return f"bring {', '.join(self.services)} to {self._image} by a commit"

    @property
    def edit(self) -> str:
        """Which tag, of which images."""
        tag = self._image.rpartition(":")[2]
        return f"set newTag of {', '.join(self.services)} to {tag}"

    def wished(self, row: Identity) -> bool:
        """It serves the new version."""
        return row.version == self._version


class PersonReviewed(WithReview, PersonCommits):
    """The same again by a pull request, which another person reviews and merges."""

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot)
        self.reviewer, self.sat = reviewer_of(box, slot), []

    @property
    def task(self) -> str:
        """Which version, of which services."""
        return f"bring {', '.join(self.services)} to {self._image} by a pull request"

    @property
    def topic(self) -> str:
        """The version, which no other trial has."""
        return self._version


EXPERIMENT = Experiment(
    "deploy",
    touches=lambda box, estate: box.under_proof,
    expected_s=25.0,
    arms={
        "automated": Way(AutomatedDeploy, STAGING),
        "automated-poll": Way(partial(AutomatedDeploy, webhook=False), STAGING, NEXT_POLL),
        "manual": Way(ManualDeploy, LEGACY),
        "scripted": Way(partial(ManualDeploy, script=shipped("deploy")), LEGACY),
        "person": Way(PersonDeploy, LEGACY),
        "person-commits": Way(PersonCommits, STAGING),
        "person-reviewed": Way(PersonReviewed, STAGING),
    },
    own=lambda script: Way(partial(ManualDeploy, script=script), LEGACY),
)


def _ready_since(status: Mapping[str, Any]) -> datetime | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return moment(condition.get("lastTransitionTime"))
    return None
