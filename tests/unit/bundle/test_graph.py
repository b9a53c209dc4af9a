"""What the bundle consists of: the graph hangs together, keys follow what matters, images are as projects make them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound
from pov.bundle import BuildOptions, Bundle, building, graph, images, node_image, official, programs, versions
from pov.bundle.builder import Component, Made, find_all, hash_of
from pov.bundle.layers import Image, Layer
from pov.engines.containers import Containers
from pov.model.events import Event, silent


def no_engine() -> Containers:
    raise AssertionError("the container engine is asked too early")


def everything() -> dict[str, Component]:
    return {one.name: one for one in graph.components(no_engine, tofu=True)}


def test_every_need_is_a_component_and_none_needs_itself() -> None:
    for components in (graph.components(no_engine, tofu=True), graph.for_official(tofu=True)):
        known: set[str] = set()
        waiting = list(components)
        assert len({one.name for one in waiting}) == len(waiting)
        while waiting:
            ready = [one for one in waiting if set(one.needs) <= known]
            assert ready, f"{[one.name for one in waiting]} wait for each other"
            known |= {one.name for one in ready}
            waiting = [one for one in waiting if one not in ready]


def test_the_engine_is_not_asked_for_what_can_be_known_without() -> None:
    assert everything()
    assert graph.for_official(tofu=False)


def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    known: dict[str, str] = {}
    waiting = list(everything().values())
    while waiting:
        for one in [one for one in waiting if set(one.needs) <= known.keys()]:
            inputs = json.dumps(dict(one.inputs), sort_keys=True)
            known[one.name] = hash_of(one.name, inputs, *(known[need] for need in one.needs))
            waiting.remove(one)
    return known


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_change_of_the_mock_service_costs_no_compile_of_engines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = keys(monkeypatch)
    source = tmp_path / "main.go"
    source.write_text("package main\n")
    monkeypatch.setattr(programs, "mock_sources", lambda: (source,))
    assert changed(before, keys(monkeypatch)) == {
        "mock", "image-mock", "image-legacy-host", "mock-archive", "node-image",
    }  # fmt: skip


def test_a_new_toolchain_changes_all_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(monkeypatch)
    monkeypatch.setattr(versions, "GO_WHEEL", "99.0.0")
    assert {"go", "engines", "gitea", "mock", "tofu", "node-image"} <= changed(before, keys(monkeypatch))


def test_tests_of_the_mock_service_are_no_source() -> None:
    names = {path.name for path in programs.mock_sources()}
    assert "go.mod" in names
    assert not {name for name in names if name.endswith("_test.go")}


def layer_names(layer: Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer.path) as tar:
        return {f"/{member.name}": member for member in tar}


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Made]:
    """Finished components with files of a few bytes."""
    files = {
        "engines": [
            *(f"bin/{name}" for name in programs.ENGINES),
            *(f"{name}/{part}" for name, (_, parts) in programs._KEPT.items() for part in parts if "." in part),
            "kind_base/images/base/files/etc/containerd/config.toml",
        ],
        "base": ["root.tar", "packages.txt"], "node-root": ["root.tar"], "bao": ["bao"], "gitea": ["gitea"],
        "mock": ["pov-mock"],
        "gitea-web": ["entry/gitea", "ini/app.ini", "public/index.js", "templates/home.tmpl", "options/locale.json"],
    }  # fmt: skip
    found = {}
    for name, paths in files.items():
        folder = tmp_path / "made" / name
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f"{name} {path}\n")
        found[name] = Made(folder, f"key-{name}", {"sha256": "ab" * 32})
    engines = found["engines"].folder
    (engines / "kind_base/images/base/files/etc/containerd/config.toml").write_text(
        '  sandbox_image = "r.example/pause:3.10"\n'
    )
    kubeadm = engines / "bin" / "kubeadm"
    kubeadm.write_text("#!/bin/sh\nprintf 'r.example/%s:v1 ' kube-apiserver kube-proxy coredns/coredns pause\n")
    kubeadm.chmod(0o755)
    return found


def image(
    made: Mapping[str, Made], tmp_path: Path, fill: images.Fill, config: Mapping[str, Any], *, base: bool
) -> Image:
    folder = tmp_path / "image"
    folder.mkdir()
    facts = images.image_component("localhost/pov/x:1", fill, on_base=base, config=config)(folder, made, lambda _: None)
    moved = folder.rename(tmp_path / "moved")
    return images.image_of(Made(moved, "k", json.loads(json.dumps(facts))), made["base"])


def test_argocd_is_laid_out_as_its_manifests_expect(made: dict[str, Made], tmp_path: Path) -> None:
    found = image(made, tmp_path, images.fill_argocd, images.ARGOCD_CONFIG, base=True)
    assert found.layers[0].path == made["base"].folder / "root.tar"
    names = layer_names(found.layers[1])
    for command in ("argocd-server", "argocd-repo-server", "argocd-application-controller", "argocd-cmp-server"):
        assert names[f"/usr/local/bin/{command}"].linkname == "/usr/local/bin/argocd"
    assert names["/usr/local/bin/entrypoint.sh"].mode == 0o755
    assert names["/app/config/gpg/keys"].uid == 999
    assert found.config["User"] == "999"


def test_the_mock_image_is_a_program_and_its_release_and_nobody_runs_it(made: dict[str, Made], tmp_path: Path) -> None:
    found = image(made, tmp_path, images.fill_mock, images.MOCK_CONFIG, base=False)
    assert list(layer_names(found.layers[0])) == ["/pov-mock", "/release"]
    assert found.config["User"] == "65532:65532"


def test_gitea_finds_its_pages_where_the_program_was_told(made: dict[str, Made], tmp_path: Path) -> None:
    names = layer_names(image(made, tmp_path, images.fill_gitea, images.GITEA_CONFIG, base=True).layers[1])
    static = programs._GITEA_STAMPS["code.gitea.io/gitea/modules/setting.StaticRootPath"]
    assert {f"{static}/public/index.js", f"{static}/templates/home.tmpl", "/app/gitea/gitea"} <= names.keys()
    assert names["/var/lib/gitea"].uid == 1000


def test_kubernetes_images_bear_the_names_that_kubeadm_and_containerd_ask_for(
    made: dict[str, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(layer: Any, needs: Any, folder: Path) -> None:
        layer.text("/pause", "pause")

    monkeypatch.setattr(
        images, "_KUBERNETES", {**images._KUBERNETES, "pause": (pause, False, {"Entrypoint": ["/pause"]})}
    )
    folder = tmp_path / "kubernetes"
    folder.mkdir()
    facts = images.make_kubernetes_images(folder, made, lambda _: None)
    found = {one.reference: one for one in images.kubernetes_images(Made(folder, "k", facts), made["base"])}
    assert set(found) == {
        "r.example/kube-apiserver:v1", "r.example/kube-proxy:v1", "r.example/coredns/coredns:v1", "r.example/pause:v1",
        "r.example/pause:3.10",
    }  # fmt: skip
    assert len(found["r.example/kube-proxy:v1"].layers) == 2, "it calls iptables of the base"
    assert len(found["r.example/kube-apiserver:v1"].layers) == 1
    assert all(layer.path.exists() for one in found.values() for layer in one.layers)


def test_containers_start_from_a_spec_without_hooks_and_limits(tmp_path: Path) -> None:
    ctr = tmp_path / "ctr"
    ctr.write_text('#!/bin/sh\necho \'{"process": {"cwd": "/", "rlimits": [{"type": "RLIMIT_NOFILE"}]}}\'\n')
    ctr.chmod(0o755)
    document = json.loads(node_image.container_defaults(ctr))
    assert "hooks" not in document
    assert document["process"] == {"cwd": "/"}


def test_every_component_has_an_entry_with_a_licence(made: dict[str, Made]) -> None:
    engines = Made(made["engines"].folder, "k", {"sha256": dict.fromkeys(programs.ENGINES, "cd" * 32)})
    wheel = {"sha256": "ef" * 32, "go": "site/go/bin/go"}
    image_facts = {"reference": "localhost/pov/x:1", "id": "sha256:" + "12" * 32}
    whole = {
        **made, "engines": engines, "go": Made(Path("/go"), "k", wheel), "node": Made(Path("/node"), "k", wheel),
        "tofu": Made(Path("/tofu"), "k", wheel), "terraform-providers": Made(Path("/providers"), "k", {}),
        "mock-archive": Made(Path("/archive"), "k", {}),
        **{name: Made(Path("/image"), "k", image_facts) for name in (*graph.STABLE, *graph.LATE)},
        "node-stable": Made(Path("/node"), "k", {"inside": {"localhost/pov/x:1": "sha256:" + "56" * 32}}),
        "node-image": Made(
            Path("/node"), "k", {"reference": "localhost/pov/node:1", "id": "34" * 32, "inside": {}}
        ),
    }  # fmt: skip
    bundle = graph.assemble(whole, "key")
    assert set(bundle.images) == {"argocd", "redis", "openbao", "gitea", "mock", "legacy-host"}
    assert {"kind", "kubectl", "bao", "pov-mock", "tofu", "terraform-providers"} <= bundle.binaries.keys()
    names = [entry.name for entry in bundle.entries]
    assert {*programs.ENGINES, "gitea", "openbao", "go", "node", "redis", "image-node"} <= set(names)
    assert len(names) == len(set(names))
    for entry in bundle.entries:
        # Our own code: the repository states no licence yet.
        ours = entry.name in {"pov-mock", "image-mock", "image-legacy-host"}
        assert (entry.licence == "NOASSERTION") == ours, entry
        assert entry.digest.startswith("sha256:"), entry
    images = {entry.digest for entry in bundle.entries if entry.name == "image-argocd"}
    assert images == {"sha256:" + "56" * 32}, "as the node has it, not as it was made anew"
    assert Bundle(**vars(bundle)) == bundle


def test_a_finished_bundle_is_found_without_asking_a_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(graph, "NODES", ("only",))
    found = {"only": Made(tmp_path, "k", {"reference": "localhost/pov/node:1"})}
    monkeypatch.setattr(building, "find_all", lambda components: found)
    monkeypatch.setattr(building, "find", no_engine)
    monkeypatch.setattr(official, "choose", lambda *_: pytest.fail("a registry was asked"))
    there = Bundle(building.key_of(found), "built", {}, (), tmp_path, "n", {}, tmp_path, ())
    monkeypatch.setattr(building, "current", lambda: there)
    events: list[Event] = []
    assert building.build(BuildOptions(), events.append) is there
    assert [event.kind for event in events] == ["unchanged"]


def test_the_wish_for_another_source_is_not_answered_with_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Bundle("k", "built", {}, (), tmp_path, "n", {}, tmp_path, ())
    monkeypatch.setattr(building, "current", lambda: there)
    monkeypatch.setattr(building, "find", lambda: Containers("podman"))
    asked: list[str] = []

    def choose(wish: str, *_: object) -> str:
        asked.append(wish)
        raise NotFound("no registry")

    monkeypatch.setattr(official, "choose", choose)
    with pytest.raises(NotFound):
        building.build(BuildOptions("official"), silent)
    assert asked == ["official"]


def test_this_repository_pins_every_module_with_its_checksum() -> None:
    for module in ("engines", "gitea", "tofu", "conftest"):
        folder = Path(graph.DEFINITIONS) / module
        assert (folder / "go.sum").stat().st_size > 10_000
    text = (graph.DEFINITIONS / "engines" / "go.mod").read_text()
    for name, version in {
        "github.com/argoproj/argo-cd/v3": versions.ARGOCD,
        "k8s.io/kubernetes": versions.KUBERNETES,
        "sigs.k8s.io/kind": versions.KIND,
        "github.com/containerd/containerd/v2": versions.CONTAINERD,
        "go.etcd.io/etcd/server/v3": versions.ETCD,
        "github.com/coredns/coredns": versions.COREDNS,
    }.items():
        assert f"{name} v{version}" in text


def test_find_all_of_the_real_graph_is_quick_and_finds_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    assert find_all(tuple(everything().values()), root=tmp_path) is None


@pytest.mark.parametrize(
    ("script", "good"),
    [
        (None, False),
        ("""echo '{"terraform_version": "1.5.7"}'""", False),
        ("""echo '{"terraform_version": "1.14.0"}'""", True),
        ("exit 1", False),
        ("echo 'a shim: no version is set' >&2; exit 126", False),
    ],
)
def test_opentofu_is_built_where_no_terraform_is_new_enough(
    script: str | None, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of that name is not enough: with an old one the environment would fail after the cluster exists."""
    if script is not None:
        (tmp_path / "terraform").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert graph.with_terraform() is good
