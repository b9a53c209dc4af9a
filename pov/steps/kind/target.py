"""The target `kind`: a cluster in one container of this machine, reached by loopback ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound
from pov.config.scenario import Scenario
from pov.engines import control_groups
from pov.engines.control_groups import Counters
from pov.engines.kube import Kube
from pov.state.home import Home
from pov.steps.cluster import Claim
from pov.steps.core import Step
from pov.steps.kind import bring_up, network, preflight, volumes
from pov.steps.kind.intent import NODE_PORTS
from pov.steps.kind.place import Place, endpoints


class KindCluster:
    """The kind cluster of environment `name`. See `OwnCluster`."""

    def __init__(self, home: Home, name: str) -> None:
        self.place = Place(home, name)

    def check(self, scenario: Scenario) -> None:
        """Memory, processors, disk, kernel settings, ports; and that no other cluster has the name."""
        preflight.check(scenario, self.place)

    def steps(self) -> Sequence[Step]:
        """The cluster, then kube-proxy, then CoreDNS."""
        return bring_up.step(self.place), network.addresses(self.place), network.names(self.place)

    def endpoints(self) -> Mapping[str, str]:
        """As the node's container has the ports now."""
        node = self.place.kind().node()
        if node is None or not node.running:
            state = "is stopped" if node else "is not there"
            raise NotFound(f"the cluster of environment {self.place.name} {state}", fix="pov up")
        return endpoints(node)

    def kube(self) -> Kube:
        """By the kubeconfig that kind wrote."""
        path = self.place.home.kubeconfig
        if not path.exists():
            raise NotFound(f"environment {self.place.name} has no cluster yet", fix="pov up")
        return Kube(path)

    def exposed(self, service: str, port: Mapping[str, Any]) -> dict[str, Any]:
        """By a port of the node, which the container publishes."""
        return {"type": "NodePort", "ports": [{**port, "nodePort": NODE_PORTS[service]}]}

    def bring_images(self, archive: Path) -> None:
        """By an import into the node's containerd."""
        self.place.kind().load(archive)

    def has_image(self, reference: str) -> bool:
        """Whether containerd lists it."""
        return self.place.kind().has_image(reference)

    def claim(self, kube: Kube, namespace: str, name: str, size: str) -> Claim:
        """Of the default class, or a folder of the node."""
        return volumes.claim(self.place, kube, namespace, name, size)

    def discard(self, kube: Kube, namespace: str, name: str) -> None:
        """The folder of the node too."""
        volumes.discard(self.place, kube, namespace, name)

    def counters(self) -> Counters:
        """Those of the node's control groups."""
        return control_groups.read(self.place.containers, self.place.node)

    def versions(self) -> Mapping[str, Callable[[], str]]:
        """kind's and the container engine's."""
        return {
            "kind": lambda: self.place.kind(self.place.binary).version(),
            "container engine": self.place.containers.version,
        }

    def remove(self, tell: Callable[[str], None]) -> list[str]:
        """See `bring_up.remove`."""
        return bring_up.remove(self.place, tell)
