"""Targets: where an environment can run. A further one is a module of its own, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pov.base.errors import InvalidInput, Problem
from pov.engines.containers import Containers
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.core import Step
from pov.steps.kind import cluster, network

DEFAULT = "kind"


@dataclass(frozen=True)
class Target:
    """A kind of place. `steps` bring the cluster up, and two of them have given names: `cluster` sets the context's
    `kube` and `addresses`, and after `network` pods reach the cluster's services.

    `read_addresses` finds a running one's addresses again, loopback ports by name of `NODE_PORTS`; `remove` takes away
    what they made, by home and cluster name, and returns what that was, in words.
    """

    name: str
    steps: Callable[[], Sequence[Step]]
    read_addresses: Callable[[Context], dict[str, int]]
    remove: Callable[[Home, str, Containers], list[str]]


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(
            "kind",
            lambda: (cluster.step(), network.addresses(), network.names()),
            cluster.read_addresses,
            cluster.remove,
        ),
    )
}


def target_named(name: str) -> Target:
    """The target of that name. Raises `InvalidInput` with the names there are."""
    if name not in TARGETS:
        raise InvalidInput([Problem("--target", f"unknown target {name}", f"one of {', '.join(TARGETS)}")])
    return TARGETS[name]
