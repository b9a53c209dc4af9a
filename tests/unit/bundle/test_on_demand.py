"""What the gate runs: pinned, built when it is first asked for, and no part of the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound
from pov.bundle import graph, on_demand, versions
from pov.bundle.builder import Component, Made
from pov.engines import terraform
from pov.model.events import silent
from tests.unit.bundle.small import bundle as small_bundle
from tests.unit.bundle.small import engine


def no_engine() -> Any:
    raise NotFound("no engine")


def test_its_versions_are_pinned_and_stamped() -> None:
    text = (graph.DEFINITIONS / "conftest" / "go.mod").read_text()
    assert f"require github.com/open-policy-agent/conftest v{versions.CONFTEST}" in text


@pytest.mark.parametrize("tofu", [True, False])
def test_the_bundle_knows_nothing_of_it(tofu: bool) -> None:
    for parts in (graph.components(no_engine, tofu=tofu), graph.for_official(tofu=tofu)):
        assert not {"conftest", "terraform-provider", "terraform-mirror"} & {part.name for part in parts}


def test_what_the_bundle_has_too_is_made_once_for_both() -> None:
    bundled = {part.name: part for part in graph.components(no_engine, tofu=True)}
    for own in (graph.go_toolchain(), graph.opentofu()):
        assert (own.inputs, own.needs) == (bundled[own.name].inputs, bundled[own.name].needs)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The parts that were to be made, in a world in which nothing is there."""
    names: list[str] = []

    def make(parts: Sequence[Component], _emit: object) -> Mapping[str, Made]:
        names.extend(part.name for part in parts)
        return {part.name: Made(tmp_path / part.name, "k", {}) for part in parts}

    monkeypatch.setattr(on_demand, "find_all", lambda _: None)
    monkeypatch.setattr(on_demand, "make_all", make)
    monkeypatch.setattr(on_demand, "current", lambda: None)
    return names


@pytest.mark.parametrize("own", [True, False])
def test_without_a_bundle_no_more_is_made_than_it_needs(
    own: bool, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if own:
        (tmp_path / "terraform").write_text("""#!/bin/sh\necho '{"terraform_version": "1.11.4"}'\n""")
        (tmp_path / "terraform").chmod(0o755)
    found = on_demand.for_gate(silent)
    wanted = ["go", "conftest", "go", "terraform-provider", "terraform-mirror"]
    assert asked == (wanted if own else [*wanted, "tofu"])
    assert found.conftest == tmp_path / "conftest" / "conftest"
    assert found.terraform == tmp_path / ("terraform" if own else "tofu/tofu")
    assert found.providers == tmp_path / "terraform-mirror" / "mirror"


def test_with_a_bundle_the_bundles_own_are_taken(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bundle = small_bundle(tmp_path, engine())
    monkeypatch.setattr(on_demand, "current", lambda: bundle)
    found = on_demand.for_gate(silent)
    assert asked == ["go", "conftest"]
    assert found.providers == bundle.binaries["terraform-providers"]
    assert found.terraform == terraform.find_program(bundle.binaries) == bundle.binaries["tofu"]
