"""The bundle's images in the engine's own storage: the bundle keeps most of them in the node's image alone."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

from pov.base.wait import Pending, wait_for
from pov.bundle import Bundle, graph
from pov.bundle.builder import find_all
from pov.bundle.images import image_of
from pov.bundle.layers import write_archive
from pov.engines.containers import Containers

_EXPORT_S = 300.0


def in_engine(bundle: Bundle, name: str, containers: Containers) -> str:
    """Put a component's image into the engine's storage unless it is there; returns its reference."""
    reference = bundle.images[name]
    if containers.image_id(reference) is not None:
        return reference
    if reference in bundle.late_images:
        containers.load(bundle.late_archive)
    # What was built last may be of newer sources than the bundle in use: then the node has it.
    elif not _from_the_build(name, containers) or containers.image_id(reference) is None:
        _take_out_of_the_node(bundle, reference, containers)
    assert containers.image_id(reference) is not None, f"{reference} is nowhere in the bundle"
    return reference


def _from_the_build(name: str, containers: Containers) -> bool:
    """Where the bundle was built here, the image's layers lie in the build's folder: quicker than asking the node."""
    components = {one.name: one for one in graph.components(lambda: containers, tofu=False)}
    wanted: set[str] = set()
    waiting = [f"image-{name}", "base"]
    while waiting:
        one = waiting.pop()
        if one in components and one not in wanted:
            wanted.add(one)
            waiting += components[one].needs
    made = find_all([components[one] for one in wanted])
    if made is None or f"image-{name}" not in made:
        return False
    with tempfile.TemporaryDirectory(prefix="pov-image-") as folder:
        path = Path(folder, "image.tar")
        write_archive([image_of(made[f"image-{name}"], made["base"])], path)
        containers.load(path)
    return True


def _take_out_of_the_node(bundle: Bundle, reference: str, containers: Containers) -> None:
    node = f"pov-contract-{uuid.uuid4().hex[:8]}"
    entrypoint = ("--entrypoint", "containerd", "--network", "none", "--privileged")
    containers.run("run", "--detach", "--name", node, *entrypoint, bundle.node_image, timeout_s=_EXPORT_S)
    ctr = ("ctr", "--namespace", "k8s.io")
    try:
        wait_for("containerd", lambda: _listens(containers, node), timeout_s=30, interval_s=0.2)
        containers.exec(node, *ctr, "images", "export", "/image.tar", reference, timeout_s=_EXPORT_S)
        with tempfile.TemporaryDirectory(prefix="pov-image-") as folder:
            path = Path(folder, "image.tar")
            containers.run("cp", f"{node}:/image.tar", str(path), timeout_s=_EXPORT_S)
            containers.load(path)
    finally:
        containers.remove(node)


def _listens(containers: Containers, node: str) -> bool | Pending:
    done = containers.exec(node, "ctr", "version", check=False)
    return True if done.code == 0 else Pending(done.stderr.strip()[-200:])
