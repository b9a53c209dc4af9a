"""Argo CD's release before the pinned one: what an upgrade starts from. No part of the bundle; made when asked for.

It is compiled with the very libraries of the engines' module: the compiler's cache has all but its own packages.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound, PovError
from pov.bundle import Bundle, Entry, graph, images, licences, official, programs, versions
from pov.bundle.builder import Component, Made, hash_files, hash_of, prune
from pov.bundle.layers import write_archive
from pov.bundle.on_demand import found_or_made
from pov.bundle.toolchain import DEFINITIONS, Go, Say, Work
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.model.events import Emit

NAME = "argocd-earlier"
"""The component's name, and the folder's in an archive of the bundle that brings it along."""

REFERENCE = f"localhost/pov/argocd:{versions.ARGOCD_EARLIER}"
OFFICIAL = f"quay.io/argoproj/argocd:v{versions.ARGOCD_EARLIER}"
MANIFEST, ARCHIVE = "install.yaml", "image.tar"
_MODULE = "github.com/argoproj/argo-cd/v3"
_TAGGED_ALIKE = (_MODULE, "github.com/argoproj/argo-cd/gitops-engine/v3")
_SUMS = DEFINITIONS / NAME / "go.sum"
_SOURCES = "argocd_source"


@dataclass(frozen=True)
class Earlier:
    """The release: its manifest, its image's reference, and what writes an archive of the image to a path."""

    version: str
    image: str
    manifest: Path
    write: Callable[[Path], None]


def earlier(bundle: Bundle, emit: Emit, engine_of: Callable[[], Containers] = find) -> Earlier:
    """The release as this bundle's kind of images has it: built, pulled, or out of the archive that was loaded.

    It takes minutes where it was never made here, else nothing is told. Raises `PovError` if it cannot be had.
    """
    reference = OFFICIAL if bundle.source == "official" else REFERENCE
    carried = bundle.binaries.get(NAME)
    if carried is not None:
        return _of(reference, carried / MANIFEST, lambda path: _copy(carried / ARCHIVE, path))
    if bundle.source == "official":
        return _pulled(engine_of(), emit)
    _refuse_without_parts(bundle)
    made = found_or_made(components(), emit)
    own = made[NAME]
    # Of a release that is no longer the one before; nothing else of the bundle's looks after it.
    prune({NAME: own})
    return _of(reference, own.folder / MANIFEST, lambda path: write_archive([images.image_of(own, made["base"])], path))


def entry(bundle: Bundle, digest: str) -> Entry:
    """Its line in the manifest of an archive that brings it along; `digest` is the SHA-256 of its image's archive."""
    origin = f"container image {OFFICIAL}" if bundle.source == "official" else f"module {programs.ENGINES['argocd']}"
    return Entry(NAME, versions.ARGOCD_EARLIER, licences.of_engine("argocd"), origin, f"sha256:{digest}")


def components() -> tuple[Component, ...]:
    """What its image is made of, and the image; all but the last one are the bundle's own."""
    needs = (graph.go_toolchain(), graph.engines(), graph.base())
    return (*needs, Component(NAME, make, inputs(), tuple(one.name for one in needs), 90))


def inputs() -> dict[str, str]:
    """All that it depends on, besides the components that it needs."""
    how = hash_of(*_work(DEFINITIONS).flags(), _linked())
    return {**graph.writing(), "sums": hash_files(_SUMS), "version": versions.ARGOCD_EARLIER, "how": how}


def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """Its image's own layer, and the manifest that it is installed by, out of its module."""
    go, work = Go(needs["go"]), folder / "work"
    module = write_module(work / "module")
    programs_of = work / "bin"
    programs_of.mkdir()
    go.compile(_work(module), str(programs_of / "argocd"), say, _linked())
    # As the engines' own folder is laid out: the image is then the same but for its program and scripts.
    (programs_of / "kustomize").hardlink_to(images.engine(needs, "kustomize"))
    programs.keep_sources(go, module, work, (_SOURCES,))
    shutil.copy(work / _SOURCES / "manifests" / "install.yaml", folder / MANIFEST)
    filled = {**needs, "engines": Made(work, "", {})}
    facts = images.image_component(REFERENCE, images.fill_argocd, on_base=True, config=images.ARGOCD_CONFIG)(
        folder, filled, say
    )
    shutil.rmtree(work)
    return facts


def write_module(folder: Path) -> Path:
    """The engines' module with the release before in it, and no other line changed.

    Its sums are the engines' and those of `definitions/argocd-earlier`, so that nothing unpinned is taken.
    """
    engines = DEFINITIONS / "engines"
    text = (engines / "go.mod").read_text()
    for name in _TAGGED_ALIKE:
        pinned = f"\t{name} v{versions.ARGOCD}"
        if text.count(pinned) != 1:
            raise PovError(
                f"definitions/engines/go.mod does not ask for {name} v{versions.ARGOCD}",
                fix="have bundle/versions.py and that file name the same release",
            )
        text = text.replace(pinned, f"\t{name} v{versions.ARGOCD_EARLIER}")
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(text)
    (folder / "go.sum").write_text((engines / "go.sum").read_text() + _SUMS.read_text())
    return folder


def _work(module: Path) -> Work:
    return Work(NAME, module, (programs.ENGINES["argocd"],))


def _linked() -> str:
    return programs.linked(programs.stamps_of(versions.ARGOCD_EARLIER))


def _of(image: str, manifest: Path, write: Callable[[Path], None]) -> Earlier:
    return Earlier(versions.ARGOCD_EARLIER, image, manifest, write)


def _refuse_without_parts(bundle: Bundle) -> None:
    """Where a bundle was loaded there is nothing to build it from: every engine would be compiled for it first."""
    from pov.bundle.loading import is_loaded  # noqa: PLC0415 - it imports what saves archives, which imports this

    if is_loaded(bundle):
        raise NotFound(
            f"the archive that the bundle was loaded from is without Argo CD {versions.ARGOCD_EARLIER}",
            fix="pov bundle save FILE, on the machine that made it, then pov bundle load FILE here",
        )


def _pulled(containers: Containers, emit: Emit) -> Earlier:
    """The official image; the manifest comes out of its module, as the pinned release's does."""
    official.pull(NAME, OFFICIAL, containers, emit)
    made = found_or_made((graph.go_toolchain(), _manifest()), emit)
    manifest = made[f"{NAME}-manifest"].folder / MANIFEST
    return _of(OFFICIAL, manifest, lambda path: containers.save([OFFICIAL], path))


def _manifest() -> Component:
    told = {"sums": hash_files(_SUMS), "version": versions.ARGOCD_EARLIER}
    return Component(f"{NAME}-manifest", _make_manifest, told, ("go",), 10)


def _make_manifest(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    module = write_module(folder / "module")
    source = Go(needs["go"]).folder_of(module, _MODULE)
    shutil.copy(source / "manifests" / "install.yaml", folder / MANIFEST)
    shutil.rmtree(module)
    return {}


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
