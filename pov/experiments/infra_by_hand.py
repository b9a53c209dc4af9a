"""What somebody writes who makes a namespace with a quota by hand, and the pods that try it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
"""Labels of the namespace: pods of other kinds are refused, warned of and recorded."""


def hard_of(asked: Mapping[str, float]) -> dict[str, str]:
    """What a quota says of what is asked for: CPU in cores, memory in GiB."""
    memory = f"{asked['memory_gib']:g}Gi"
    return {
        "requests.cpu": f"{asked['cpu']:g}",
        "requests.memory": memory,
        "limits.memory": memory,
        "pods": f"{asked['pods']:g}",
        "services": f"{asked['services']:g}",
    }


def manifests(name: str, asked: Mapping[str, float]) -> dict[str, str]:
    """By file, in the order in which they are applied: the namespace, its quota, its limits, and no traffic.

    These four are what a landing zone has for each stage; its roles and admission policies nobody writes by hand.
    """
    usual = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"cpu": "5m", "memory": "32Mi"}}
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    documents: dict[str, dict[str, Any]] = {
        "1-namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}},
        "2-quota": {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": hard_of(asked)}},
        "3-limits": {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [usual]}},
        "4-deny": {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": deny},
    }
    for document in documents.values():
        document.setdefault("metadata", {"name": "team", "namespace": name})
    # JSON is YAML: kubectl takes either.
    return {f"{file}.yaml": json.dumps(document, indent=2) + "\n" for file, document in documents.items()}


def trial_pod(namespace: str, cores: float) -> dict[str, Any]:
    """A pod that asks for so much CPU, restricted as the namespace wants it; its image is never pulled."""
    container = {
        "name": "probe",
        "image": "probe",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": f"{cores * 1000:.0f}m", "memory": "32Mi"}, "limits": {"memory": "32Mi"}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pov-probe", "namespace": namespace},
        "spec": {"containers": [container], "securityContext": security},
    }
