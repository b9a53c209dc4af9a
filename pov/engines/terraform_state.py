"""Terraform's state and saved plans as files: which state a plan was made on, and which one there is now."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import PovError

_MANIFEST = "kubectl_manifest"
_ALWAYS_MARKED = {"yaml_body", "yaml_incluster", "live_manifest_incluster"}


@dataclass(frozen=True)
class StateMark:
    """Which state it is, and how often it was written: Terraform's `lineage` and `serial`; neither where there is none.

    `objects` is how many resources it holds.
    """

    lineage: str = ""
    serial: int = 0
    objects: int = 0

    def as_json(self) -> dict[str, Any]:
        """To be recorded."""
        return asdict(self)


def made_on(plan: Path) -> StateMark:
    """The state that a saved plan was made on. Raises `PovError` for a file that tells none."""
    try:
        with zipfile.ZipFile(plan) as archive:
            return _mark(archive.read("tfstate"))
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise PovError(f"{plan} does not tell which state it was made on", cause=str(error)) from error


def mark_of(held: Mapping[str, bytes] | None) -> StateMark:
    """Which state the backend in the cluster holds, from its Secret; None where there is none.

    Raises `PovError` where it cannot be read.
    """
    if held is None:
        return StateMark()
    try:
        return _mark(gzip.decompress(held["tfstate"]))
    except (OSError, EOFError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise PovError("Terraform's state cannot be read", cause=str(error)) from error


def seal_of(plan: Path) -> str:
    """SHA-256 of a saved plan, as hex. Raises `PovError` where there is none."""
    try:
        return hashlib.sha256(plan.read_bytes()).hexdigest()
    except OSError as error:
        raise PovError("there is no plan", cause=str(error), fix="pov up") from error


def _mark(state: bytes) -> StateMark:
    told = json.loads(state)
    return StateMark(str(told["lineage"]), int(told["serial"]), len(told.get("resources") or ()))


def unpacked(held: bytes) -> bytes:
    """A state as the backend in the cluster packs it, as Terraform reads it from a file. Raises `PovError`."""
    try:
        return gzip.decompress(held)
    except (OSError, EOFError, zlib.error) as error:
        raise PovError("Terraform's state cannot be read", cause=str(error)) from error


def beyond(state: bytes, kinds: Collection[str]) -> str:
    """What a state holds beside manifests of these kinds, whose text everybody may read; empty where it is nothing.

    Outputs and attributes that are marked sensitive count; but for those that the provider marks in every manifest.
    """
    try:
        told = json.loads(state)
        for name, output in (told.get("outputs") or {}).items():
            if output.get("sensitive"):
                return f"the output {name} is sensitive"
        return next(filter(None, (_beyond(one, kinds) for one in told.get("resources") or ())), "")
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        return f"it cannot be read: {error!r}"


def _beyond(resource: Mapping[str, Any], kinds: Collection[str]) -> str:
    called = f"{resource['type']}.{resource['name']}"
    if (resource["mode"], resource["type"]) != ("managed", _MANIFEST):
        return f"{called} is no manifest"
    for instance in resource["instances"]:
        kind = instance["attributes"]["kind"]
        if kind not in kinds:
            return f"{called} is of the kind {kind}"
        marked = {path[0]["value"] for path in instance.get("sensitive_attributes") or ()}
        if more := sorted(marked - _ALWAYS_MARKED):
            return f"{called} has a sensitive {more[0]}"
    return ""
