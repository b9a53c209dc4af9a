from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PreflightFailed
from pov.bundle import BuildOptions, building, official
from pov.bundle.building import build
from pov.model.events import Event


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A registry that answers the one question and then lets no image out; building is only noted."""
    done: list[str] = []

    def refuse(*_: Any) -> None:
        done.append("pull")
        raise official.CannotPull("cannot pull quay.io/argoproj/argocd:v3.6.1")

    class Assembled:
        def __str__(self) -> str:
            return "built"

        def as_json(self) -> dict[str, Any]:
            return {}

    def assemble(*_: Any) -> Assembled:
        done.append("build")
        return Assembled()

    monkeypatch.setenv("POV_CACHE", str(tmp_path))
    monkeypatch.setattr(building, "find", lambda: "engine")
    monkeypatch.setattr(building, "_parts", lambda made: made)
    monkeypatch.setattr(building, "make_all", lambda components, emit: {})
    monkeypatch.setattr(building, "prune", lambda *_, **__: None)
    monkeypatch.setattr(building, "remove_others", lambda *_: None)
    monkeypatch.setattr(building.graph, "components", lambda *_, **__: ())
    monkeypatch.setattr(building.graph, "for_official", lambda **_: ())
    monkeypatch.setattr(building.graph, "NODES", ())
    monkeypatch.setattr(building.graph, "assemble", assemble)
    monkeypatch.setattr(building.hostpackages, "missing", lambda **_: [])
    monkeypatch.setattr(official, "can_pull", lambda containers: True)
    monkeypatch.setattr(official, "make", refuse)
    return done


def test_an_image_that_cannot_be_pulled_after_all_is_built(pulls: list[str]) -> None:
    told: list[Event] = []
    assert str(build(BuildOptions(), told.append)) == "built"
    assert pulls == ["pull", "build"]
    assert [event.message for event in told if event.kind == "warning"] == [
        "cannot pull quay.io/argoproj/argocd:v3.6.1: the images are built here"
    ]


def test_asked_for_official_images_nothing_else_is_taken(pulls: list[str]) -> None:
    with pytest.raises(official.CannotPull):
        build(BuildOptions("official"), lambda event: None)
    assert pulls == ["pull"]


def test_building_without_its_programs_is_refused_first(pulls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building.hostpackages, "missing", lambda **_: ["mmdebstrap"])
    with pytest.raises(PreflightFailed, match="mmdebstrap"):
        build(BuildOptions("built"), lambda event: None)
    assert pulls == []
