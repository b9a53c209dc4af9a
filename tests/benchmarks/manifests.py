"""The very objects that `pov up` ended up with, taken from a running environment and made fit to be applied anew.

Taken from the cluster rather than from the generators, so that nothing can be forgotten: what Argo CD, Terraform and
the steps applied is in it, whoever applied it. Left out is what the API server and controllers make by themselves (it
has an owner, or a bare cluster has it too) and what tells Argo CD to read from Git: the floor has no repository, so its
`Application`s would only burn processor time on errors. Secrets stay in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pov.engines.kube_apply import SET_LABEL

Manifest = dict[str, Any]

KINDS = (
    "namespaces", "customresourcedefinitions", "clusterroles", "clusterrolebindings", "persistentvolumes",
    "serviceaccounts", "secrets", "configmaps", "persistentvolumeclaims", "services", "deployments", "statefulsets",
    "daemonsets", "pods", "roles", "rolebindings", "resourcequotas", "limitranges", "networkpolicies",
    "poddisruptionbudgets", "appprojects.argoproj.io", "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
)  # fmt: skip
_BARE = {"kube-system", "kube-public", "kube-node-lease", "local-path-storage", "default"}
_GIVEN = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"), ("AppProject", "default")}
_OWN_METADATA = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink",
    "finalizers",
)  # fmt: skip
_OWN_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision",
    "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "pov.dev/hash",
)  # fmt: skip


def dump(kubectl: Callable[..., str]) -> list[Manifest]:
    """Everything that was applied, cleaned; `kubectl` runs the command with its arguments and gives its output."""
    listed = json.loads(kubectl("get", ",".join(KINDS), "--all-namespaces", "-o", "json"))["items"]
    return [clean(item) for item in listed if applied(item)]


def applied(item: Mapping[str, Any]) -> bool:
    """Whether somebody applied this, as opposed to a controller or the cluster itself."""
    metadata = item["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    if metadata.get("ownerReferences") or (item["kind"], name) in _GIVEN:
        return False
    if SET_LABEL in metadata.get("labels", {}):
        return True
    if namespace in _BARE:
        return False
    if namespace is None:
        bootstrap = "kubernetes.io/bootstrapping" in metadata.get("labels", {})
        return not bootstrap and name not in _BARE and not name.startswith(("system:", "kubeadm:", "kindnet", "local-"))
    return not (item["kind"] == "Secret" and name.startswith(("tfstate-", "sh.helm.")))


def clean(item: Manifest) -> Manifest:
    """The object without what the API server and controllers added to it."""
    item = json.loads(json.dumps(item))
    item.pop("status", None)
    metadata = item["metadata"]
    for key in _OWN_METADATA:
        metadata.pop(key, None)
    for key in _OWN_ANNOTATIONS:
        metadata.get("annotations", {}).pop(key, None)
    spec = item.get("spec", {})
    # The name server's address is written into every pod.
    if item["kind"] == "Service" and spec.get("clusterIP") != "None" and metadata["namespace"] != "kube-system":
        for key in ("clusterIP", "clusterIPs"):
            spec.pop(key, None)
    elif item["kind"] == "PersistentVolume":
        for key in ("uid", "resourceVersion"):
            spec.get("claimRef", {}).pop(key, None)
    elif item["kind"] == "Namespace":
        item.pop("spec")
    elif item["kind"] == "Pod":
        _unbind(spec)
    return item


def _unbind(spec: Manifest) -> None:
    spec.pop("nodeName", None)
    given = {v["name"] for v in spec.get("volumes", []) if v["name"].startswith("kube-api-access-")}
    spec["volumes"] = [volume for volume in spec.get("volumes", []) if volume["name"] not in given]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container["volumeMounts"] = [m for m in container.get("volumeMounts", []) if m["name"] not in given]


def in_groups(manifests: Iterable[Manifest]) -> tuple[list[Manifest], dict[str, list[Manifest]], list[Manifest]]:
    """In order of need: what everything stands on; each namespace's own; what judges changes, which comes last."""
    first: list[Manifest] = []
    namespaced: dict[str, list[Manifest]] = {}
    last: list[Manifest] = []
    for manifest in manifests:
        namespace = manifest["metadata"].get("namespace")
        if manifest["kind"].startswith("ValidatingAdmissionPolicy"):
            last.append(manifest)
        elif namespace is None:
            first.append(manifest)
        else:
            namespaced.setdefault(str(namespace), []).append(manifest)
    return first, namespaced, last


def as_list(manifests: Sequence[Manifest]) -> bytes:
    """One document for `kubectl apply -f -`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}).encode()


def local_paths(manifests: Iterable[Manifest]) -> list[str]:
    """Folders of the node that local volumes lie in."""
    volumes = (manifest for manifest in manifests if manifest["kind"] == "PersistentVolume")
    return [volume["spec"]["local"]["path"] for volume in volumes if "local" in volume["spec"]]
