"""`pov bundle load`: an archive becomes this machine's bundle, without asking any network."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import CommandFailed, PovError, TimedOut
from pov.base.paths import cache_root
from pov.bundle import Bundle, current, hostpackages, records
from pov.bundle import manifest as manifests
from pov.bundle.archive import Archive, Say, full, opened, sweep
from pov.bundle.saving import LATE_ARCHIVE, NODE_ARCHIVE, told
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.model.events import Emit, Event

_MARGIN = 256 * 2**20
"""Bytes to leave free on every disk."""


@dataclass(frozen=True)
class Loaded:
    """The bundle now in use, where its files lie, and what was installed on the way."""

    bundle: Bundle
    root: Path
    packages: tuple[str, ...]
    images: tuple[str, ...]
    digest: str


def archives_folder() -> Path:
    """Where the files of loaded archives lie, each in a folder named by its manifest's digest."""
    return cache_root() / "bundle" / "archives"


def is_loaded(bundle: Bundle) -> bool:
    """Whether this bundle came from an archive."""
    return bundle.late_archive.is_relative_to(archives_folder())


def load(path: Path, emit: Emit) -> Loaded:
    """Check the whole archive, then install it. Cut off anywhere and run again, it goes on; the last step switches.

    Raises `PovError` for what is no archive, damaged, for another machine, or does not fit on the disk: before
    anything was changed.
    """
    with opened(path) as archive:
        manifest = archive.manifest
        manifests.check_system(manifest)
        with told(emit, "archive", f"Checking {path.name}", 10) as say:
            archive.verify(say)
        root = archives_folder() / archive.digest[:16]
        _check_room(archive, root)
        with told(emit, "files", "Installing files", 20) as say:
            for record in (*manifest.of("binaries"), *manifest.of("manifests"), *manifest.of("text")):
                say(record.installed)
                archive.install(record, root)
            archive.install(manifest.file(LATE_ARCHIVE), root)
        packages = _packages(archive, emit)
        containers = find()
        with told(emit, "images", f"Loading images into {containers.kind}", 60) as say:
            images = _images(archive, root, containers, say)
        installed = manifests.relocated(manifest, root)
        records.remember(installed, {str(installed["node_image"])})
        bundle = current()
        if bundle is None:
            raise PovError("the bundle was installed and cannot be found", fix="run the same command again")
        others = records.others()
        for folder in archives_folder().iterdir():
            if folder != root and not any(other.holds(folder) for other in others):
                shutil.rmtree(folder, ignore_errors=True)
        return Loaded(bundle, root, packages, images, archive.digest)


def _check_room(archive: Archive, root: Path) -> None:
    files = [*archive.manifest.of("binaries"), archive.manifest.file(LATE_ARCHIVE)]
    node = archive.manifest.file(NODE_ARCHIVE)
    wanted = sum(record.unpacked for record in files if not (root / record.installed).exists())
    wanted += node.unpacked + sum(record.size for record in archive.manifest.of("packages"))
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < wanted + _MARGIN:
        raise PovError(
            f"the archive does not fit: it needs {_gib(wanted + _MARGIN)} in {cache_root()}, {_gib(free)} are free",
            cause="nothing was changed",
            fix="free some room, or set POV_CACHE to a folder on another disk",
        )


def _check_storage(containers: Containers, wanted: int) -> None:
    """Loading takes the image's size in the engine's storage; where that lies out of sight, the engine will tell."""
    field = "{{.DockerRootDir}}" if containers.kind == "docker" else "{{.Store.GraphRoot}}"
    root = Path(containers.run("info", "--format", field, check=False).stdout.strip() or "/nowhere")
    if root.is_dir() and (free := shutil.disk_usage(root).free) < wanted + _MARGIN:
        raise PovError(
            f"the image does not fit: it needs {_gib(wanted + _MARGIN)} in {root}, {_gib(free)} are free",
            cause="the bundle in use was not changed",
            fix=f"free some room there ({containers.kind} image prune), then run the same command again",
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _packages(archive: Archive, emit: Emit) -> tuple[str, ...]:
    """Keep the archive's packages for `pov doctor --fix`, and install what running needs and lacks."""
    records = archive.manifest.of("packages")
    if not records or manifests.distribution() != archive.manifest.system.distribution:
        return ()
    folder = hostpackages.packages_folder()
    half = folder.with_name(f".{folder.name}.{os.getpid()}")
    sweep(folder.parent, f"{folder.name}.")
    try:
        for record in records:
            archive.install(record, half)
        shutil.rmtree(folder, ignore_errors=True)
        (half / "packages").rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    missing = hostpackages.missing(building=False)
    if not missing:
        return ()
    started = SYSTEM_CLOCK.monotonic()
    emit(Event("started", "packages", f"Installing {', '.join(missing)}", 30))
    try:
        hostpackages.install(missing, emit)
    except PovError as error:
        # The bundle is of use all the same; whether containers run here is looked at next, the rest by `pov doctor`.
        emit(Event("failed", "packages", error.message, SYSTEM_CLOCK.monotonic() - started))
        emit(Event("warning", "packages", f"still missing: {', '.join(missing)} ({error.fix})"))
        return ()
    emit(Event("changed", "packages", f"Installed {', '.join(missing)}", SYSTEM_CLOCK.monotonic() - started))
    return tuple(missing)


def _images(archive: Archive, root: Path, containers: Containers, say: Say) -> tuple[str, ...]:
    """Load the node's image unless it is there, and see that the engine knows it. Late images wait in their archive."""
    node = str(archive.manifest.bundle["node_image"])
    record = archive.manifest.file(NODE_ARCHIVE)
    loaded: tuple[str, ...] = ()
    if containers.image_id(node) != archive.manifest.image_ids.get(node):
        _check_storage(containers, record.unpacked)
        say(f"{node}: about a minute")
        # Unpacked: Debian's Podman 4.3 cannot read an archive that is gzip.
        _load(containers, archive.install(record, root))
        loaded = (node,)
    (root / record.installed).unlink(missing_ok=True)
    if containers.image_id(node) is None:
        raise PovError(f"{containers.kind} loaded {node} and does not know it", fix="pov doctor")
    return loaded


def _load(containers: Containers, path: Path) -> None:
    try:
        containers.load(path)
    except CommandFailed as error:
        if "no space left" in error.stderr.lower():
            full(Path(f"the storage of {containers.kind}"), error)
        raise PovError(
            f"{containers.kind} cannot load {path.name}", cause=error.cause, fix="run the same command again"
        ) from error
    except TimedOut as error:
        error.fix = "run the same command again, when the machine is less busy"
        raise
