"""Argo CD's release before the pinned one: pinned as well, of the same libraries, and no part of the bundle."""

from __future__ import annotations

import json
import os
import re
import tarfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.base.paths import cache_root
from pov.bundle import (
    Bundle,
    current,
    debian,
    earlier,
    graph,
    loading,
    official,
    on_demand,
    programs,
    saving,
    versions,
    wheels,
)
from pov.bundle.builder import Component, Made
from pov.bundle.loading import load
from pov.bundle.toolchain import DEFINITIONS
from pov.engines.containers import Containers
from pov.model.events import Event, silent
from tests.unit.bundle import small
from tests.unit.bundle.test_official import Registry
from tests.unit.bundle.test_programs import calls, needs  # noqa: F401 - a fixture is used by its name
from tests.unit.bundle.test_save_load import saved  # noqa: F401 - a fixture is used by its name

ARGOCD = "github.com/argoproj/argo-cd/v3"
GITOPS = "github.com/argoproj/argo-cd/gitops-engine/v3"


def no_engine() -> Containers:
    raise NotFound("no engine")


def test_it_is_a_patch_release_before_the_pinned_one() -> None:
    """What is said of an upgrade between them hangs on it: another pair needs other words, and another look."""
    before, pinned = (tuple(map(int, text.split("."))) for text in (versions.ARGOCD_EARLIER, versions.ARGOCD))
    assert before[:2] == pinned[:2]
    assert before[2] < pinned[2]


def test_the_documentation_names_the_two() -> None:
    told = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text()
    assert f"({versions.ARGOCD_EARLIER} to {versions.ARGOCD})" in told


def test_its_module_is_the_engines_but_for_its_two_lines(tmp_path: Path) -> None:
    """So that no library is compiled again for it."""
    module = earlier.write_module(tmp_path / "module")
    engines, own = ((folder / "go.mod").read_text().splitlines() for folder in (DEFINITIONS / "engines", module))
    differing = [(one, other) for one, other in zip(engines, own, strict=True) if one != other]
    assert [tuple(line.split()[:2] for line in pair) for pair in differing] == [
        ([name, f"v{versions.ARGOCD}"], [name, f"v{versions.ARGOCD_EARLIER}"]) for name in (ARGOCD, GITOPS)
    ]


@pytest.mark.parametrize("name", [ARGOCD, GITOPS])
def test_both_its_modules_are_pinned_by_their_sums(name: str, tmp_path: Path) -> None:
    sums = (earlier.write_module(tmp_path / "module") / "go.sum").read_text().splitlines()
    for what in ("", "/go.mod"):
        found = [line for line in sums if line.startswith(f"{name} v{versions.ARGOCD_EARLIER}{what} ")]
        assert len(found) == 1
        assert re.fullmatch(r"\S+ \S+ h1:[\w+/]{43}=", found[0])


def test_a_pin_that_says_another_release_than_the_module_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "ARGOCD", "3.9.9")
    with pytest.raises(PovError, match=f"does not ask for {ARGOCD} v3.9.9"):
        earlier.write_module(tmp_path / "module")


@pytest.mark.parametrize("tofu", [True, False])
def test_the_bundle_knows_nothing_of_it(tofu: bool) -> None:
    """Neither its key nor the time that a bring-up takes does."""
    for parts in (graph.components(no_engine, tofu=tofu), graph.for_official(tofu=tofu)):
        assert not [part.name for part in parts if part.name.startswith(earlier.NAME)]


def test_what_it_is_made_of_are_the_bundles_own_parts() -> None:
    bundled = {part.name: part for part in graph.components(no_engine, tofu=True)}
    *parts, own = earlier.components()
    assert [part.name for part in parts] == list(own.needs) == ["go", "engines", "base"]
    for part in parts:
        assert (part.inputs, part.needs) == (bundled[part.name].inputs, bundled[part.name].needs)


def test_another_release_is_another_component(monkeypatch: pytest.MonkeyPatch) -> None:
    before = earlier.inputs()
    monkeypatch.setattr(versions, "ARGOCD_EARLIER", "3.5.9")
    assert before != earlier.inputs()


@pytest.fixture
def parts(needs: dict[str, Made], tmp_path: Path) -> dict[str, Made]:  # noqa: F811
    for name in ("engines/bin", "base"):
        (tmp_path / "made" / name).mkdir(parents=True)
    (tmp_path / "made/engines/bin/kustomize").write_text("kustomize")
    (tmp_path / "made/engines/bin/argocd").write_text("the pinned one")
    (tmp_path / "made/base/root.tar").write_text("root")
    facts = {"sha256": "ab" * 32}
    return {**needs, **{name: Made(tmp_path / "made" / name, "k", facts) for name in ("engines", "base")}}


def made_in(folder: Path, parts: dict[str, Made]) -> Made:
    folder.mkdir()
    return Made(folder, "k", json.loads(json.dumps(earlier.make(folder, parts, lambda _: None))))


def test_its_image_is_the_pinned_ones_with_its_own_program(parts: dict[str, Made], tmp_path: Path) -> None:
    made = made_in(tmp_path / "component", parts)
    with tarfile.open(made.folder / "layer.tar") as layer:
        names = layer.getnames()
        program = layer.extractfile("usr/local/bin/argocd")
        assert program is not None
        assert program.read() == f"program {programs.ENGINES['argocd']}".encode()
    assert {"usr/local/bin/kustomize", "usr/local/bin/argocd-server", "usr/local/bin/entrypoint.sh"} <= set(names)
    assert made.facts["reference"] == f"localhost/pov/argocd:{versions.ARGOCD_EARLIER}"
    assert sorted(path.name for path in made.folder.iterdir()) == ["install.yaml", "layer.tar"], "and nothing else"
    assert (tmp_path / "made/engines/bin/kustomize").read_text() == "kustomize", "what is another component's stays"


def test_it_is_compiled_in_its_own_module_and_says_its_own_version(parts: dict[str, Made], tmp_path: Path) -> None:
    made_in(tmp_path / "component", parts)
    (build,) = [call for call in calls(parts) if call["args"][0] == "build"]
    assert build["args"][-1] == programs.ENGINES["argocd"]
    flags = next(argument for argument in build["args"] if argument.startswith("-ldflags="))
    for name, value in {"version": versions.ARGOCD_EARLIER, "gitTag": f"v{versions.ARGOCD_EARLIER}"}.items():
        assert f'-X "{ARGOCD}/common.{name}={value}"' in flags
    assert versions.ARGOCD not in flags
    assert Path(build["cwd"]).parts[-2:] == ("work", "module")


@pytest.fixture
def asked(parts: dict[str, Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were to be made, on a machine that never made it."""
    names: list[str] = []

    def make(wanted: Sequence[Component], _emit: object) -> dict[str, Made]:
        names.extend(part.name for part in wanted)
        found = dict(parts)
        for part in wanted:
            if part.name.startswith(earlier.NAME):
                folder = tmp_path / part.name
                folder.mkdir()
                found[part.name] = Made(folder, "k", part.make(folder, parts, lambda _: None))
        return found

    monkeypatch.setattr(on_demand, "find_all", lambda _: None)
    monkeypatch.setattr(on_demand, "make_all", make)
    return names


def bundle(tmp_path: Path, source: str, *, carried: bool = False) -> Bundle:
    (tmp_path / "source").mkdir()
    whole = small.bundle(tmp_path / "source", small.engine())
    binaries = {name: path for name, path in whole.binaries.items() if carried or name != earlier.NAME}
    return replace(whole, source=source, binaries=binaries)


def test_where_images_are_built_it_is_built(asked: list[str], tmp_path: Path) -> None:
    found = earlier.earlier(bundle(tmp_path, "built"), silent, no_engine)
    assert asked == ["go", "engines", "base", "argocd-earlier"]
    assert found.manifest.read_text() == "kept\n"
    found.write(tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        (image,) = json.load(stream)
    assert image["RepoTags"] == [found.image] == [earlier.REFERENCE]
    assert len(image["Layers"]) == 2, "the base and its own"


@pytest.mark.parametrize(("days", "kept"), [(1, True), (30, False)])
@pytest.mark.usefixtures("asked")
def test_one_that_nobody_asked_for_in_a_week_goes(tmp_path: Path, days: int, kept: bool) -> None:
    old = cache_root() / "build" / "components" / f"{earlier.NAME}-{'a' * 16}"
    old.mkdir(parents=True)
    (old / "done.json").write_text("{}")
    then = time.time() - days * 86_400
    os.utime(old / "done.json", (then, then))
    earlier.earlier(bundle(tmp_path, "built"), silent, no_engine)
    assert old.exists() is kept


def test_where_images_are_pulled_it_is_pulled_and_nothing_compiled(asked: list[str], tmp_path: Path) -> None:
    registry: Any = Registry()
    found = earlier.earlier(bundle(tmp_path, "official"), silent, lambda: registry)
    assert asked == ["go", "argocd-earlier-manifest"]
    assert found.image == earlier.OFFICIAL == f"quay.io/argoproj/argocd:v{versions.ARGOCD_EARLIER}"
    assert [call[-1] for call in registry.calls if call[0] == "pull"] == [found.image]
    assert found.manifest.read_text() == "kept\n"
    assert [path.name for path in found.manifest.parent.iterdir()] == ["install.yaml"]
    found.write(tmp_path / "image.tar")
    assert (tmp_path / "image.tar").read_text() == found.image


@pytest.mark.parametrize("source", ["built", "official"])
def test_an_archive_that_brings_it_along_is_enough(source: str, asked: list[str], tmp_path: Path) -> None:
    found = earlier.earlier(bundle(tmp_path, source, carried=True), silent, no_engine)
    assert asked == []
    assert found.manifest.read_text() == "kind: Earlier\n"
    found.write(tmp_path / "image.tar")
    assert (tmp_path / "image.tar").read_text().startswith("earlier ")


def test_an_archive_brings_along_what_was_made_for_it(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(debian, "fetch", lambda packages, folder: [])
    monkeypatch.setattr(wheels, "collect", lambda folder: [])
    containers: Any = small.engine()
    done = saving.save(bundle(tmp_path, "built"), tmp_path / "pov.tar", containers, silent)
    assert asked == ["go", "engines", "base", "argocd-earlier"]
    inside = {record.installed for record in done.manifest.of("binaries")}
    assert {"binaries/argocd-earlier/install.yaml", "binaries/argocd-earlier/image.tar"} <= inside
    assert done.manifest.bundle["binaries"][earlier.NAME] == "binaries/argocd-earlier"
    (line,) = [line for line in done.manifest.components if line.name == earlier.NAME]
    (image,) = [record for record in done.manifest.files if record.installed.endswith("argocd-earlier/image.tar")]
    assert line.digest == f"sha256:{image.unpacked_sha256}"


def test_a_machine_that_loaded_an_archive_has_it_without_any_network(
    saved: saving.Saved,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "find", small.Engine)
    load(saved.path, silent)
    loaded = current()
    assert loaded is not None
    monkeypatch.setattr(official, "pull", lambda *_: pytest.fail("a registry was asked"))
    found = earlier.earlier(loaded, silent, no_engine)
    assert found.manifest.read_text() == "kind: Earlier\n"
    assert found.image == earlier.OFFICIAL
    found.write(tmp_path / "image.tar")
    assert (tmp_path / "image.tar").read_text().startswith("earlier ")


def test_where_a_bundle_was_loaded_without_it_nothing_is_compiled(asked: list[str], tmp_path: Path) -> None:
    loaded = replace(bundle(tmp_path, "built"), late_archive=loading.archives_folder() / "one" / "late.tar")
    with pytest.raises(NotFound, match="loaded from is without Argo CD") as caught:
        earlier.earlier(loaded, silent, no_engine)
    assert "pov bundle save" in caught.value.fix
    assert asked == []


@pytest.mark.parametrize(
    ("source", "origin"),
    [("official", f"container image {earlier.OFFICIAL}"), ("built", f"module {programs.ENGINES['argocd']}")],
)
def test_its_line_in_the_manifest_says_where_it_is_from(tmp_path: Path, source: str, origin: str) -> None:
    line = earlier.entry(bundle(tmp_path, source), "ab" * 32)
    assert (line.version, line.licence, line.origin) == (versions.ARGOCD_EARLIER, "Apache-2.0", origin)


def test_an_archive_goes_without_it_where_it_cannot_be_had(tmp_path: Path) -> None:
    """Everything else in it is as good; what will be missing is told when it is saved."""
    events: list[Event] = []
    registry: Any = Registry(answers=False)
    content = saving._Content(tmp_path)
    assert saving._earlier(content, bundle(tmp_path, "official"), registry, events.append) == {}
    (warning,) = [event.message for event in events if event.kind == "warning"]
    assert f"without Argo CD {versions.ARGOCD_EARLIER}: no upgrade can be measured where it is loaded" in warning
    assert content.components == []
