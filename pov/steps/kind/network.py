"""Addresses and names inside the cluster: kube-proxy and CoreDNS as kubeadm declares them, in the right order.

`kubeadm init` starts both together with the node. On two cores kube-proxy, which asks for no share of the processor,
then starves beside everything else that starts; CoreDNS looks for the API server before there is a way to it, asks
again at growing intervals, and its readiness is looked at every 10 s. Names come a quarter of a minute later than they
could, and all that asks for one waits for them.
"""

from __future__ import annotations

from typing import Any

from pov.base.files import write_atomic
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from pov.steps.kind.intent import Intent
from pov.steps.kind.place import Place
from pov.steps.templates import documents, look_soon

NAMESPACE = "kube-system"
_PROXY_HEALTH = {"httpGet": {"path": "/healthz", "port": 10256}}
_PROXY_CPU = "100m"
_NAMES_CPU = "50m"
"""Less than kubeadm's 100m: a node of two cores has other uses for it."""
_LIMIT_S = 120.0


def addresses(place: Place) -> Step:
    """What brings pods comes after it: those that start earlier ask in vain, and hold up what they ask for."""

    def run(ctx: Context, report: Report) -> Outcome:
        return _install(place, ctx, report, "kube-proxy", "DaemonSet")

    return Step("network", "Ways to the cluster's services (kube-proxy)", run, ("cluster",), expected_s=7)


def names(place: Place) -> Step:
    """Nothing needs it: who asks for a name waits until there is an answer."""

    def run(ctx: Context, report: Report) -> Outcome:
        return _install(place, ctx, report, "coredns", "Deployment")

    return Step("names", "Names inside the cluster (CoreDNS)", run, ("network",), expected_s=6)


def _install(place: Place, ctx: Context, report: Report, name: str, workload: str) -> Outcome:
    manifests = [_fitted(manifest) for manifest in documents(_declared(place, name))]
    changed = ctx.kube.as_installer().apply(manifests, set_name=name)
    ctx.kube.wait_ready(workload, [name], NAMESPACE, timeout_s=_LIMIT_S, on_pending=report.waits)
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


def _declared(place: Place, name: str) -> str:
    """What kubeadm prints, kept by the cluster's id: it stays the same while that lives, and asking takes a while."""
    intent = Intent.load(place.home)
    if intent is None:
        return place.kind().addon(name)
    kept = place.home.root / "addons" / f"{intent.id}-{name}.yaml"
    if not kept.exists():
        write_atomic(kept, place.kind().addon(name))
    return kept.read_text()


def _fitted(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest for one small node: one name server, a share for kube-proxy, readiness seen at once."""
    if manifest["kind"] not in {"Deployment", "DaemonSet"}:
        return manifest
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    if manifest["kind"] == "Deployment":
        manifest["spec"]["replicas"] = 1
        container.setdefault("resources", {}).setdefault("requests", {})["cpu"] = _NAMES_CPU
    else:
        container["resources"] = {"requests": {"cpu": _PROXY_CPU}}
        container["readinessProbe"] = dict(_PROXY_HEALTH)
    look_soon(container)
    return manifest
