"""Volumes that a process without root can write to.

A kind cluster without a storage provisioner of its own falls back to the controller manager's host path: a folder that
belongs to root, which no user group is ever given. There, a folder of the node becomes a `local` volume, for which
`fsGroup` works. Everywhere else the default storage class does it.
"""

from __future__ import annotations

from typing import Any

from pov.engines.kube import Kube
from pov.steps.cluster import Claim
from pov.steps.kind.place import Place

_UNFIT_PROVISIONER = "kubernetes.io/host-path"
_CLASS = "pov-node"
_ROOT = "/var/lib/pov/volumes"


def claim(place: Place, kube: Kube, namespace: str, name: str, size: str) -> Claim:
    """A claim of `size` (`1Gi`) for one pod at a time. Makes the node's folder if that is where it will lie."""
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    wanted: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    if not _on_node(kube):
        return Claim(name, (wanted,))
    spec["storageClassName"] = _CLASS
    volume = _volume_name(namespace, name)
    if kube.get("v1/PersistentVolume", volume) is None:
        place.containers.exec(place.node, "mkdir", "-p", f"{_ROOT}/{volume}")
    return Claim(name, (_volume(place.node, namespace, name, size), wanted))


def discard(place: Place, kube: Kube, namespace: str, name: str) -> None:
    """Delete a claim, its volume and all data on it. The pod that mounts it must be gone."""
    kube.delete("v1/PersistentVolumeClaim", name, namespace, wait_s=60)
    if _on_node(kube):
        volume = _volume_name(namespace, name)
        kube.delete("v1/PersistentVolume", volume, wait_s=60)
        place.containers.exec(place.node, "rm", "-rf", f"{_ROOT}/{volume}")


def _on_node(kube: Kube) -> bool:
    return any(found.get("provisioner") == _UNFIT_PROVISIONER for found in kube.list("storage.k8s.io/v1/StorageClass"))


def _volume_name(namespace: str, name: str) -> str:
    return f"{namespace}-{name}"


def _volume(node: str, namespace: str, name: str, size: str) -> dict[str, Any]:
    at_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _volume_name(namespace, name)},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": _CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            # Bound to its claim from the start: no other claim can take it, and nobody waits for a match.
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name},
            "local": {"path": f"{_ROOT}/{_volume_name(namespace, name)}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [at_node]}]}},
        },
    }
