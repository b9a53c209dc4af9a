"""Where one environment's kind cluster is, or will be: its name, and the container engine that holds it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pov.base.ports import LOOPBACK
from pov.bundle import current
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.engines.kind import Kind, Node
from pov.state.home import Home
from pov.steps.kind.intent import NODE_PORTS


def endpoints(node: Node) -> dict[str, str]:
    """The https URLs behind the loopback ports that the node's container publishes."""
    return {name: f"https://{LOOPBACK}:{node.ports[inside]}" for name, inside in NODE_PORTS.items()}


class Place:
    """The place of environment `name`. The container engine is looked for at first need."""

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.cluster = f"pov-{name}"

    @cached_property
    def containers(self) -> Containers:
        """The engine that the cluster was made with; the first that can hold one where there is none yet.

        Another engine may be first by now: it knows nothing of the cluster, and would call it gone.
        """
        return find(self.home.engine)

    @property
    def node(self) -> str:
        """The node's name, which is its container's."""
        return self.kind().node_name

    @property
    def binary(self) -> Path | None:
        """kind's program of the bundle in use; None where there is no bundle."""
        bundle = current()
        return bundle.binaries.get("kind") if bundle else None

    def kind(self, binary: Path | None = None) -> Kind:
        """The cluster; without kind's `binary` it can be looked at, used and removed, and not made."""
        return Kind(binary, self.containers, self.cluster)
