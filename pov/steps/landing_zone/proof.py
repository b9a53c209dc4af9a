"""Proof that the landing zone's policies are in force: the API server takes up new ones a moment late."""

from __future__ import annotations

from pov.base.wait import Pending, wait_for
from pov.engines.kube import Kube
from pov.steps.core import Report

ENFORCED = "prod"
_ADMIN_GROUPS = ("system:masters", "system:authenticated")
_FROM_GIT = "system:serviceaccount:argocd:argocd-application-controller"
_BEYOND_ANY_QUOTA = "1000001"
"""Cores: one more than an offering can allow (`config/offering.py`)."""

_PROBE_LIMIT_S = 60.0


def prove(kube: Kube, stages: tuple[str, ...], report: Report) -> None:
    """Wait until an administrator's change by hand is denied in prod, warned about elsewhere, and the way guarded.

    And until each stage refuses what no offering allows, whoever asks.
    """
    for stage in stages:
        denied = stage == ENFORCED
        wait_for(
            f"{stage} to {'refuse' if denied else 'warn about'} changes by hand",
            lambda name=stage, denied=denied: probe(kube, name, denied),  # type: ignore[misc]
            timeout_s=_PROBE_LIMIT_S,
            on_pending=report.waits,
            fix=f"kubectl --kubeconfig {kube.kubeconfig} get validatingadmissionpolicies only-from-git -o yaml",
        )
        wait_for(
            f"{stage} to refuse what is over the offering",
            lambda name=stage: probe_limits(kube, name),  # type: ignore[misc]
            timeout_s=_PROBE_LIMIT_S,
            on_pending=report.waits,
            fix=f"kubectl --kubeconfig {kube.kubeconfig} get validatingadmissionpolicies offering-workloads -o yaml",
        )

    wait_for(
        "pods beside the platform's own to be refused",
        lambda: _probe_guard(kube),
        timeout_s=_PROBE_LIMIT_S,
        on_pending=report.waits,
        fix=f"kubectl --kubeconfig {kube.kubeconfig} get validatingadmissionpolicies platform-workloads -o yaml",
    )


def _probe_guard(kube: Kube) -> bool | Pending:
    pod = {"containers": [{"name": "probe", "image": "probe"}]}
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pov-probe", "namespace": "kube-system"},
        "spec": pod,
    }
    allowed, said, _ = kube.can_i_dry_run(probe, as_user="pov-probe", as_groups=_ADMIN_GROUPS)
    return True if not allowed and "way from Git" in said else Pending("a pod in kube-system passes")


def probe(kube: Kube, stage: str, denied: bool) -> bool | Pending:
    """Whether an administrator's change by hand is denied, or else let through with a warning."""
    probe = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pov-probe", "namespace": stage},
        "data": {"by": "hand"},
    }
    allowed, said, warnings = kube.can_i_dry_run(probe, as_user="pov-probe", as_groups=_ADMIN_GROUPS)
    if denied:
        return True if not allowed and "come from Git" in said else Pending(f"{stage}: a change by hand passes")
    told = any("come from Git" in warning for warning in warnings)
    return True if allowed and told else Pending(f"{stage}: no warning yet {said}".strip())


def probe_limits(kube: Kube, stage: str) -> bool | Pending:
    """Whether even who changes a stage from Git is refused a workload that no offering allows."""
    container = {"name": "probe", "image": "probe", "resources": {"requests": {"cpu": _BEYOND_ANY_QUOTA}}}
    labels = {"app": "pov-probe"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    metadata = {"name": "pov-probe", "namespace": stage}
    probe = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    allowed, said, _ = kube.can_i_dry_run(probe, as_user=_FROM_GIT, as_groups=_ADMIN_GROUPS)
    return True if not allowed and "by the guardrail" in said else Pending(f"{stage}: {said or 'it passes'}")
