"""The air-gap bundle: every engine, pinned, built or pulled once, kept in the user's cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound
from pov.bundle import records
from pov.model.events import Emit


@dataclass(frozen=True)
class Entry:
    """One component for the manifest; `digest` is `sha256:…` of the file or the image's configuration."""

    name: str
    version: str
    licence: str
    origin: str
    digest: str


@dataclass(frozen=True)
class Bundle:
    """Where everything lies. `late_archive` holds images loaded into the node after it was made, since they change."""

    key: str
    source: str
    images: Mapping[str, str]
    late_images: tuple[str, ...]
    late_archive: Path
    node_image: str
    binaries: Mapping[str, Path]
    argocd_manifest: Path
    entries: tuple[Entry, ...]

    def as_json(self) -> dict[str, Any]:
        """The bundle as one JSON document, as its record keeps it."""
        return {
            "key": self.key,
            "source": self.source,
            "images": dict(self.images),
            "late_images": list(self.late_images),
            "late_archive": str(self.late_archive),
            "node_image": self.node_image,
            "binaries": {name: str(path) for name, path in self.binaries.items()},
            "argocd_manifest": str(self.argocd_manifest),
            "entries": [vars(entry) for entry in self.entries],
        }


def current() -> Bundle | None:
    """The bundle in use, or None if there is none, its files are gone, or its record is damaged."""
    record = records.read()
    if record is None:
        return None
    try:
        bundle = _of(record)
    except (KeyError, TypeError, AttributeError):
        return None
    needed = [bundle.late_archive, bundle.argocd_manifest, *bundle.binaries.values()]
    return bundle if all(path.exists() for path in needed) else None


def _of(record: Mapping[str, Any]) -> Bundle:
    return Bundle(
        key=record["key"],
        source=record["source"],
        images=record["images"],
        late_images=tuple(record["late_images"]),
        late_archive=Path(record["late_archive"]),
        node_image=record["node_image"],
        binaries={name: Path(path) for name, path in record["binaries"].items()},
        argocd_manifest=Path(record["argocd_manifest"]),
        entries=tuple(Entry(**entry) for entry in record["entries"]),
    )


def require_current() -> Bundle:
    """The bundle in use. Raises `NotFound` with the command that makes one."""
    bundle = current()
    if bundle is None:
        raise NotFound("there is no bundle yet", fix="pov bundle build")
    return bundle


@dataclass(frozen=True)
class BuildOptions:
    """`images`: official ones where they can be pulled (auto), official or nothing, or all built from modules."""

    images: str = "auto"


def build(options: BuildOptions, emit: Emit) -> Bundle:
    """Make the bundle that this machine needs, or find that it is there; it is the one in use from then on.

    Raises `PovError` if a part cannot be made; the parts that are finished are kept, and the next call goes on.
    """
    # Imported here: who only asks for the current bundle must not wait for what builds it.
    from pov.bundle import building  # noqa: PLC0415

    return building.build(options, emit)
