"""`pov bundle save`: everything that a machine without a registry needs, in one file."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pov.base import variables
from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import CommandFailed, PovError
from pov.base.paths import cache_root
from pov.bundle import Bundle, Entry, debian, earlier, graph, hostpackages, versions, wheels
from pov.bundle import manifest as manifests
from pov.bundle.archive import Say, describe, full, sweep, write
from pov.bundle.builder import find_all, make_all
from pov.bundle.licences import of_engine
from pov.bundle.manifest import FileRecord, Manifest
from pov.bundle.packing import digest_of
from pov.engines.containers import Containers
from pov.model.events import Emit, Event

NODE_ARCHIVE = "images/node.tar"
LATE_ARCHIVE = "images/late.tar"
_ARGOCD_MANIFEST = "manifests/argocd/install.yaml"
_LEFT_OUT = ("go",)
"""Binaries that only building needs."""


@dataclass(frozen=True)
class Saved:
    """The archive that was written: its size in bytes, its SHA-256, what it holds."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest


@dataclass
class _Content:
    """What goes into the archive, as it is collected."""

    staging: Path
    records: list[FileRecord] = field(default_factory=list)
    stored: dict[str, Path] = field(default_factory=dict)
    components: list[Entry] = field(default_factory=list)

    def add(self, source: Path, path: str, part: str) -> FileRecord:
        record, stored = describe(source, path, part, self.staging)
        self.records.append(record)
        self.stored[record.path] = stored
        return record


def save(bundle: Bundle, target: Path, containers: Containers, emit: Emit) -> Saved:
    """Collect images, binaries, wheels and runtime packages, and write the archive. Nothing half is left behind."""
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    with _staging() as staging:
        content = _Content(staging)
        content.components += bundle.entries
        with told(emit, "packages", "Collecting runtime packages", 15) as say:
            _packages(content, say)
        with told(emit, "wheels", "Collecting wheels", 20) as say:
            _wheels(content, say)
        _readme(content, target.name)
        extra = _tofu(content, bundle, containers, emit)
        extra = {**extra, **_earlier(content, bundle, containers, emit)}
        with told(emit, "binaries", "Packing binaries", 15) as say:
            binaries = _binaries(content, {**bundle.binaries, **extra}, say)
            _systems(content, bundle, containers, say)
        with told(emit, "images", "Packing images", 90) as say:
            image_ids = _images(content, bundle, containers, say)
        record = bundle.as_json()
        record["binaries"] = binaries
        record["late_archive"] = LATE_ARCHIVE
        record["argocd_manifest"] = content.add(bundle.argocd_manifest, _ARGOCD_MANIFEST, "manifests").installed
        manifest = Manifest(
            pov=version("pov"),
            system=manifests.this_system(),
            bundle=record,
            image_ids=image_ids,
            files=tuple(content.records),
            components=tuple(content.components),
        )
        with told(emit, "archive", f"Writing {target.name}", 10) as say:
            digest = write(target.absolute(), manifest, content.stored, say)
    return Saved(target, target.stat().st_size, digest, manifest)


def _readme(content: _Content, name: str) -> None:
    """How it is installed: in front of everything else, with the names of this very archive."""
    path = content.staging / manifests.README
    pip = next((file.path for file in content.records if Path(file.path).name.startswith("pip-")), "wheels/pip.whl")
    path.write_text(_README.format(name=shlex.quote(name), pip=pip, system=manifests.this_system()))
    content.add(path, manifests.README, "text")
    content.records.insert(0, content.records.pop())


def _packages(content: _Content, say: Say) -> None:
    if variables.program("apt-get") is None:
        say("none: this system has no apt")
        return
    say("asking the system's sources")
    index = []
    for path in debian.fetch(hostpackages.RUNTIME_PACKAGES, cache_root() / "build" / "packages"):
        deb = debian.read(path)
        say(f"reading {path.name}")
        content.add(path, f"packages/{path.name}", "packages")
        content.components.append(deb.entry())
        index.append(deb.index())
    listing = content.staging / "Packages"
    listing.write_text("\n".join(index))
    content.add(listing, "packages/Packages", "packages")


def _wheels(content: _Content, say: Say) -> None:
    say("asking the package index")
    for path in wheels.collect(content.staging / "wheels"):
        content.add(path, f"wheels/{path.name}", "wheels")
        content.components.append(wheels.entry(path))


def _tofu(content: _Content, bundle: Bundle, containers: Containers, emit: Emit) -> Mapping[str, Path]:
    """OpenTofu, where this bundle does without: the other machine may have no Terraform, and cannot build OpenTofu."""
    if "tofu" in bundle.binaries:
        return {}
    wanted = [one for one in graph.components(lambda: containers, tofu=True) if one.name in {"go", "tofu"}]
    program = make_all(wanted, emit)["tofu"].folder / "tofu"
    digest = f"sha256:{digest_of(program)}"
    origin = "module github.com/opentofu/opentofu"
    content.components.append(Entry("tofu", versions.TOFU, of_engine("tofu"), origin, digest))
    return {"tofu": program}


def _earlier(content: _Content, bundle: Bundle, containers: Containers, emit: Emit) -> Mapping[str, Path]:
    """Argo CD's release before, for the experiment `upgrade`: the other machine cannot make it, nor pull it."""
    try:
        found = earlier.earlier(bundle, emit, lambda: containers)
    except PovError as error:
        told = (
            f"the archive is without Argo CD {versions.ARGOCD_EARLIER}: no upgrade can be measured where it is loaded"
        )
        emit(Event("warning", "binaries", f"{told} ({error.message})"))
        return {}
    folder = content.staging / earlier.NAME
    folder.mkdir()
    shutil.copyfile(found.manifest, folder / earlier.MANIFEST)
    found.write(folder / earlier.ARCHIVE)
    content.components.append(earlier.entry(bundle, digest_of(folder / earlier.ARCHIVE)))
    return {earlier.NAME: folder}


def _binaries(content: _Content, binaries: Mapping[str, Path], say: Say) -> Mapping[str, str]:
    inside = {}
    for name, source in binaries.items():
        if name in _LEFT_OUT:
            continue
        inside[name] = f"binaries/{name}"
        files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
        for path in files:
            say(f"packing {path.name}")
            below = f"/{path.relative_to(source)}" if source.is_dir() else ""
            content.add(path, inside[name] + below, "binaries")
    return inside


def _systems(content: _Content, bundle: Bundle, containers: Containers, say: Say) -> None:
    """The Debian packages that built images stand on, as components."""
    if bundle.source != "built":
        return
    parts = {"base": "the component images", "node-root": "the node image"}
    names = {"go", "kind-files", *parts}
    made = find_all([one for one in graph.components(lambda: containers, tofu=False) if one.name in names])
    if made is None or not made.keys() >= parts.keys():
        return
    for name, where in parts.items():
        say(f"reading the packages of {where}")
        root = made[name].folder / "root.tar"
        content.components += debian.installed_in(root, where, f"sha256:{made[name].facts['sha256']}")


def _images(content: _Content, bundle: Bundle, containers: Containers, say: Say) -> Mapping[str, str]:
    """The node's image out of the engine; the late ones are in an archive already, and go from there into a node."""
    found = containers.image_id(bundle.node_image)
    if found is None:
        raise PovError(f"the image {bundle.node_image} is gone from {containers.kind}", fix="pov bundle build")
    say(f"taking {bundle.node_image} out of {containers.kind}")
    node = content.staging / "node.tar"
    try:
        containers.save([bundle.node_image], node)
    except CommandFailed as error:
        if "no space left" in error.stderr.lower():
            full(node, error)
        raise
    say("packing the node's image")
    if content.add(node, NODE_ARCHIVE, "images").packed:
        node.unlink()
    say("packing the services' images")
    content.add(bundle.late_archive, LATE_ARCHIVE, "images")
    return {bundle.node_image: found}


@contextmanager
def _staging() -> Iterator[Path]:
    """A folder of its own on the cache's disk; those that killed runs have left are removed."""
    root = cache_root() / "bundle"
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, "save-")
    folder = root / f".save-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told(emit: Emit, subject: str, title: str, expected_s: float) -> Iterator[Say]:
    """Tell about a part of the work: its start, what it is at (by the function handed in), its end in seconds."""
    started = SYSTEM_CLOCK.monotonic()
    emit(Event("started", subject, title, expected_s))
    try:
        yield lambda text: emit(Event("progress", subject, text))
    except PovError as error:
        emit(Event("failed", subject, error.message, SYSTEM_CLOCK.monotonic() - started))
        raise
    emit(Event("finished", subject, title, SYSTEM_CLOCK.monotonic() - started))


_README = """\
# pov, with everything it needs

This archive brings `pov` and its bundle to a machine without any registry: container images, programs, Python wheels,
Debian packages. It was saved for {system.machine}, {system.distribution}, Python {system.python}. `manifest.json` names
every component with its version, licence, origin and SHA-256.

Install, as root or with a working Docker:

    tar -xf {name} README.md wheels
    python3 -m venv --without-pip pov-venv
    pov-venv/bin/python {pip}/pip install --no-index --find-links wheels pov
    pov-venv/bin/pov bundle load {name}

`load` compares every file with its digest before it installs anything. It can be repeated, and goes on where it was
cut off. On Debian 12 it also installs Podman and what else is missing, from the archive.

Then: `pov-venv/bin/pov doctor` tells what this machine lacks, `pov-venv/bin/pov up` brings the demo up.
"""
