"""What a scenario takes on one node: memory, CPU requests, pods. One table, so that a measurement changes one place."""

from __future__ import annotations

from dataclasses import dataclass

from pov.config.estates import estates
from pov.config.scenario import Scenario
from pov.config.units import mebibytes
from pov.config.weights import cpu_requests
from pov.engines.kind import MAX_PODS


@dataclass(frozen=True)
class Cost:
    """One part: resident memory in MiB, CPU request in millicores, pods; `source` says where the figures are from."""

    mib: float
    millicores: float
    pods: int
    source: str


# gitops-35 at rest on 2 cores, Kubernetes 1.37.2: working sets of the kubelet's summary, proportional set sizes of
# shims, containerd and kubelet (together 3.1 GiB), a third or more on top for what a sync or a rollout adds for a
# while. Requests are the manifests' own.
_MEASURED = "measured on gitops-35 at rest, with a margin"
PLATFORM = {
    "control plane, containerd, kubelet, system pods": Cost(1800, 800, 6, _MEASURED),
    "Argo CD": Cost(560, 110, 5, _MEASURED),
    "Vault API server": Cost(80, 21, 1, _MEASURED),
    "Gitea": Cost(200, 20, 1, _MEASURED),
    "prober": Cost(60, 52, 1, _MEASURED),
}
SERVICE = Cost(20, 1, 1, _MEASURED)
"""A service with its certificate agent (8 MiB), shims and sandbox (8 MiB); its own CPU request comes on top.

On a legacy host, too: there it asks for as much as in a stage.
"""
LEGACY_HOST = Cost(20, 10, 1, _MEASURED)
LEGACY_SERVICE = Cost(4, 0, 0, _MEASURED)
_AGENT_REQUEST_MIB = 8
SURGE_PODS = 15
"""Pods beyond the wished number while services roll over."""
RESERVE_MIB = 1024
"""What is left to the machine itself."""


@dataclass(frozen=True)
class Need:
    """What a scenario takes in all: MiB of memory, millicores of requests, pods at the peak."""

    mib: float
    millicores: float
    pods: int


@dataclass(frozen=True)
class Room:
    """What there is: MiB that can be used, cores, pods of a node."""

    mib: float
    cores: float
    pods: int = MAX_PODS


def need(scenario: Scenario) -> Need:
    """Sum over every estate and the platform."""
    mib = sum(cost.mib for cost in PLATFORM.values())
    requests = sum(cost.millicores for cost in PLATFORM.values())
    pods = sum(cost.pods for cost in PLATFORM.values()) + SURGE_PODS
    resources, asked = scenario.services.resources, cpu_requests(scenario)
    # The scheduler sets aside what is requested, be it used or not.
    each = max(SERVICE.mib, mebibytes(resources.memory_request) + _AGENT_REQUEST_MIB)
    for estate in estates(scenario):
        count = len(estate.services) * estate.replicas
        requests += sum(asked[name] for name in estate.services) * estate.replicas
        if estate.kind == "legacy":
            mib += scenario.legacy.hosts * LEGACY_HOST.mib + count * LEGACY_SERVICE.mib
            requests += scenario.legacy.hosts * LEGACY_HOST.millicores
            pods += scenario.legacy.hosts
        else:
            mib += count * each
            requests += count * SERVICE.millicores
            pods += count
    return Need(mib, requests, pods)


def shortages(wanted: Need, room: Room) -> list[str]:
    """What is not enough, in words; empty where it fits."""
    found = []
    if wanted.mib + RESERVE_MIB > room.mib:
        asked, there = (wanted.mib + RESERVE_MIB) / 1024, room.mib / 1024
        found.append(f"it takes {asked:.1f} GiB of memory and {there:.1f} GiB can be had")
    if wanted.millicores > room.cores * 1000:
        found.append(f"its pods request {wanted.millicores / 1000:.1f} CPU cores and there are {room.cores:g}")
    if wanted.pods > room.pods:
        found.append(f"it takes {wanted.pods} pods and one node carries {room.pods}")
    return found


def largest(scenario: Scenario, room: Room) -> int:
    """The largest N up to the scenario's own that fits, 0 if none does."""
    low, high = 0, scenario.services.count
    while low < high:
        middle = (low + high + 1) // 2
        if shortages(need(scenario.with_services(middle)), room):
            high = middle - 1
        else:
            low = middle
    return low
