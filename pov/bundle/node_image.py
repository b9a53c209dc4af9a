"""kind's node image: Debian, kind's files, Kubernetes and containerd, with every image in it already.

In three stages, so that little is made anew after a change: the bare system, the stable images on it, then those that
follow the source of the mock services.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.process import run
from pov.base.wait import Pending, wait_for
from pov.bundle import versions
from pov.bundle.builder import Made
from pov.bundle.images import engine, image_of
from pov.bundle.layers import Image, LayerWriter, write_archive
from pov.bundle.programs import Make
from pov.bundle.roots import root_layer
from pov.bundle.storage import remove_leftovers
from pov.bundle.toolchain import Say
from pov.engines.containers import Containers

REPOSITORY = "localhost/pov/node"
EngineOf = Callable[[], Containers]
Inside = Callable[[Mapping[str, Made]], Sequence[Image]]
_CONTAINER = "pov-build"
_CONTENT = "/kind/content"
_IN_USR_BIN = ("kubeadm", "kubelet", "kubectl")
_IN_LOCAL_BIN = ("containerd", "containerd-shim-runc-v2", "ctr")
_START = ["/usr/local/bin/entrypoint", "/sbin/init"]
_IMPORT_S = 600.0
_QUICK_S = 60.0


def make_node_programs(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The layer with Kubernetes' and containerd's programs."""
    writer = LayerWriter(folder / "layer.tar")
    with writer:
        for name in _IN_USR_BIN:
            writer.file(f"/usr/bin/{name}", engine(needs, name))
        for name in _IN_LOCAL_BIN:
            writer.file(f"/usr/local/bin/{name}", engine(needs, name))
        # kind puts a volume over /var, filled with a copy of what the image has there. What images consist of is never
        # changed: outside of /var it is read where it is, and a cluster starts seconds sooner.
        writer.folder(_CONTENT)
        writer.link("/var/lib/containerd/io.containerd.content.v1.content", _CONTENT)
        writer.text("/kind/version", f"v{versions.KUBERNETES}")
        writer.text("/etc/containerd/cri-base.json", container_defaults(engine(needs, "ctr")))
        layer = writer.done()
    return {"own": [[layer.path.name, layer.digest]], "base": False, "reference": "", "config": {}}


def container_defaults(ctr: Path) -> str:
    """What every container starts from, as kind's own Dockerfile makes it: limits on resources are gone.

    Left out is kind's hook, which hides the machine's product name and id from containers. Nothing here asks for them,
    and it is a shell script for each container: a twentieth of the processor time that a bring-up takes.
    """
    document = json.loads(
        run([str(ctr), "oci", "spec"], timeout_s=_QUICK_S, env=variables.given_to("file tool")).stdout
    )
    document["process"].pop("rlimits", None)
    return json.dumps(document, indent=1)


def make_bare(engine_of: EngineOf) -> Make:
    """Make the node's system without images, in the engine's storage."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        config = {"Entrypoint": _START, "Env": ["container=docker"], "StopSignal": "SIGRTMIN+3"}
        layers = (root_layer(needs["node-root"]), *image_of(needs["node-programs"], None).layers)
        image = Image(f"{REPOSITORY}-bare:{_tag(folder)}", layers, config)
        archive = folder / "image.tar"
        write_archive([image], archive)
        engine_of().load(archive)
        archive.unlink()
        return _facts(engine_of(), image.reference)

    return make


def with_images(engine_of: EngineOf, name: str, below: str, inside: Inside) -> Make:
    """Make the node image `name`: the one of the component `below`, and in its containerd the images `inside`."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        found, containers = inside(needs), engine_of()
        work = folder / "work"
        work.mkdir()
        say(f"writing {len(found)} images")
        write_archive(found, work / "images.tar")
        reference = f"{name}:{_tag(folder)}"
        with _running(containers, str(needs[below].facts["reference"]), work) as container:
            say(f"importing {len(found)} images")
            _import_images(containers, container)
            say("committing")
            change = f"ENTRYPOINT {json.dumps(_START)}"
            containers.run("commit", "--change", change, container, reference, timeout_s=_IMPORT_S)
        (work / "images.tar").unlink()
        work.rmdir()
        return {**_facts(containers, reference), "inside": {image.reference: image.id() for image in found}}

    return make


def _tag(folder: Path) -> str:
    # The component's folder is named by its key: the image is as well.
    return f"v{versions.KUBERNETES}-{folder.name.rsplit('-', 1)[1][:12]}"


def _facts(containers: Containers, reference: str) -> Mapping[str, Any]:
    return {"reference": reference, "id": containers.image_id(reference)}


@contextmanager
def _running(containers: Containers, image: str, shared: Path) -> Iterator[str]:
    remove_leftovers(containers, _CONTAINER)
    name = f"{_CONTAINER}-{os.getpid()}-{secrets.token_hex(4)}"
    containers.run(
        "run", "--detach", "--privileged", "--network=none", "--name", name, "--entrypoint=/usr/local/bin/containerd",
        "--volume", f"{shared}:/mnt:ro", image, timeout_s=_IMPORT_S,
    )  # fmt: skip
    try:
        yield name
    finally:
        containers.remove(name)


def _import_images(containers: Containers, container: str) -> None:
    ctr = ("ctr", "--namespace", "k8s.io")

    def answers() -> bool | Pending:
        done = containers.exec(container, *ctr, "version", check=False)
        return True if done.code == 0 else Pending(done.stderr.strip())

    wait_for("containerd answers", answers, timeout_s=_QUICK_S)
    containers.exec(
        container, *ctr, "images", "import", "--all-platforms", "--no-unpack", "/mnt/images.tar", timeout_s=_IMPORT_S
    )
    # Ends it, so that its database is whole in the commit.
    containers.exec(container, "sh", "-c", "kill -TERM 1; rm -rf /run/containerd/*", check=False)
    wait_for(
        "containerd ends",
        lambda: True if not containers.is_running(container) else Pending("running"),
        timeout_s=_QUICK_S,
    )
