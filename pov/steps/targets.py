"""Targets: where an environment can run. A further one is a room of its own with an `OwnCluster`, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pov.base.errors import InvalidInput, Problem
from pov.config.scenario import Scenario
from pov.state.home import Home
from pov.steps.cluster import Cluster
from pov.steps.core import Step
from pov.steps.kind.target import KindCluster

DEFAULT = "kind"


class OwnCluster(Cluster, Protocol):
    """A cluster as whoever brings it up and takes it away sees it: it need not be there."""

    def check(self, scenario: Scenario) -> None:
        """Whether it could be brought up here. Raises `PreflightFailed` with everything that is in the way."""
        ...

    def steps(self) -> Sequence[Step]:
        """What brings it up. Two have given names: `cluster` sets the context's `kube` and `endpoints`, and after
        `network` pods reach the cluster's services.
        """
        ...

    def remove(self, tell: Callable[[str], None]) -> list[str]:
        """Take away what its steps made, whole or half made; returns what that was, in words. Twice is fine.

        `tell` hears what could not be known, and what is left because of that.
        """
        ...


Target = Callable[[Home, str], OwnCluster]
"""Gives the cluster of an environment, from the environment's home and name."""

TARGETS: dict[str, Target] = {
    DEFAULT: KindCluster,
}


def target_named(name: str) -> Target:
    """The target of that name. Raises `InvalidInput` with the names there are."""
    if name not in TARGETS:
        raise InvalidInput([Problem("--target", f"unknown target {name}", f"one of {', '.join(TARGETS)}")])
    return TARGETS[name]
