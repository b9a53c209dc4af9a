"""Terraform's files as far as they are read: a saved plan, and a state as the backend in the cluster packs it."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path


def state(lineage: str = "l", serial: int = 1, objects: int = 0) -> bytes:
    """A state's document."""
    return json.dumps({"version": 4, "lineage": lineage, "serial": serial, "resources": [{}] * objects}).encode()


def packed(lineage: str = "l", serial: int = 1, objects: int = 0) -> bytes:
    """As it lies in its Secret."""
    return gzip.compress(state(lineage, serial, objects))


def saved_plan(path: Path, *, lineage: str = "l", serial: int = 1, objects: int = 0) -> Path:
    """A plan that was made on such a state."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tfplan", b"binary")
        archive.writestr("tfstate", state(lineage, serial, objects))
    return path
