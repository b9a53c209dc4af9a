"""What brings commits to the cluster, Argo CD's application controller: killed, and there again."""

from __future__ import annotations

from pov.engines.kube_ready import pending
from pov.steps.argocd.manifest import NAMESPACE, WORKLOADS
from pov.steps.context import Context

_POD = "v1/Pod"
NAME = f"{WORKLOADS['StatefulSet'][0]}-0"
"""Its one pod."""


def kill(ctx: Context) -> None:
    """Kill it at once. The cluster starts another one by itself."""
    ctx.kube.delete(_POD, NAME, NAMESPACE, kill=True)


def lacking(ctx: Context) -> str:
    """Why the one that took its place is not ready yet; empty when it is. A killed pod is gone at once."""
    pod = ctx.kube.get(_POD, NAME, NAMESPACE)
    return f"{NAME} has not started anew" if pod is None else pending({"kind": "Pod", **pod}) or ""
