"""The component images: which files each is made of, on which base, and how it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pov.base import variables
from pov.base.errors import NotFound
from pov.base.process import run
from pov.bundle import versions
from pov.bundle.builder import Made
from pov.bundle.layers import Image, Layer, LayerWriter, facts_of
from pov.bundle.programs import GITEA_STATIC
from pov.bundle.roots import root_layer
from pov.bundle.toolchain import Say

Fill = Callable[[LayerWriter, Mapping[str, Made], Path], None]
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMPILE_S = 60.0
NOBODY = "65532:65532"


def image_component(
    reference: str, fill: Fill, *, on_base: bool, config: Mapping[str, Any]
) -> Callable[[Path, Mapping[str, Made], Say], Mapping[str, Any]]:
    """A component that makes one image: a single layer, on the base or on nothing."""

    def make(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
        writer = LayerWriter(folder / "layer.tar")
        with writer:
            fill(writer, needs, folder)
            layer = writer.done()
        lower = [root_layer(needs["base"])] if on_base else []
        image = Image(reference, (*lower, layer), config)
        return {
            "reference": reference,
            "own": facts_of([layer], folder),
            "base": on_base,
            "config": dict(config),
            "id": image.id(),
        }

    return make


def image_of(made: Made, base: Made | None) -> Image:
    """The image that a component made, wherever its folder is now."""
    own = tuple(Layer(made.folder / name, digest) for name, digest in made.facts["own"])
    lower = (root_layer(base),) if made.facts["base"] and base is not None else ()
    return Image(str(made.facts["reference"]), (*lower, *own), made.facts["config"])


def engine(needs: Mapping[str, Made], name: str) -> Path:
    """A program of the engines."""
    return needs["engines"].folder / "bin" / name


def program_only(name: str, target: str) -> Fill:
    """One of the engines' programs and nothing else."""

    def fill(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
        layer.file(target, engine(needs, name))

    return fill


def fill_pause(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """The program that holds a pod's namespaces, from Kubernetes' own source (C)."""
    source = needs["engines"].folder / "kubernetes_source" / "build/pause/linux/pause.c"
    program = folder / "pause"
    run(
        ["gcc", "-Os", "-Wall", "-static", "-s", f"-DVERSION=v{versions.PAUSE}", "-o", str(program), str(source)],
        timeout_s=_COMPILE_S,
        env=variables.given_to("file tool"),
    )
    layer.file("/pause", program)
    program.unlink()


def fill_argocd(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """Argo CD as its own Dockerfile lays it out."""
    source = needs["engines"].folder / "argocd_source"
    layer.file("/usr/local/bin/argocd", engine(needs, "argocd"))
    layer.file("/usr/local/bin/kustomize", engine(needs, "kustomize"))
    for name in ("hack/gpg-wrapper.sh", "hack/git-verify-wrapper.sh", "entrypoint.sh"):
        layer.file(f"/usr/local/bin/{Path(name).name}", source / name)
    layer.link("/usr/local/bin/uid_entrypoint.sh", "/usr/local/bin/entrypoint.sh")
    for part in (
        "server", "repo-server", "cmp-server", "application-controller", "dex", "notifications",
        "applicationset-controller", "k8s-auth", "commit-server",
    ):  # fmt: skip
        layer.link(f"/usr/local/bin/argocd-{part}", "/usr/local/bin/argocd")
    layer.text("/app/config/ssh/ssh_known_hosts", "")
    layer.link("/etc/ssh/ssh_known_hosts", "/app/config/ssh/ssh_known_hosts")
    layer.folder("/app/config/tls")
    layer.folder("/app/config/gpg/source")
    layer.folder("/app/config/gpg/keys", 0o700, (999, 0))
    layer.folder("/home/argocd", 0o775, (999, 0))


ARGOCD_CONFIG: Mapping[str, Any] = {
    "User": "999",
    "WorkingDir": "/home/argocd",
    "Entrypoint": ["/usr/bin/tini", "--"],
    "Env": [_PATH, "USER=argocd", "HOME=/home/argocd", "GRPC_ENABLE_TXT_SERVICE_CONFIG=false"],
}


def fill_nothing(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """The base has it all."""
    layer.folder("/data", owner=(999, 999))


REDIS_CONFIG: Mapping[str, Any] = {
    "User": "999", "WorkingDir": "/data", "Entrypoint": ["/usr/bin/redis-server"], "Env": [_PATH],
    "ExposedPorts": {"6379/tcp": {}},
}  # fmt: skip


def fill_openbao(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """OpenBao's program, and the folders its official image has."""
    layer.file("/usr/bin/bao", needs["bao"].folder / "bao")
    for name in ("config", "file", "logs"):
        layer.folder(f"/openbao/{name}", owner=(1000, 1000))


OPENBAO_CONFIG: Mapping[str, Any] = {
    "User": "1000:1000", "Entrypoint": ["/usr/bin/bao"], "Cmd": ["server", "-config=/openbao/config"], "Env": [_PATH],
    "ExposedPorts": {"8200/tcp": {}},
}  # fmt: skip


def fill_gitea(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """Gitea as its own rootless Dockerfile lays it out; its pages lie beside the program instead of in it."""
    web = needs["gitea-web"].folder
    layer.file("/app/gitea/gitea", needs["gitea"].folder / "gitea")
    for path in sorted((web / "entry").iterdir()):
        layer.file(f"/usr/local/bin/{path.name}", path)
    layer.tree("/etc/templates", web / "ini")
    for part in ("public", "templates", "options"):
        layer.tree(f"{GITEA_STATIC}/{part}", web / part)
    layer.folder("/var/lib/gitea", owner=(1000, 1000))
    layer.folder("/etc/gitea", owner=(1000, 1000))


GITEA_CONFIG: Mapping[str, Any] = {
    "User": "1000:1000",
    "WorkingDir": "/var/lib/gitea",
    "Entrypoint": ["/usr/bin/tini", "--", "/usr/local/bin/docker-entrypoint.sh"],
    "Env": [
        _PATH, "GITEA_WORK_DIR=/var/lib/gitea", "GITEA_CUSTOM=/var/lib/gitea/custom", "GITEA_TEMP=/tmp/gitea",
        "TMPDIR=/tmp/gitea", "GITEA_APP_INI=/etc/gitea/app.ini", "HOME=/var/lib/gitea/git",
    ],
    "ExposedPorts": {"3000/tcp": {}, "2222/tcp": {}},
}  # fmt: skip


def fill_mock(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """The mock service: one static program and the file that says its version."""
    layer.file("/pov-mock", needs["mock"].folder / "pov-mock")
    layer.text("/release", f"{versions.MOCK}\n")


MOCK_CONFIG: Mapping[str, Any] = {"User": NOBODY, "Entrypoint": ["/pov-mock"], "Env": [_PATH]}


def fill_legacy(layer: LayerWriter, needs: Mapping[str, Made], folder: Path) -> None:
    """A host of the legacy estate: the base has sshd and runit; the same program as everywhere is added."""
    layer.file("/usr/local/bin/pov-mock", needs["mock"].folder / "pov-mock")
    for path in ("/run/sshd", "/opt/pov", "/etc/pov/certs", "/etc/service"):
        layer.folder(path)


LEGACY_CONFIG: Mapping[str, Any] = {"Cmd": ["/usr/bin/runsvdir", "-P", "/etc/service"], "Env": [_PATH]}

_KUBERNETES: Mapping[str, tuple[Fill, bool, Mapping[str, Any]]] = {
    "kube-apiserver": (program_only("kube-apiserver", "/usr/local/bin/kube-apiserver"), False, {"Env": [_PATH]}),
    "kube-controller-manager": (
        program_only("kube-controller-manager", "/usr/local/bin/kube-controller-manager"), False, {"Env": [_PATH]},
    ),
    "kube-scheduler": (program_only("kube-scheduler", "/usr/local/bin/kube-scheduler"), False, {"Env": [_PATH]}),
    # It calls iptables and nft: the base has them.
    "kube-proxy": (program_only("kube-proxy", "/usr/local/bin/kube-proxy"), True, {"Env": [_PATH]}),
    "coredns": (program_only("coredns", "/coredns"), False, {"Entrypoint": ["/coredns"], "Env": [_PATH]}),
    "etcd": (program_only("etcd", "/usr/local/bin/etcd"), False, {"Env": [_PATH]}),
    "pause": (fill_pause, False, {"User": "65535:65535", "Entrypoint": ["/pause"]}),
}  # fmt: skip


def make_kubernetes_images(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    """The images that a control plane consists of, under the names that this kubeadm asks for."""
    listed = run(
        [str(engine(needs, "kubeadm")), "config", "images", "list", "--kubernetes-version", f"v{versions.KUBERNETES}"],
        timeout_s=60,
        env=variables.given_to("file tool"),
    ).stdout.split()
    images = []
    for reference in listed:
        name = reference.rsplit("/", 1)[1].split(":")[0]
        say(name)
        fill, on_base, config = _KUBERNETES[name]
        own = folder / name
        own.mkdir()
        facts = image_component(reference, fill, on_base=on_base, config=config)(own, needs, say)
        images.append({**facts, "own": [[f"{name}/{path}", digest] for path, digest in facts["own"]]})
    # kind's containerd asks for a pause image by a name of its own.
    for pause in [image for image in images if "/pause:" in image["reference"]]:
        wanted = _sandbox_image(needs["engines"].folder)
        if wanted != pause["reference"]:
            images.append({**pause, "reference": wanted})
    return {"images": images}


def _sandbox_image(engines: Path) -> str:
    text = (engines / "kind_base/images/base/files/etc/containerd/config.toml").read_text()
    found = re.search(r'sandbox_image = "([^"]+)"', text)
    if found is None:
        raise NotFound("kind's containerd configuration names no pause image")
    return found[1]


def kubernetes_images(made: Made, base: Made) -> list[Image]:
    """The images that `make_kubernetes_images` made."""
    return [image_of(Made(made.folder, made.key, facts), base) for facts in made.facts["images"]]
