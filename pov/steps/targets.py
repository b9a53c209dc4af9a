"""Targets: where an environment can run. A further one is a room of its own with a `Cluster`, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from pov.base.errors import InvalidInput, Problem
from pov.state.home import Home
from pov.steps.cluster import Cluster
from pov.steps.kind.target import KindCluster

DEFAULT = "kind"
Target = Callable[[Home, str], Cluster]
"""Gives the cluster of an environment, from the environment's home and name."""

TARGETS: dict[str, Target] = {
    DEFAULT: KindCluster,
}


def target_named(name: str) -> Target:
    """The target of that name. Raises `InvalidInput` with the names there are."""
    if name not in TARGETS:
        raise InvalidInput([Problem("--target", f"unknown target {name}", f"one of {', '.join(TARGETS)}")])
    return TARGETS[name]
