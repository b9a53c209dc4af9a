"""Which bundle is in use, for each installation of `pov`: those of several checkouts lie side by side in one cache.

An installation that has made none yet takes the one that was made or loaded here last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.files import text_of, write_atomic
from pov.base.paths import cache_root, installation
from pov.model.reading import parsed

MOST = 3
"""Different bundles that are kept, this installation's among them: each has an image of about two gigabytes."""


@dataclass(frozen=True)
class Record:
    """Another installation's bundle: its key, its images in the engine's storage, its files and folders."""

    installation: Path
    key: str
    images: frozenset[str]
    files: tuple[Path, ...]

    def holds(self, folder: Path) -> bool:
        """Whether any of its files lies in there."""
        return any(path.is_relative_to(folder) for path in self.files)


def own_file() -> Path:
    """The record of this installation's bundle."""
    mark = hashlib.sha256(str(installation()).encode(errors="surrogateescape")).hexdigest()[:12]
    return _folder() / f"current-{mark}.json"


def read() -> Mapping[str, Any] | None:
    """The record of the bundle in use; None if there is none, or none that can be read."""
    own = own_file()
    return _read(own if own.exists() else _last_file())


def remember(record: Mapping[str, Any], images: Collection[str]) -> None:
    """Put a bundle in use, with the images of it that the engine's storage has; the least lately made ones go."""
    text = json.dumps({**record, "installation": str(installation()), "stored": sorted(images)}, indent=1)
    write_atomic(_last_file(), text)
    write_atomic(own_file(), text)
    for path in _listed()[1]:
        path.unlink(missing_ok=True)


def others() -> list[Record]:
    """What is kept for other installations that are still there, the newest first."""
    return [record for record in _listed()[0] if record.installation != installation()]


def _listed() -> tuple[list[Record], list[Path]]:
    """Records to keep, and files to remove: of installations that are gone, or of one bundle too many."""
    kept: list[Record] = []
    surplus: list[Path] = []
    files = sorted(_folder().glob("current-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    # Whatever its age, this installation's own comes first.
    for path in sorted(files, key=lambda path: path != own_file()):
        record = _record(_read(path))
        keys = {one.key for one in kept}
        if record is None or not record.installation.exists() or (record.key not in keys and len(keys) == MOST):
            surplus.append(path)
        else:
            kept.append(record)
    return kept, surplus


def _record(found: Mapping[str, Any] | None) -> Record | None:
    try:
        if found is None:
            return None
        files = (found["late_archive"], found["argocd_manifest"], *found["binaries"].values())
        return Record(
            Path(found["installation"]), found["key"], frozenset(found["stored"]), tuple(Path(file) for file in files)
        )
    except (KeyError, TypeError, AttributeError):
        return None


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = parsed(text_of(path))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _folder() -> Path:
    return cache_root() / "bundle"


def _last_file() -> Path:
    return _folder() / "current.json"
