"""The official path on this machine: a registry that serves built images under their official names.

What is served are stand-ins: the images that the bundle was built into, so that names, pulls, digests and archives are
the real ones and what runs is not. The node's has a network plug-in's manifest that does nothing, since its own plug-in
is in it already; Vault's is OpenBao's, and Debian's is the base that all component images stand on.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pov.base.wait import Pending, wait_for
from pov.bundle import Bundle, graph, official
from pov.bundle.builder import make_all
from pov.bundle.toolchain import Go
from pov.engines.containers import Containers
from pov.model.events import silent
from tests.contract.images import in_engine

_SOURCE = Path(__file__).parent / "registry"
_BUILD_S, _PUSH_S = 300.0, 300.0
_NO_PLUGIN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: network-plug-in, namespace: kube-system}\n"


@dataclass(frozen=True)
class Served:
    """What the registry serves: the references as users write them, and the node's with the digest that it has here.

    `variables` have the container engine ask the registry, by its own setting for mirrors.
    """

    references: Mapping[str, str]
    node: str
    variables: Mapping[str, str]


@contextmanager
def registry(bundle: Bundle, containers: Containers, folder: Path) -> Iterator[Served]:
    """Start the registry, fill it, and take the official names out of the engine's storage, before and after."""
    images = {**official.references(bundle.argocd_manifest), "debian": official.DEBIAN}
    tagged = official.NODE.partition("@")[0]
    wanted = (*images.values(), tagged, official.NODE_NAME)
    with serving(containers, folder) as address, _forgotten(containers, wanted):
        stand_ins = {name: in_engine(bundle, _stand_in(name), containers) for name in images if name != "debian"}
        stand_ins["debian"] = _built(
            containers, folder, "debian", f"FROM {stand_ins['redis']}\nUSER 0\nENTRYPOINT []\n"
        )
        (folder / "default-cni.yaml").write_text(_NO_PLUGIN)
        text = f"FROM {bundle.node_image}\nCOPY default-cni.yaml /kind/manifests/default-cni.yaml\n"
        digest = push(containers, _built(containers, folder, "node", text), f"{address}/{tagged}", folder)
        for name, reference in images.items():
            # Some publish their layers so, and Podman's archives do not take them as they are.
            form = "zstd" if name == "redis" else "gzip"
            push(containers, stand_ins[name], f"{address}/{reference}", folder, compression=form)
        _forget(containers, wanted)
        yield Served(
            images, f"{tagged}@{digest}", {"CONTAINERS_REGISTRIES_CONF": str(_mirrors(folder, address, images))}
        )


@contextmanager
def serving(containers: Containers, folder: Path) -> Iterator[str]:
    """An empty registry; gives its address, `HOST:PORT`."""
    program = _program(containers, folder)
    blobs = folder / "blobs"
    blobs.mkdir()
    process = subprocess.Popen([str(program), str(blobs)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=10)


@contextmanager
def _forgotten(containers: Containers, wanted: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    finally:
        _forget(containers, (*wanted, *(f"localhost/pov-test-{name}:1" for name in ("debian", "node"))))


def _stand_in(name: str) -> str:
    return "openbao" if name == "vault" else name


def _program(containers: Containers, folder: Path) -> Path:
    """The registry, built by the bundle's own toolchain from its pinned module."""
    made = make_all([one for one in graph.components(lambda: containers, tofu=False) if one.name == "go"], silent)
    target = folder / "registry"
    Go(made["go"])(_SOURCE, "build", "-trimpath", "-o", str(target), ".", timeout_s=_BUILD_S)
    return target


def _built(containers: Containers, folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.Containerfile").write_text(text)
    reference = f"localhost/pov-test-{name}:1"
    containers.build(folder, reference, containerfile=folder / f"{name}.Containerfile")
    return reference


def push(containers: Containers, image: str, target: str, folder: Path, *, compression: str = "gzip") -> str:
    """Push an image with its layers compressed so; returns the digest that it has there."""
    digest = folder / "digest"
    form = ("--format", "oci", "--compression-format", compression) if compression != "gzip" else ()
    flags = ("--quiet", "--tls-verify=false", *form, "--digestfile", str(digest))
    containers.run("push", *flags, image, target, timeout_s=_PUSH_S)
    return digest.read_text().strip()


def _mirrors(folder: Path, address: str, images: Mapping[str, str]) -> Path:
    hosts = sorted({reference.split("/")[0] for reference in (*images.values(), official.NODE)})
    path = folder / "registries.conf"
    path.write_text(
        "".join(
            f'[[registry]]\nprefix = "{host}"\nlocation = "{host}"\n'
            f'[[registry.mirror]]\nlocation = "{address}/{host}"\ninsecure = true\n'
            for host in hosts
        )
    )
    return path


def _forget(containers: Containers, references: tuple[str, ...]) -> None:
    containers.run("rmi", "--force", *references, check=False)

    def gone() -> bool | Pending:
        left = [reference for reference in references if containers.image_id(reference) is not None]
        return Pending(f"{left[0]} is still there") if left else True

    wait_for("the official names to be gone", gone, timeout_s=30)
