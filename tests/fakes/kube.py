"""A cluster in memory: objects, sets, tokens of service accounts. Controllers are played by whoever listens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pov.base.errors import NotFound
from pov.base.redact import Secret

Key = tuple[str, str | None, str]


class FakeKube:
    """Stands in for `pov.engines.kube.Kube`. `on_apply` and `on_delete` hear of each object that changed."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.sets: dict[str, set[Key]] = {}
        self.on_apply: Callable[[dict[str, Any]], None] = lambda manifest: None
        self.on_delete: Callable[[Key], None] = lambda key: None
        self.token: Callable[[str, str, str], Secret] = lambda namespace, name, audience: Secret(f"{namespace}/{name}")
        self.verdict: Callable[[Mapping[str, Any], str, Sequence[str]], tuple[bool, str]] = lambda *_: (True, "")
        self.command: Callable[[Sequence[str]], str] = lambda argv: ""
        self.waited: list[str] = []
        self.deleted: list[Key] = []

    def put(self, document: Mapping[str, Any]) -> None:
        """Have an object in the cluster."""
        self.objects[_key(document)] = json.loads(json.dumps(document))

    def as_installer(self) -> FakeKube:
        return self

    def apply(self, manifests: Iterable[Mapping[str, Any]], *, set_name: str, on_pending: object = None) -> bool:
        changed = False
        wanted = {_key(manifest): json.loads(json.dumps(manifest)) for manifest in manifests}
        for key in self.sets.get(set_name, set()) - wanted.keys():
            changed |= self.delete(*_unkey(key))
        for key, manifest in wanted.items():
            before = self.objects.get(key)
            if before is None or before["wanted"] != manifest:
                changed = True
                kept = (before or {}).get("metadata", {}).get("annotations", {})
                live = {**json.loads(json.dumps(manifest)), "wanted": manifest}
                live["metadata"]["annotations"] = {**kept, **live["metadata"].get("annotations", {})}
                self.objects[key] = live
                self.on_apply(live)
        self.sets[set_name] = set(wanted)
        return changed

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return self.objects.get((kind.rsplit("/", maxsplit=1)[-1], namespace, name))

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        short = kind.rsplit("/", maxsplit=1)[-1]
        return [found for key, found in self.objects.items() if key[0] == short and namespace in {None, key[1]}]

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> dict[str, Any]:
        found = self.get(kind, name, namespace)
        if found is None:
            raise NotFound(name)
        _merge(found, patch)
        return found

    def delete(
        self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0, kill: bool = False
    ) -> bool:
        key = (kind.rsplit("/", maxsplit=1)[-1], namespace, name)
        if self.objects.pop(key, None) is None:
            return False
        self.deleted.append(key)
        self.on_delete(key)
        return True

    def secret(self, name: str, namespace: str) -> dict[str, bytes] | None:
        found = self.get("Secret", name, namespace)
        return None if found is None else {key: base64.b64decode(value) for key, value in found["data"].items()}

    def create_token(self, service_account: str, namespace: str, *, audience: str, ttl_s: int = 600) -> Secret:
        if self.get("ServiceAccount", service_account, namespace) is None:
            raise NotFound(service_account)
        return self.token(namespace, service_account, audience)

    def can_i_dry_run(
        self, manifest: Mapping[str, Any], *, as_user: str | None = None, as_groups: Sequence[str] = ()
    ) -> tuple[bool, str, tuple[str, ...]]:
        return (*self.verdict(manifest, as_user or "", as_groups), ())

    def exec(self, pod: str, namespace: str, argv: Sequence[str], **options: Any) -> str:
        return self.command(argv)

    def wait_ready(self, kind: str, names: Sequence[str], namespace: str, **options: Any) -> None:
        self.waited.extend(names)


def _key(document: Mapping[str, Any]) -> Key:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace"), metadata["name"]


def _unkey(key: Key) -> tuple[str, str, str | None]:
    return key[0], key[2], key[1]


def _merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(key, {}), value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value
