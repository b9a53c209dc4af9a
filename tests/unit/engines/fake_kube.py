"""An API server in a dictionary: just enough of server-side apply; a contract test holds it to the real one."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound, Transient
from pov.engines.kube import Kube
from pov.engines.kube_api import Kinds, PortHeld, Reply
from pov.engines.kube_apply import Sets

KINDS = {
    "": {
        "namespaces": ("Namespace", "Cluster"),
        "nodes": ("Node", "Cluster"),
        "configmaps": ("ConfigMap", "Namespaced"),
        "secrets": ("Secret", "Namespaced"),
        "pods": ("Pod", "Namespaced"),
        "events": ("Event", "Namespaced"),
        "services": ("Service", "Namespaced"),
        "serviceaccounts": ("ServiceAccount", "Namespaced"),
        "resourcequotas": ("ResourceQuota", "Namespaced"),
        "limitranges": ("LimitRange", "Namespaced"),
    },
    "apps": {
        "deployments": ("Deployment", "Namespaced"),
        "statefulsets": ("StatefulSet", "Namespaced"),
        "daemonsets": ("DaemonSet", "Namespaced"),
    },
    "coordination.k8s.io": {"leases": ("Lease", "Namespaced")},
    "networking.k8s.io": {"networkpolicies": ("NetworkPolicy", "Namespaced")},
    "rbac.authorization.k8s.io": {
        "roles": ("Role", "Namespaced"),
        "rolebindings": ("RoleBinding", "Namespaced"),
        "clusterroles": ("ClusterRole", "Cluster"),
        "clusterrolebindings": ("ClusterRoleBinding", "Cluster"),
    },
    "admissionregistration.k8s.io": {
        "validatingadmissionpolicies": ("ValidatingAdmissionPolicy", "Cluster"),
        "validatingadmissionpolicybindings": ("ValidatingAdmissionPolicyBinding", "Cluster"),
    },
}


class FakeApi:
    """Answers `call` from memory; `calls` remembers method and path of each.

    `leaked` are node ports held for no service, and how often each is refused before it is free.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], Any] = {}
        self.leaked: dict[int, int] = {}
        self._versions = itertools.count(1)

    def acting_as(self, user: str, groups: Sequence[str]) -> FakeApi:
        return self

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str | Sequence[str]] | None = None,
        timeout_s: float = 30.0,
        as_text: bool = False,
    ) -> Reply:
        self.calls.append((method, path))
        if (method, path) in self.answers:
            answer = self.answers[method, path]
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Reply) else Reply(answer)
        if path == "/version":
            return Reply({"gitVersion": "v1.37.2"})
        if path in {"/api", "/apis"}:
            return Reply({"items": [_group(name) for name in KINDS if bool(name) == (path == "/apis")]})
        if method == "GET":
            return Reply(self._get(path, (query or {}).get("labelSelector", "")))
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                raise Transient("the cluster's API answered 409: already exists")
        if method == "DELETE":
            if self.objects.pop(path, None) is None:
                raise NotFound(path)
            return Reply({})
        return Reply(self._write(path, body, merge="merge" in content_type, dry=(query or {}).get("dryRun")))

    def _get(self, path: str, selector: str) -> Any:
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        plural = path.rsplit("/", 1)[1]
        if not any(plural in kinds for kinds in KINDS.values()):
            raise NotFound(path)
        found = [item for where, item in self.objects.items() if _within(where, path, plural)]
        wanted = dict(part.split("=", 1) for part in selector.split(",") if part)
        matching = [item for item in found if wanted.items() <= (item["metadata"].get("labels") or {}).items()]
        return {
            "items": [{k: v for k, v in copy.deepcopy(i).items() if k not in {"kind", "apiVersion"}} for i in matching]
        }

    def _check_ports(self, path: str, body: Mapping[str, Any]) -> None:
        others = {port for where, item in self.objects.items() if where != path for port in _ports(item)}
        for port in _ports(body) if "/services/" in path else ():
            left = self.leaked.get(port, 0)
            self.leaked[port] = left - 1
            if left > 0 or port in others:
                raise PortHeld(f"spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated")

    def _write(self, path: str, body: Any, *, merge: bool, dry: object) -> Any:
        before = self.objects.get(path)
        if merge and before is None:
            raise NotFound(path)
        self._check_ports(path, body)
        after = _merged(before, body) if merge and before is not None else copy.deepcopy(dict(body))
        metadata = after.setdefault("metadata", {})
        old = before["metadata"] if before else {}
        metadata["uid"] = old.get("uid") or f"uid-{next(self._versions)}"
        metadata["resourceVersion"] = old.get("resourceVersion", "0")
        if before is not None and "status" in before:
            after.setdefault("status", before["status"])
        if after != before:
            metadata["resourceVersion"] = str(next(self._versions))
        if not dry:
            self.objects[path] = after
        return copy.deepcopy(after)


def _ports(document: Mapping[str, Any]) -> set[int]:
    return {port["nodePort"] for port in document.get("spec", {}).get("ports", ()) if "nodePort" in port}


def over(api: FakeApi, folder: Path) -> Kube:
    """A `Kube` that talks to the fake."""
    kube = Kube(folder / "kubeconfig")
    kube._api = api  # type: ignore[assignment]
    kube._kinds = Kinds(api)
    kube._sets = Sets(api, kube._kinds)
    return kube


def _group(name: str) -> dict[str, Any]:
    resources = [
        {"resource": plural, "responseKind": {"kind": kind}, "scope": scope}
        for plural, (kind, scope) in KINDS[name].items()
    ]
    return {"metadata": {"name": name}, "versions": [{"version": "v1", "resources": resources}]}


def _within(where: str, path: str, plural: str) -> bool:
    prefix = path.removesuffix(plural)
    rest = where.removeprefix(prefix)
    return where.startswith(prefix) and (
        (rest.startswith(f"{plural}/") and rest.count("/") == 1)
        or (rest.startswith("namespaces/") and rest.count("/") == 3 and rest.split("/")[2] == plural)
    )


def _merged(live: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping) or not isinstance(live, Mapping):
        return copy.deepcopy(patch)
    merged = {key: _merged(live.get(key), value) for key, value in patch.items() if value is not None}
    return {**{key: copy.deepcopy(value) for key, value in live.items() if key not in patch}, **merged}
