"""kind's node image: Debian, kind's files, Kubernetes and containerd, with every stable image in it already."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pov.base.process import run
from pov.base.wait import Pending, wait_for
from pov.bundle import versions
from pov.bundle.builder import Made
from pov.bundle.images import engine, image_of, kubernetes_images
from pov.bundle.layers import Image, LayerWriter, write_archive
from pov.bundle.roots import root_layer
from pov.bundle.toolchain import Say
from pov.engines.containers import Containers

REPOSITORY = "localhost/pov/node"
_BARE = "localhost/pov/node-bare"
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
        writer.text("/kind/version", f"v{versions.KUBERNETES}")
        writer.text("/etc/containerd/cri-base.json", container_defaults(engine(needs, "ctr")))
        layer = writer.done()
    return {"own": [[layer.path.name, layer.digest]], "base": False, "reference": "", "config": {}}


def container_defaults(ctr: Path) -> str:
    """What every container starts from, as kind's own Dockerfile makes it: its hook added, limits on resources gone."""
    document = json.loads(run([str(ctr), "oci", "spec"], timeout_s=_QUICK_S).stdout)
    hooks = document.setdefault("hooks", {}).setdefault("createContainer", [])
    hooks.append({"path": "/kind/bin/mount-product-files.sh"})
    document["process"].pop("rlimits", None)
    return json.dumps(document, indent=1)


def node_component(
    containers: Callable[[], Containers], stable: Sequence[str]
) -> Callable[[Path, Mapping[str, Made], Say], Mapping[str, Any]]:
    """A component that makes the node image with the images of the components `stable` in it."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        base, engine_ = needs["base"], containers()
        programs = image_of(needs["node-programs"], None)
        config = {"Entrypoint": _START, "Env": ["container=docker"], "StopSignal": "SIGRTMIN+3"}
        bare = Image(f"{_BARE}:{folder.name.rsplit('-', 1)[-1].split('.')[0]}", (), config)
        bare = Image(bare.reference, (root_layer(needs["node-root"]), *programs.layers), config)
        inside = [*kubernetes_images(needs["kubernetes-images"], base), *(image_of(needs[n], base) for n in stable)]
        work = folder / "work"
        work.mkdir()
        say("loading the node's system")
        write_archive([bare], work / "bare.tar")
        engine_.load(work / "bare.tar")
        (work / "bare.tar").unlink()
        say("writing the images")
        write_archive(inside, work / "images.tar")
        reference = f"{REPOSITORY}:v{versions.KUBERNETES}-{bare.reference.rsplit(':', 1)[1][:12]}"
        with _running(engine_, bare.reference, work) as container:
            say(f"importing {len(inside)} images")
            _import_images(engine_, container)
            say("committing")
            engine_.run(
                "commit", "--change", f"ENTRYPOINT {json.dumps(_START)}", container, reference, timeout_s=_IMPORT_S
            )
        engine_.run("rmi", "--no-prune", bare.reference, check=False)
        (work / "images.tar").unlink()
        work.rmdir()
        return {"reference": reference, "id": engine_.image_id(reference), "inside": [i.reference for i in inside]}

    return make


@contextmanager
def _running(containers: Containers, image: str, shared: Path) -> Iterator[str]:
    name = f"pov-build-{secrets.token_hex(4)}"
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


def is_there(containers: Callable[[], Containers]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether the node image is still in the engine's storage."""
    return lambda facts: containers().image_id(str(facts["reference"])) == facts["id"]
