"""`pov bundle`: build it, list it, save it into one file, load it from one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, Problem
from pov.base.files import in_the_way
from pov.model.events import Emit, Event

IMAGES = ("auto", "official", "built")


@dataclass(frozen=True)
class BuildOptions:
    """`images` is auto, official or built."""

    images: str = "auto"


@dataclass(frozen=True)
class Component:
    """One component as it is listed; `digest` is `sha256:…`."""

    name: str
    version: str
    licence: str
    origin: str
    digest: str


@dataclass(frozen=True)
class BundleResult:
    """The bundle in use: its key, where its images are from, what it consists of."""

    key: str
    source: str
    loaded: bool
    images: dict[str, str]
    binaries: dict[str, str]
    components: tuple[Component, ...]
    others: dict[str, str]
    """Keys of the bundles that are kept beside it, by the folder of the `pov` that uses them."""

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "key": self.key,
            "others": self.others,
            "source": self.source,
            "loaded": self.loaded,
            "images": self.images,
            "binaries": self.binaries,
            "components": [vars(component) for component in self.components],
        }


@dataclass(frozen=True)
class SaveResult:
    """The archive: its size in bytes, its SHA-256, how many components of it have no licence that was told."""

    path: Path
    size: int
    sha256: str
    components: int
    files: int
    without_licence: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "path": str(self.path),
            "size": self.size,
            "sha256": self.sha256,
            "components": self.components,
            "files": self.files,
            "without_licence": list(self.without_licence),
        }


@dataclass(frozen=True)
class LoadResult:
    """The bundle that was loaded, what was installed on the way, and the digest of the archive's manifest."""

    bundle: BundleResult
    root: Path
    packages: tuple[str, ...]
    images: tuple[str, ...]
    manifest: str

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "bundle": self.bundle.as_json(),
            "root": str(self.root),
            "packages": list(self.packages),
            "images": list(self.images),
            "manifest": f"sha256:{self.manifest}",
        }


def run_build(options: BuildOptions, emit: Emit) -> BundleResult:
    """Build what is missing. A bundle that was loaded is kept, unless one kind of image is asked for by name."""
    from pov import bundle as bundles
    from pov.bundle.loading import is_loaded

    if options.images not in IMAGES:
        raise InvalidInput([Problem("--images", f"no images {options.images}", f"one of {', '.join(IMAGES)}")])
    there = bundles.current()
    if there is not None and is_loaded(there) and options.images in {"auto", there.source}:
        emit(Event("unchanged", "bundle", "loaded from an archive; --images built makes one of this machine's own"))
        return _result(there)
    return _result(bundles.build(bundles.BuildOptions(images=options.images), emit))


def run_list(emit: Emit) -> BundleResult:
    """The bundle in use. Raises `NotFound` if there is none."""
    from pov.bundle import require_current

    return _result(require_current())


def run_save(path: Path, emit: Emit) -> SaveResult:
    """Write the bundle in use, and all that is needed to load it elsewhere, into one file.

    Raises `InvalidInput` for a place that cannot take it before anything is collected.
    """
    from pov.bundle import require_current
    from pov.bundle.licences import UNKNOWN
    from pov.bundle.saving import save
    from pov.engines.container_choice import find

    problems = in_the_way(path)
    if not path.name.isprintable():
        problems.append(Problem(ascii(path.name), "holds characters that a text cannot", "choose another name"))
    if problems:
        raise InvalidInput(problems)
    saved = save(require_current(), path, find(), emit)
    components = saved.manifest.components
    return SaveResult(
        path=saved.path,
        size=saved.size,
        sha256=saved.sha256,
        components=len(components),
        files=len(saved.manifest.files),
        without_licence=tuple(entry.name for entry in components if entry.licence == UNKNOWN),
    )


def run_load(path: Path, emit: Emit) -> LoadResult:
    """Check an archive and install it as the bundle in use. Needs no network."""
    from pov.bundle.loading import load

    loaded = load(path, emit)
    return LoadResult(_result(loaded.bundle), loaded.root, loaded.packages, loaded.images, loaded.digest)


def _result(bundle: Any) -> BundleResult:
    from pov.bundle import records
    from pov.bundle.loading import is_loaded

    return BundleResult(
        key=bundle.key,
        source=bundle.source,
        loaded=is_loaded(bundle),
        images=dict(bundle.images),
        binaries={name: str(path) for name, path in bundle.binaries.items()},
        components=tuple(Component(**vars(entry)) for entry in bundle.entries),
        others={str(other.installation): other.key for other in records.others()},
    )
