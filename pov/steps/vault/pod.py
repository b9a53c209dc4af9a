"""The pod that runs Vault: whether it is the wished one, whether its server answers, and if not, why not."""

from __future__ import annotations

from typing import Any

from pov.base.errors import PovError, TimedOut, Transient
from pov.base.wait import Pending, wait_for
from pov.engines.vault import Status, Vault
from pov.steps.context import Context
from pov.steps.core import Report
from pov.steps.vault.server import NAMESPACE, POD, STATEFUL_SET

_LIMIT_S = 120.0
_POLL_S = 0.2


def answer(ctx: Context, report: Report, vault: Vault) -> Status:
    """Wait until the server of the wished revision answers, sealed or not."""

    def asked() -> Status | Pending:
        if ctx.cancelled:
            raise PovError("interrupted")
        pod = ctx.kube.get("v1/Pod", POD, NAMESPACE)
        pending = _replacing(ctx, pod)
        if pod is None or pending:
            return Pending(pending)
        try:
            # Asked as soon as there is a pod: the cluster says that it runs a good second after it does.
            return vault.status()
        except Transient as error:
            return Pending(_hindrance(pod) or error.message)

    try:
        return wait_for("Vault's API answers", asked, timeout_s=_LIMIT_S, interval_s=_POLL_S, on_pending=report.waits)
    except TimedOut:
        # Whoever waits for the pod to be ready learns why it is not: no image, no volume, crash after crash.
        ctx.kube.wait_ready("StatefulSet", [STATEFUL_SET], NAMESPACE, timeout_s=1)
        raise


def _replacing(ctx: Context, pod: dict[str, Any] | None) -> str:
    """What is still to happen before the pod is one of the wished revision; empty when it is."""
    wanted = ctx.kube.get("apps/v1/StatefulSet", STATEFUL_SET, NAMESPACE) or {}
    status = wanted.get("status") or {}
    if status.get("observedGeneration", 0) < wanted.get("metadata", {}).get("generation", 1):
        return "the change to be seen by the cluster"
    if pod is None:
        return "the pod to be made"
    metadata = pod["metadata"]
    if "deletionTimestamp" in metadata:
        return "the old pod to end"
    if metadata["labels"].get("controller-revision-hash") != status.get("updateRevision"):
        return "the pod to be replaced"
    return ""


def _hindrance(pod: dict[str, Any]) -> str:
    """Why the pod's server does not run, as far as the cluster knows."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if container["name"] == "vault" and waiting:
            return f"the pod to start: {waiting.get('reason', 'waiting')} {waiting.get('message', '')}".rstrip()
    return "" if status.get("phase") == "Running" else "the pod to start"
