"""Whether changes are delivered: a change of one service's version is committed, and seen where it is to serve."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.wait import wait_for
from pov.config.estates import Estate
from pov.experiments.gitops import at_rest
from pov.experiments.ports.gitops import Configuration
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import DEPLOYMENT, image_of, own_version, rolled_out
from pov.measure.order import Slot
from pov.measure.trials import CleanUp

_GIT_S, _SEEN_S, _AT_REST_S = 120.0, 420.0, 240.0


class OneChange:
    """A new version of one service of a stage, by way of a commit; Argo CD hears of it by the webhook."""

    def __init__(self, box: Toolbox, slot: Slot, estate: Estate, service: str) -> None:
        self._box = box
        self._slot = slot
        self._estate = estate
        self._service = service
        self._version = own_version(box, slot)
        self._copy: Configuration | None = None
        self._image = self._before = self._revision = ""

    def prepare(self, after: CleanUp) -> None:
        """The image made and brought to the node, the change edited but not committed."""
        with tempfile.TemporaryDirectory(prefix="pov-") as folder:
            archive = self._box.releases.image(self._version, Path(folder))
            self._image = self._box.releases.deliver(archive, self._version)
        self._copy = copy = self._fresh()
        after.add("working copy", copy.close)
        self._before = copy.images()[self._service]
        copy.set_images({self._service: self._image})

    def push(self) -> None:
        """Commit and push."""
        if self._copy is None:
            raise PovError("the change was not prepared")
        self._revision = self._copy.commit(f"Deploy {self._version} to {self._estate.name}: {self._service}")
        self._copy.push()

    def until_seen(self) -> None:
        """Return once the prober has seen every replica serve it."""
        what = f"version {self._version} of {self._service} on every replica in {self._estate.name}"
        wanted = self._version
        until_seen(
            self._box, self._estate, (self._service,), lambda row: row.version == wanted, what, timeout_s=_SEEN_S
        )

    def check(self) -> None:
        """Argo CD calls the stage at rest at this commit; the cluster's own record has it rolled out."""
        at_rest(self._box, self._estate.name, self._revision, _AT_REST_S)
        held = self._box.cluster.get(DEPLOYMENT, self._service, self._estate.namespace) or {}
        runs = image_of(held.get("spec", {}).get("template", {}))
        if runs != self._image:
            raise PovError(f"{self._service} is to run {runs or 'no image'} in the cluster, not {self._image}")
        if not rolled_out(held):
            raise PovError(f"{self._service} is not rolled out")

    def take_back(self) -> None:
        """The version from before, and the stage at rest with it; nothing where Git asks for that."""
        copy = self._fresh()
        try:
            revision = copy.head()
            if copy.images()[self._service] != self._before:
                copy.set_images({self._service: self._before})
                revision = copy.commit(f"Back to the state before trial {self._slot.trial} of {self._slot.experiment}")
                copy.push()
            at_rest(self._box, self._estate.name, revision, _AT_REST_S)
        finally:
            copy.close()

    def as_details(self) -> dict[str, Any]:
        """What was changed, for the sample."""
        return {"service": self._service, "version": self._version, "image": self._image, "revision": self._revision}

    def _fresh(self) -> Configuration:
        """A working copy, also if Gitea is on its way back from somewhere, and the webhook as a deployment has it."""

        def attempt() -> Configuration:
            self._box.git.webhook(True)
            return self._box.git.configuration(self._estate.name)

        return wait_for("Gitea", attempt, timeout_s=_GIT_S, interval_s=1.0, clock=self._box.clock, fix="pov status")
