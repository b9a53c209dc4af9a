"""What is written down of a cluster before it is made, and proves afterwards whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pov.base.files import text_of, write_atomic
from pov.engines.kind import Node
from pov.model.reading import parsed
from pov.state.home import Home
from pov.steps.cluster import ENDPOINTS

NODE_PORTS: Mapping[str, int] = dict(zip(ENDPOINTS, (30820, 30300, 30443, 30900), strict=True))
"""The port of the node behind which each endpoint answers."""


@dataclass(frozen=True)
class Intent:
    """An id, loopback ports by endpoint, the node's image; `made` once the cluster is whole."""

    id: str
    ports: dict[str, int]
    image: str
    made: bool = False

    @classmethod
    def load(cls, home: Home) -> Intent | None:
        """The home's intent, or None if there is none, or none that this version can read."""
        try:
            intent = cls(**parsed(text_of(home.intent)))
        except (OSError, ValueError, TypeError):
            return None
        return intent if isinstance(intent.ports, dict) and intent.ports.keys() == NODE_PORTS.keys() else None

    def save(self, home: Home) -> Intent:
        """Write it down; returns itself."""
        write_atomic(home.intent, json.dumps(asdict(self), indent=2) + "\n")
        return self

    def fits(self, node: Node) -> bool:
        """Whether the node has exactly the ports that were written down."""
        return all(
            inside in node.ports and node.ports[inside] == self.ports[name] for name, inside in NODE_PORTS.items()
        )
