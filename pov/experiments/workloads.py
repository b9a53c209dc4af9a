"""Deployments and their pods, as the cluster's own record of what runs: another witness than the prober."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pov.base.scratch import scratch
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot

DEPLOYMENT = "apps/v1/Deployment"
POD = "v1/Pod"
CONTAINER = "service"
AGENT = "agent"


def own_version(box: Toolbox, slot: Slot) -> str:
    """A version that no other trial of any experiment of this run has."""
    return f"{box.run}-{slot.experiment}-{slot.arm}-{slot.trial}"


def to_nodes(
    box: Toolbox,
    version: str,
    make: Callable[[Path], Path] | None = None,
    *,
    timed: AbstractContextManager[None] | None = None,
) -> str:
    """The image of a version, or what `make` puts in a folder instead, made and brought to the nodes; its reference.

    `timed` is entered for the bringing alone.
    """
    with scratch() as folder:
        image = make(folder) if make else box.releases.image(version, folder)
        with timed or nullcontext():
            return box.releases.deliver(image, version)


def rolled_out(deployment: Mapping[str, Any]) -> bool:
    """Every replica is of the newest template, and no other is left."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    counts = [status.get(key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return bool(current and counts == [wanted] * 3)


def container_of(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The service's container in a pod or a pod's template; empty without one."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    return next((one for one in containers if one["name"] == CONTAINER), {})


def image_of(pod: Mapping[str, Any]) -> str:
    """The image that it asks for."""
    return str(container_of(pod).get("image", ""))


def is_going(pod: Mapping[str, Any]) -> bool:
    """Whether a pod is on its way out."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def not_ready(pod: Mapping[str, Any]) -> list[str]:
    """Its agent and its service, those of them that the kubelet does not call ready; the agent if it tells nothing."""
    status = pod.get("status") or {}
    told = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    ready = {one["name"] for one in told if one.get("ready") and one.get("started")}
    return [name for name in (AGENT, CONTAINER) if name not in ready]
