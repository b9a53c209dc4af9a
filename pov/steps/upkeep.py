"""What running the platform takes: its parts are killed or started anew, and asked whether they serve again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.engines.kube_ready import pending
from pov.steps.argocd import watched as argocd
from pov.steps.argocd.manifest import NAMESPACE as ARGOCD
from pov.steps.argocd.manifest import WORKLOADS
from pov.steps.context import Context
from pov.steps.vault import step as vault
from pov.steps.vault.server import NAMESPACE as VAULT
from pov.steps.vault.server import STATEFUL_SET

MARK = "pov.dev/restarted"
"""In a workload's template: another value, and the cluster replaces its pods in its own way."""


@dataclass(frozen=True)
class Part:
    """A part of the platform: where it runs, its workloads by kind, and how it is asked whether it lets somebody in.

    `says` asks it for what it tells anybody of itself.
    """

    namespace: str
    workloads: Mapping[str, tuple[str, ...]]
    ask: Callable[[Context], object]
    says: Callable[[Context], str]


def _of_argocd(ctx: Context) -> str:
    return f"Argo CD {argocd.connect(ctx).version()}"


def _of_vault(ctx: Context) -> str:
    status = vault.reach(ctx).status()
    if status.sealed or not status.initialised:
        told = "sealed" if status.initialised else "not initialised"
        raise PovError(f"Vault is {told}", cause=f"its seal status at {ctx.url('vault')} says so", fix="pov up")
    return f"{status.engine}, open"


PARTS: Mapping[str, Part] = {
    "argocd": Part(ARGOCD, WORKLOADS, lambda ctx: argocd.connect(ctx).applications(), _of_argocd),
    "vault": Part(VAULT, {"StatefulSet": (STATEFUL_SET,)}, vault.connect, _of_vault),
}


def kill(ctx: Context, part: str) -> None:
    """Kill every pod of a part at once, as a crash would. The cluster starts others by itself."""
    comes_back(ctx, part)
    wanted = PARTS[part]
    for pod in ctx.kube.list("v1/Pod", wanted.namespace):
        ctx.kube.delete("v1/Pod", pod["metadata"]["name"], wanted.namespace, kill=True)


def restart(ctx: Context, part: str, at: datetime) -> None:
    """Have the cluster replace a part's pods, one workload's after its own rules. Returns at once."""
    comes_back(ctx, part)
    wanted = PARTS[part]
    template = {"metadata": {"annotations": {MARK: timestamp(at)}}}
    for kind, names in wanted.workloads.items():
        for name in names:
            # As whoever installs it: a guard keeps everybody else from what the way from Git hangs on.
            patch = {"spec": {"template": template}}
            ctx.kube.as_installer().patch(f"apps/v1/{kind}", name, wanted.namespace, patch)


def comes_back(ctx: Context, part: str) -> None:
    """Raises `PovError` for a Vault that somebody has to open: it would stay sealed, and services with it."""
    if part == "vault" and ctx.scenario.engines.vault != "openbao":
        raise PovError(
            "Vault would stay sealed",
            cause="the scenario asks for HashiCorp Vault, which opens by the keys of persons alone",
            fix="measure this where the scenario says `engines: {vault: openbao}`",
        )


def lacking(ctx: Context, part: str) -> str:
    """Why a part does not serve: a workload that is not rolled out, or it lets nobody in. Empty when it serves."""
    wanted = PARTS[part]
    for kind, names in wanted.workloads.items():
        for name in names:
            held = ctx.kube.get(f"apps/v1/{kind}", name, wanted.namespace)
            waiting = f"{name} is not there" if held is None else pending({"kind": kind, **held})
            if waiting:
                return waiting
    try:
        wanted.ask(ctx)
    except PovError as error:
        return error.message
    return ""


def says(ctx: Context, part: str) -> str:
    """What a part's own API tells anybody, over verified TLS. Raises `PovError` for one that is sealed or silent."""
    return PARTS[part].says(ctx)
