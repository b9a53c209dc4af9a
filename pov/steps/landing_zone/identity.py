"""The identity that Terraform applies the landing zone as, with just the rights for it, and its namespace."""

from __future__ import annotations

from typing import Any

NAMESPACE = "pov-terraform"
SERVICE_ACCOUNT = "terraform"
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
_WRITE = ["get", "list", "watch", "create", "update", "patch", "delete"]


def manifests() -> list[dict[str, Any]]:
    """Namespace, service account and rights. The state's Secret and its lock lie in the same namespace."""
    subject = {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}
    name = "pov-landing-zone"
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": _RESTRICTED},
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE},
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [
                _rule("", "namespaces", "resourcequotas", "limitranges"),
                _rule("networking.k8s.io", "networkpolicies"),
                # `escalate` and `bind`: it hands out rights that it does not have itself.
                _rule("rbac.authorization.k8s.io", "roles", "rolebindings", more=("escalate", "bind")),
                _rule(
                    "admissionregistration.k8s.io",
                    "validatingadmissionpolicies",
                    "validatingadmissionpolicybindings",
                ),
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "terraform-state", "namespace": NAMESPACE},
            "rules": [_rule("", "secrets"), _rule("coordination.k8s.io", "leases")],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "terraform-state", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "terraform-state"},
            "subjects": [subject],
        },
    ]


def _rule(group: str, *resources: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": [*_WRITE, *more]}
