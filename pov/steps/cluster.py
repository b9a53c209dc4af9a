"""The cluster, as everything sees it that does not care where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pov.engines.control_groups import Counters
    from pov.engines.kube import Kube

ENDPOINTS = ("vault", "gitea", "argocd", "prober")
"""Services that people and `pov` reach from outside the cluster."""


@dataclass(frozen=True)
class Claim:
    """A claim and, where it needs one, its volume: manifests for the same set as the pod that mounts `name`."""

    name: str
    manifests: tuple[dict[str, Any], ...]


class Cluster(Protocol):
    """One environment's cluster. Making the object touches nothing."""

    def endpoints(self) -> Mapping[str, str]:
        """The https URL of each of `ENDPOINTS`. Raises `NotFound` while the cluster does not run."""
        ...

    def kube(self) -> Kube:
        """Its API, by the home's kubeconfig. Raises `NotFound` before there is one."""
        ...

    def exposed(self, service: str, port: Mapping[str, Any]) -> dict[str, Any]:
        """What a Service's `spec` says so that its one `port` answers at the endpoint of that name."""
        ...

    def bring_images(self, archive: Path) -> None:
        """Have the nodes hold the images of an archive, each under its name there."""
        ...

    def has_image(self, reference: str) -> bool:
        """Whether the nodes hold it."""
        ...

    def claim(self, kube: Kube, namespace: str, name: str, size: str) -> Claim:
        """A claim of `size` (`1Gi`) for one pod at a time, which may write to it without being root."""
        ...

    def discard(self, kube: Kube, namespace: str, name: str) -> None:
        """Delete a claim, its volume and all data on it. The pod that mounts it must be gone."""
        ...

    def counters(self) -> Counters:
        """Processor time and memory of everything on the nodes, container by container, as of now.

        Raises `PovError` where they do not tell.
        """
        ...

    def versions(self) -> Mapping[str, Callable[[], str]]:
        """What it is made with, by name; each may raise `PovError`."""
        ...
