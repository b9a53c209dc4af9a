"""`pov bundle build`: official images or built ones, and everything else that the bundle needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from pov.base.paths import cache_root
from pov.bundle import BuildOptions, Bundle, current, graph, hostpackages, official, records
from pov.bundle.builder import Made, find_all, hash_of, make_all, prune
from pov.bundle.storage import remove_others
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.model.events import Emit, Event


class _Engine:
    """The container engine, probed when it is first needed: a long compile need not wait for it."""

    def __init__(self) -> None:
        self._found: Containers | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Containers:
        with self._lock:
            self._found = self._found or find()
            return self._found


def build(options: BuildOptions, emit: Emit) -> Bundle:
    """Make every component that is missing, and put the bundle together.

    The registries are asked only when there is something to do: a bundle that is there is found without them.
    """
    with _readable_by_all():
        bundle, images = _build(options, emit)
    records.remember(bundle.as_json(), images)
    return bundle


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """What is built goes into images, where other users read it: a strict umask of the user's is no measure for it."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _build(options: BuildOptions, emit: Emit) -> tuple[Bundle, Collection[str]]:
    """The bundle, and the images that it has in the engine's storage."""
    engine, tofu = _Engine(), not graph.with_terraform()
    there = _finished(options, engine, tofu=tofu)
    if there is not None:
        emit(Event("unchanged", "bundle", "everything is built"))
        return there
    if official.choose(options.images, engine(), emit) == "official":
        made = make_all(graph.for_official(tofu=tofu), emit)
        try:
            return official.make(_parts(made), engine(), emit), {official.NODE_NAME}
        except official.CannotPull as error:
            if options.images == "official":
                raise
            emit(Event("warning", "images", f"{error.message}: the images are built here"))
    hostpackages.require_for_building()
    made = make_all(graph.components(engine, tofu=tofu), emit)
    others = records.others()
    prune(made, spare=lambda folder: any(other.holds(folder) for other in others))
    images = _nodes(made)
    remove_others(engine(), graph.NODE_REPOSITORIES, images.union(*(other.images for other in others)))
    return graph.assemble(made, key_of(made)), images


def _nodes(made: Mapping[str, Made]) -> frozenset[str]:
    return frozenset(str(made[name].facts["reference"]) for name in graph.NODES)


def key_of(made: Mapping[str, Made]) -> str:
    """One hash over everything that the bundle was made of."""
    return hash_of(*sorted(f"{name}={one.key}" for name, one in made.items()))


def _finished(options: BuildOptions, engine: _Engine, *, tofu: bool) -> tuple[Bundle, Collection[str]] | None:
    """The bundle in use with its images, if it is what would be built now."""
    bundle = current()
    if bundle is None or options.images not in {"auto", bundle.source}:
        return None
    official_ones = bundle.source == "official"
    made = find_all(graph.for_official(tofu=tofu) if official_ones else graph.components(engine, tofu=tofu))
    if made is None or bundle.key != key_of(made):
        return None
    return bundle, {official.NODE_NAME} if official_ones else _nodes(made)


def _parts(made: Mapping[str, Made]) -> official.Made:
    key = key_of(made)
    folder = cache_root() / "bundle" / f"official-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return official.Made(
        key=key,
        binaries=graph.host_binaries(made, "host-programs"),
        argocd_manifest=graph.argocd_manifest(made, "host-programs"),
        mock=made["mock"].folder / "pov-mock",
        entries=tuple(graph.host_entries(made, "host-programs")),
        folder=folder,
    )
