"""Bundles of several checkouts in one cache."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pov.bundle import builder, building, current, graph, records
from pov.bundle.builder import Made
from pov.model.events import silent


class Machine:
    """A cache, and checkouts of which one at a time is this one."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._monkeypatch = monkeypatch
        self._made = 0
        monkeypatch.setenv("POV_CACHE", str(root / "cache"))

    def go_to(self, name: str) -> Path:
        """Be the `pov` of that checkout from now on."""
        folder = self.root / name / "pov"
        folder.mkdir(parents=True, exist_ok=True)
        self._monkeypatch.setattr(records, "installation", lambda: folder)
        return folder

    def build(self, name: str, key: str) -> None:
        """A checkout's bundle of that key."""
        self.go_to(name)
        records.remember(self.record(key), {f"localhost/pov/node:{key}"})
        # Later than the one before, however coarse the disk's clock.
        self._made += 1
        os.utime(records.own_file(), (self._made, self._made))

    def record(self, key: str) -> dict[str, Any]:
        """A bundle's record, and its files."""
        folder = self.root / "components" / f"engines-{key:0>16}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").touch()
        (folder / "done.json").touch()
        path = str(folder / "file")
        return {
            "key": key, "source": "built", "images": {}, "late_images": [], "late_archive": path,
            "node_image": f"localhost/pov/node:{key}", "binaries": {"kind": path}, "argocd_manifest": path,
            "entries": [],
        }  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def key_in_use() -> str | None:
    found = current()
    return found.key if found is not None else None


def test_each_checkout_goes_on_with_its_own(machine: Machine) -> None:
    machine.build("one", "a")
    machine.build("two", "b")
    assert key_in_use() == "b"
    machine.go_to("one")
    assert key_in_use() == "a"
    assert [(other.installation, other.key) for other in records.others()] == [(machine.root / "two" / "pov", "b")]


def test_one_that_has_made_none_takes_the_last_of_this_cache(machine: Machine) -> None:
    machine.go_to("one")
    assert key_in_use() is None
    machine.build("two", "b")
    machine.go_to("one")
    assert key_in_use() == "b"


def test_a_record_of_an_earlier_version_is_read(machine: Machine) -> None:
    machine.go_to("one")
    file = machine.root / "cache" / "bundle" / "current.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(machine.record("old")))
    assert key_in_use() == "old"


def test_a_few_different_ones_are_kept_and_those_of_checkouts_that_are_gone_are_not(machine: Machine) -> None:
    for name, key in (("one", "a"), ("two", "b"), ("three", "c"), ("clone", "c"), ("four", "d")):
        machine.build(name, key)
    assert [other.key for other in records.others()] == ["c", "c", "b"], "of the three, one is this checkout's own"
    machine.go_to("one")
    assert key_in_use() == "d", "its own was one too many"
    (machine.root / "three" / "pov").rmdir()
    machine.build("four", "d")
    assert [other.key for other in records.others()] == ["c", "b"]
    machine.go_to("three")
    assert not records.own_file().exists()


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "{}", '{"installation": 3}'])
def test_a_spoilt_record_is_none(machine: Machine, spoilt: str) -> None:
    machine.build("one", "a")
    records.own_file().write_text(spoilt)
    machine.build("two", "b")
    assert records.others() == []


def test_a_build_leaves_the_bundles_of_others(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.build("one", "a")
    machine.go_to("two")
    wanted: list[set[str]] = []
    base = machine.root / "components"
    for key in ("a", "f"):
        machine.record(key)
        os.utime(base / f"engines-{key:0>16}" / "done.json", (1, 1))
    made = {"engines": Made(base / "engines-new", "new", {}), "node-image": Made(base, "n", {"reference": "node:b"})}
    monkeypatch.setattr(builder, "_components_root", lambda: base)
    monkeypatch.setattr(building, "make_all", lambda *_: made)
    monkeypatch.setattr(building, "find", lambda: "engine")
    monkeypatch.setattr(building, "remove_others", lambda engine, repositories, held: wanted.append(set(held)))
    monkeypatch.setattr(building.graph, "components", lambda *_, **__: ())
    monkeypatch.setattr(graph, "NODES", ("node-image",))
    monkeypatch.setattr(building.hostpackages, "missing", lambda **_: [])

    class Assembled:
        def as_json(self) -> dict[str, Any]:
            return machine.record("b")

    monkeypatch.setattr(building.graph, "assemble", lambda *_: Assembled())
    building.build(building.BuildOptions("built"), silent)
    assert wanted == [{"node:b", "localhost/pov/node:a"}]
    assert (base / f"engines-{'a':0>16}").exists(), "the other checkout's"
    assert not (base / f"engines-{'f':0>16}").exists(), "nobody's, and old"
    assert key_in_use() == "b"
    machine.go_to("one")
    assert key_in_use() == "a"
