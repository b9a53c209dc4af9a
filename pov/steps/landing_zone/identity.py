"""The identities of Terraform, with just the rights they need, and their namespace: one applies, the other reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pov.steps.confined import restricted_namespace

NAMESPACE = "pov-terraform"
SERVICE_ACCOUNT = "terraform"
READER = "terraform-reader"
"""Plans against the state, and can change neither that nor anything else."""

STATE = "tfstate-default-landing-zone"
"""The Secret with Terraform's state."""

_READ = ("get", "list", "watch")
_WRITE = (*_READ, "create", "update", "patch", "delete")


def manifests() -> list[dict[str, Any]]:
    """Namespace, service accounts and rights. The state's Secret and its lock lie in the same namespace."""
    kinds: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
        ("", ("namespaces", "resourcequotas", "limitranges"), ()),
        ("networking.k8s.io", ("networkpolicies",), ()),
        # `escalate` and `bind`: it hands out rights that it does not have itself.
        ("rbac.authorization.k8s.io", ("roles", "rolebindings"), ("escalate", "bind")),
        ("admissionregistration.k8s.io", ("validatingadmissionpolicies", "validatingadmissionpolicybindings"), ()),
    )
    state = [_rule("", "secrets"), _rule("coordination.k8s.io", "leases")]
    looks = [_rule("", "secrets", verbs=["get"], names=[STATE]), _rule("", "secrets", verbs=["list"])]
    return [
        restricted_namespace(NAMESPACE),
        *_account(SERVICE_ACCOUNT),
        *_account(READER),
        *_granted("pov-landing-zone", SERVICE_ACCOUNT, [_rule(group, *many, more=more) for group, many, more in kinds]),
        *_granted("pov-landing-zone-reader", READER, [_rule(group, *many, verbs=_READ) for group, many, _ in kinds]),
        *_granted("terraform-state", SERVICE_ACCOUNT, state, NAMESPACE),
        *_granted("terraform-state-reader", READER, looks, NAMESPACE),
    ]


def _account(name: str) -> list[dict[str, Any]]:
    metadata = {"name": name, "namespace": NAMESPACE}
    about = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return [{**about, "automountServiceAccountToken": False}]


def _granted(name: str, account: str, rules: list[dict[str, Any]], namespace: str = "") -> list[dict[str, Any]]:
    """A role, of a namespace or of the cluster, bound to one of the accounts."""
    cluster = "" if namespace else "Cluster"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{cluster}Role", "name": name}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    return [
        {**about, "kind": f"{cluster}Role", "rules": rules},
        {**about, "kind": f"{cluster}RoleBinding", "roleRef": role, "subjects": subjects},
    ]


def _rule(
    group: str,
    *resources: str,
    more: Sequence[str] = (),
    verbs: Sequence[str] = _WRITE,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    only = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": [*verbs, *more], **only}
