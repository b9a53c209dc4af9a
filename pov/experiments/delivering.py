"""Whether changes are delivered: a change of one service's version is committed, and seen where it is to serve."""

from __future__ import annotations

from typing import Any

from pov.base.errors import PovError
from pov.config.estates import Estate
from pov.experiments.gitops import at_rest, push_back, working_copy
from pov.experiments.ports.gitops import Configuration
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import DEPLOYMENT, image_of, own_version, rolled_out, to_nodes
from pov.measure.order import Slot
from pov.measure.trials import CleanUp

_SEEN_S, _AT_REST_S = 420.0, 240.0


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
        self._image = to_nodes(self._box, self._version)
        self._copy = copy = working_copy(self._box, self._estate.name)
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
        revision = push_back(self._box, self._slot, self._estate.name, self._undo)
        at_rest(self._box, self._estate.name, revision, _AT_REST_S)

    def as_details(self) -> dict[str, Any]:
        """What was changed, for the sample."""
        return {"service": self._service, "version": self._version, "image": self._image, "revision": self._revision}

    def _undo(self, copy: Configuration) -> bool:
        if copy.images()[self._service] == self._before:
            return False
        copy.set_images({self._service: self._before})
        return True
