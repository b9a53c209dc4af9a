"""How pods of the platform's own parts are held: in what namespace, and with what of the node."""

from __future__ import annotations

from typing import Any


def restricted_namespace(name: str) -> dict[str, Any]:
    """A namespace whose pods have to meet Kubernetes' strictest standard."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def confined() -> dict[str, Any]:
    """A container that gains no right, writes nothing into its image and has none of the kernel's capabilities."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
