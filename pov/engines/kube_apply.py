"""Sets of manifests, made so: observed by a list for each kind, applied where they differ, pruned where left over.

Server-side apply under the field manager `pov`. Which kinds a set holds is written in a ConfigMap of kube-system before
the first of them is made, so that a set that was cut off, or that shrank, can still be pruned.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pov.base.errors import NotFound, PovError
from pov.base.wait import Pending, Waiting, wait_for
from pov.engines.kube_api import APPLY_PATCH, MERGE_PATCH, Caller, Kinds, PortHeld, Resource
from pov.engines.kube_match import holds

SET_LABEL = "pov.dev/set"
HASH_ANNOTATION = "pov.dev/hash"
MANAGER = "pov"
_INVENTORY_NAMESPACE = "kube-system"
_WORKERS = 8
_APPLY_LIMIT_S = 30.0
_NEW_KIND_LIMIT_S = 20.0
# Should a port be held all the same, the API server's repair frees it within nine minutes.
_PORT_LIMIT_S = 600.0
_PORT_POLL_S = 1.0
_FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass")
_LAST = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob")

Manifest = Mapping[str, Any]
OnPending = Callable[[Waiting], None]
_Place = tuple[str, str | None]
_Key = tuple[str, str | None, str]


def digest(manifest: Manifest) -> str:
    """What a manifest says, in short. A Secret's values are left out: the digest stands where others may read it."""
    plain = dict(manifest)
    if plain.get("kind") == "Secret":
        for field in ("data", "stringData"):
            if plain.get(field):
                plain[field] = sorted(plain[field])
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:32]


def prepared(manifest: Manifest, set_name: str) -> dict[str, Any]:
    """The manifest with the set's label and its own digest; a Secret's `stringData` becomes `data`."""
    full: dict[str, Any] = json.loads(json.dumps(manifest))
    full.pop("status", None)
    if full["kind"] == "Secret" and "stringData" in full:
        plain = full.pop("stringData") or {}
        full["data"] = {
            **(full.get("data") or {}),
            **{key: base64.b64encode(value.encode()).decode() for key, value in plain.items()},
        }
    metadata = full["metadata"]
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        SET_LABEL: set_name,
        "app.kubernetes.io/managed-by": "pov",
    }
    metadata["annotations"] = {**(metadata.get("annotations") or {}), HASH_ANNOTATION: digest(full)}
    return full


class Sets:
    """Applies sets of manifests through one `Caller`."""

    def __init__(self, caller: Caller, kinds: Kinds) -> None:
        self._caller = caller
        self._kinds = kinds

    def apply(self, manifests: Iterable[Manifest], set_name: str, on_pending: OnPending | None = None) -> bool:
        """Make the set what `manifests` say. Returns whether anything in the cluster changed.

        `on_pending` hears of the one long wait: for a node port that the cluster holds for no service.
        """
        wanted = [prepared(manifest, set_name) for manifest in manifests]
        before = self._inventory(set_name)
        after = {(_kind(manifest), _namespace(manifest)) for manifest in wanted}
        live = self._observe(before | after, set_name)
        keep = {_key(manifest) for manifest in wanted}
        stale = [key for key in live if key not in keep]
        differing = [manifest for manifest in wanted if not _same(live.get(_key(manifest)), manifest)]
        if not differing and not stale and before == after:
            return False
        if not after <= before:
            self._write_inventory(set_name, before | after)
        changed = False
        for phase in range(3):
            some = [manifest for manifest in differing if _phase(manifest) == phase]
            changed |= any(_each(some, lambda m: self._apply_one(m, live.get(_key(m)), on_pending)))
            if phase == 0:
                self._await_kinds(some)
        changed |= any(_each(stale, self._prune))
        if before - after:
            self._write_inventory(set_name, after)
        return changed

    def _observe(self, places: Iterable[_Place], set_name: str) -> dict[_Key, dict[str, Any]]:
        def listed(place: _Place) -> list[tuple[_Key, dict[str, Any]]]:
            kind, namespace = place
            try:
                path = self._kinds.find(kind).path(namespace)
                found = self._caller.call("GET", path, query={"labelSelector": f"{SET_LABEL}={set_name}"}).body["items"]
            except NotFound:
                return []  # the kind's definition is not there, or gone
            return [((kind, namespace, item["metadata"]["name"]), item) for item in found]

        return {key: item for rows in _each(sorted(places, key=str), listed) for key, item in rows}

    def _apply_one(self, manifest: dict[str, Any], before: Manifest | None, on_pending: OnPending | None) -> bool:
        resource = self._resource(manifest)
        namespace = _namespace(manifest)
        if resource.namespaced and namespace is None:
            namespace = "default"
        name = manifest["metadata"]["name"]
        path = resource.path(namespace, name)
        query = {"fieldManager": MANAGER, "force": "true"}

        def applied() -> Manifest:
            if before is None and _node_ports(manifest):
                self._create(resource.path(namespace), path, manifest)
            answer: Manifest = self._caller.call(
                "PATCH", path, query=query, body=manifest, content_type=APPLY_PATCH
            ).body
            return answer

        def accepted() -> Manifest:
            try:
                answer = wait_for(
                    f"{manifest['kind']} {name} accepted by the cluster", applied, timeout_s=_APPLY_LIMIT_S
                )
            except PortHeld:
                self._name_holder(manifest, namespace)
                raise
            return answer

        after = wait_for(
            f"the node port of {manifest['kind']} {name}, which the cluster holds for a service that is not there",
            accepted,
            timeout_s=_PORT_LIMIT_S,
            interval_s=_PORT_POLL_S,
            bears=(PortHeld,),
            on_pending=on_pending,
            fix="pov down, then pov up",
        )
        return before is None or before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]

    def _create(self, collection: str, path: str, manifest: Manifest) -> None:
        """Make a service with node ports if there is none, so that the API server gives them back where that fails.

        An apply that makes one keeps them, until a repair, if its caller is killed while the service is written. What
        is made is owned as if it had been applied, so that the next apply can take a field away.
        """
        try:
            self._caller.call("GET", path)
        except NotFound:
            made = self._caller.call("POST", collection, query={"fieldManager": MANAGER}, body=manifest).body
            owned = [{**entry, "operation": "Apply"} for entry in made["metadata"].get("managedFields") or ()]
            told = {"resourceVersion": made["metadata"]["resourceVersion"], "managedFields": owned}
            self._caller.call("PATCH", path, body={"metadata": told}, content_type=MERGE_PATCH)

    def _name_holder(self, manifest: Manifest, namespace: str | None) -> None:
        """Raise `PovError` with the name of the other service that has one of this one's node ports, if any has."""
        wanted = _node_ports(manifest)
        for other in self._caller.call("GET", self._kinds.find("v1/Service").path()).body["items"]:
            there, name = other["metadata"]["namespace"], other["metadata"]["name"]
            shared = wanted & _node_ports({"kind": "Service", **other})
            if shared and (there, name) != (namespace, manifest["metadata"]["name"]):
                port = min(shared)
                raise PovError(
                    f"Service {manifest['metadata']['name']} needs node port {port}, which Service {name} of namespace "
                    f"{there} has",
                    fix=f"give {there}/{name} another node port, then run the same command again",
                )

    def _prune(self, key: _Key) -> bool:
        kind, namespace, name = key
        path = self._kinds.find(kind).path(namespace, name)
        try:
            self._caller.call("DELETE", path, body={"propagationPolicy": "Background"})
        except NotFound:
            return False
        return True

    def _resource(self, manifest: Manifest) -> Resource:
        try:
            return self._kinds.of(manifest)
        except NotFound:
            # A definition is established a moment before discovery tells of it.
            return wait_for(
                f"the kind {_kind(manifest)}",
                lambda: self._kinds.of(manifest),
                timeout_s=_NEW_KIND_LIMIT_S,
                bears=(NotFound,),
            )

    def _await_kinds(self, manifests: Iterable[Manifest]) -> None:
        for manifest in manifests:
            if manifest["kind"] == "CustomResourceDefinition":
                self._await_established(manifest)

    def _await_established(self, manifest: Manifest) -> None:
        path = self._kinds.of(manifest).path(None, manifest["metadata"]["name"])

        def look() -> bool | Pending:
            conditions = self._caller.call("GET", path).body.get("status", {}).get("conditions") or []
            met = any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
            return True if met else Pending("not established yet")

        wait_for(f"the definition {manifest['metadata']['name']}", look, timeout_s=_NEW_KIND_LIMIT_S, interval_s=0.1)

    def _inventory(self, set_name: str) -> set[_Place]:
        try:
            found = self._caller.call("GET", self._inventory_path(set_name)).body
        except NotFound:
            return set()
        return {(kind, namespace) for kind, namespace in json.loads(found["data"]["kinds"])}

    def _write_inventory(self, set_name: str, places: set[_Place]) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"pov-set-{set_name}",
                "namespace": _INVENTORY_NAMESPACE,
                "labels": {"app.kubernetes.io/managed-by": "pov"},
            },
            "data": {"kinds": json.dumps(sorted(places, key=str))},
        }
        query = {"fieldManager": MANAGER, "force": "true"}
        path = self._inventory_path(set_name)
        wait_for(
            f"the inventory of {set_name}",
            lambda: self._caller.call("PATCH", path, query=query, body=body, content_type=APPLY_PATCH),
            timeout_s=_APPLY_LIMIT_S,
        )

    def _inventory_path(self, set_name: str) -> str:
        return f"/api/v1/namespaces/{_INVENTORY_NAMESPACE}/configmaps/pov-set-{set_name}"


def _each(items: Iterable[Any], work: Callable[[Any], Any]) -> list[Any]:
    everything = list(items)
    if len(everything) < 2:
        return [work(item) for item in everything]
    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(everything))) as pool:
        return list(pool.map(work, everything))


def _node_ports(service: Manifest) -> set[int]:
    ports = (service.get("spec") or {}).get("ports") if service["kind"] == "Service" else ()
    return {port["nodePort"] for port in ports or () if port.get("nodePort")}


def _kind(manifest: Manifest) -> str:
    return f"{manifest['apiVersion']}/{manifest['kind']}"


def _namespace(manifest: Manifest) -> str | None:
    namespace: str | None = manifest["metadata"].get("namespace")
    return namespace


def _key(manifest: Manifest) -> _Key:
    return _kind(manifest), _namespace(manifest), str(manifest["metadata"]["name"])


def _phase(manifest: Manifest) -> int:
    """Namespaces and definitions first, what pods need next, pods last: none then waits for a missing volume."""
    kind = manifest["kind"]
    return 0 if kind in _FIRST else 2 if kind in _LAST else 1


def _same(live: Manifest | None, wanted: Manifest) -> bool:
    """Whether the live object was made from this manifest and nobody changed what it says since."""
    if live is None or live["metadata"].get("deletionTimestamp"):
        return False
    told = (live["metadata"].get("annotations") or {}).get(HASH_ANNOTATION)
    # Items of a list come without both.
    content = {key: value for key, value in wanted.items() if key not in {"apiVersion", "kind"}}
    return bool(told == wanted["metadata"]["annotations"][HASH_ANNOTATION]) and holds(live, content)
