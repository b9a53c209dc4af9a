"""Official images: whether they can be pulled, which ones, and a bundle made with them.

Every reference is pinned by tag; the node's, by kind's own choice for its release, by digest as well.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pov.base.errors import CommandFailed, PovError, PreflightFailed, Problem, TimedOut
from pov.base.paths import data
from pov.bundle import Bundle, Entry, versions
from pov.bundle.licences import of_engine
from pov.bundle.toolchain import DEFINITIONS
from pov.engines.containers import Containers
from pov.model.events import Emit, Event

Source = Literal["official", "built"]

NODE_VERSION = "1.37.0"
NODE = f"docker.io/kindest/node:v{NODE_VERSION}@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
"""The default of kind 0.33.0: the newest Kubernetes for which it publishes a node."""

NODE_NAME = f"localhost/pov-official-node:v{NODE_VERSION}"
"""Its name here: an archive of images does not keep a reference by digest."""

VAULT = "1.20.4"
DEBIAN = "docker.io/library/debian:bookworm-slim"
_BASE = "localhost/pov-official-base:bookworm"
_FIXED: Mapping[str, str] = {
    "argocd": f"quay.io/argoproj/argocd:v{versions.ARGOCD}",
    "openbao": f"quay.io/openbao/openbao:{versions.OPENBAO}",
    "gitea": f"docker.gitea.com/gitea:{versions.GITEA}-rootless",
    "vault": f"docker.io/hashicorp/vault:{VAULT}",
}
"""`vault` serves scenarios with `engines: {vault: vault}`; the rest of the time it is only carried along."""

_PROBE = _FIXED["argocd"]
_PROBE_S = 10.0
_SINGLE_IMAGE = "single images as manifest lists"
"""What Podman says of a mirror that keeps an image for one platform alone: it was reached, and has the image."""
_PULL_S = 900.0
_REDIS = re.compile(r"^\s*image:\s*(\S*redis\S*)\s*$", re.MULTILINE)
_LEGACY_PACKAGES = ("ca-certificates", "openssh-server", "openssl", "procps", "python3", "runit", "tini")


class CannotPull(PovError):
    """An official image cannot be had, although its registry answered before."""


@dataclass(frozen=True)
class Made:
    """What is compiled in either case, and where the bundle's own files go."""

    key: str
    binaries: Mapping[str, Path]
    argocd_manifest: Path
    mock: Path
    entries: tuple[Entry, ...]
    folder: Path


def can_pull(containers: Containers) -> bool:
    """Whether an image's manifest can be had: asked once, at most ten seconds, nothing is downloaded."""
    try:
        done = containers.run("manifest", "inspect", _PROBE, timeout_s=_PROBE_S, check=False)
    except TimedOut:
        return False
    return done.code == 0 or _SINGLE_IMAGE in done.stderr


def choose(wish: str, containers: Containers, emit: Emit) -> Source:
    """Which images to take for `auto`, `official` or `built`. Raises `PreflightFailed` when it cannot be as wished."""
    if wish == "built":
        return "built"
    reachable = can_pull(containers)
    if wish == "official" and not reachable:
        host = _PROBE.split("/")[0]
        fix = "reach an image registry, or: pov bundle build --images built"
        raise PreflightFailed([Problem("--images official", f"{containers.kind} cannot pull from {host}", fix)])
    if not reachable:
        emit(Event("note", "images", "no image registry answers: the images are built here"))
    return "official" if reachable else "built"


def references(argocd_manifest: Path) -> dict[str, str]:
    """The image of each component; Redis' is the one that Argo CD's manifest names."""
    found = _REDIS.search(argocd_manifest.read_text())
    if found is None:
        raise PovError(f"{argocd_manifest} names no Redis image", fix="pov bundle build --images built")
    return {**_FIXED, "redis": found[1]}


def make(made: Made, containers: Containers, emit: Emit) -> Bundle:
    """Pull the official images, build the two that are ours on top, and put all but the node's into one archive.

    Raises `CannotPull` naming the image that cannot be had; what was pulled stays, so that another try is shorter.
    """
    images = references(made.argocd_manifest)
    entries = list(made.entries)
    for name, reference in {"node": NODE, **images, "debian": DEBIAN}.items():
        pull(name, reference, containers, emit)
        if name in images or name == "node":
            digest = f"sha256:{containers.image_id(reference)}"
            version = reference.split("@")[0].rsplit(":", 1)[1].removeprefix("v")
            licence = of_engine("kubernetes" if name == "node" else name)
            entries.append(Entry(f"image-{name}", version, licence, f"container image {reference}", digest))
    containers.run("tag", NODE, NODE_NAME)
    images |= _own(made, containers, emit)
    archive = made.folder / "late.tar"
    half = archive.with_suffix(".part")
    emit(Event("started", "images", "Keeping the images in one archive", 60))
    started = time.monotonic()
    half.unlink(missing_ok=True)
    containers.save(sorted(images.values()), half)
    half.replace(archive)
    emit(Event("changed", "images", "Kept the images in one archive", time.monotonic() - started))
    return Bundle(
        key=made.key,
        source="official",
        images=images,
        late_images=tuple(sorted(images.values())),
        late_archive=archive,
        node_image=NODE_NAME,
        binaries=made.binaries,
        argocd_manifest=made.argocd_manifest,
        entries=tuple(entries),
    )


def pull(name: str, reference: str, containers: Containers, emit: Emit) -> None:
    """Have one image in the engine's storage, and tell of it. Raises `CannotPull`."""
    if containers.image_id(reference) is not None:
        emit(Event("unchanged", f"image-{name}", "pulled before"))
        return
    started = time.monotonic()
    named = reference.partition("@")[0]
    emit(Event("started", f"image-{name}", f"Pulling {named}", 30))
    try:
        containers.run("pull", "--quiet", reference, timeout_s=_PULL_S)
    except (CommandFailed, TimedOut) as error:
        emit(Event("failed", f"image-{name}", error.message, time.monotonic() - started))
        raise CannotPull(
            f"cannot pull {named}",
            cause=error.cause or error.message,
            fix="the same command again (what was pulled is kept), or: pov bundle build --images built",
        ) from error
    emit(Event("changed", f"image-{name}", f"Pulled {named}", time.monotonic() - started))


def _own(made: Made, containers: Containers, emit: Emit) -> dict[str, str]:
    """The mock service's image, and a legacy host's."""
    started = time.monotonic()
    emit(Event("started", "own-images", "Building the mock services' images", 40))
    tag = made.key[:12]
    built = {"mock": f"localhost/pov-mock:{tag}", "legacy-host": f"localhost/pov-legacy-host:{tag}"}
    context = made.folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    try:
        shutil.copytree(data("mock_services", "legacy"), context)
        shutil.copy(made.mock, context / "pov-mock")
        (context / "release").write_text(f"{versions.MOCK}\n")
        definition = DEFINITIONS / "official" / "base.Containerfile"
        arguments = {"DEBIAN": DEBIAN, "PACKAGES": " ".join(_LEGACY_PACKAGES)}
        containers.build(context, _BASE, containerfile=definition, arguments=arguments)
        containers.build(context, built["mock"], containerfile=data("mock_services", "Containerfile"))
        legacy = data("mock_services", "legacy", "Containerfile")
        containers.build(context, built["legacy-host"], containerfile=legacy, arguments={"BASE": _BASE})
    finally:
        shutil.rmtree(context, ignore_errors=True)
    emit(Event("changed", "own-images", "Built the mock services' images", time.monotonic() - started))
    return built
