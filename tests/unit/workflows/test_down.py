"""`pov down` speaks to the engine that made the cluster, and keeps every key until the node is known to be gone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret
from pov.engines.container_choice import find, remember
from pov.engines.containers import Containers, Silent
from pov.model.events import Event, silent
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, GONE, LogWriter, read_log
from pov.steps.kind.intent import NODE_PORTS
from pov.workflows import down
from pov.workflows.down import DownOptions
from tests.unit.engines.engine_program import EngineProgram


@dataclass
class World:
    """An environment whose cluster was made by `maker`, with another engine first on the PATH since."""

    root: Path
    home: Home
    maker: EngineProgram
    other: EngineProgram
    node: Path

    def down(self) -> down.DownResult:
        return down.run(DownOptions(self.root, "x"), silent)

    def assert_everything_is_kept(self) -> None:
        assert self.home.kubeconfig.exists()
        assert (self.home.secrets_dir / "key").exists()
        assert self.home.intent.exists()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    maker, other = EngineProgram(tmp_path / "maker"), EngineProgram(tmp_path / "other")
    home = Home(tmp_path / ".pov" / "x")
    home.save_secret("key", Secret("hush"))
    home.kubeconfig.write_text("clusters: []")
    ports = {name: 40000 + index for index, name in enumerate(NODE_PORTS)}
    home.intent.write_text(json.dumps({"id": "a", "ports": ports, "image": "node:1", "made": True}))
    node = maker.put_node("pov-x", {inside: ports[name] for name, inside in NODE_PORTS.items()})
    remember(Containers("podman", None, str(maker.program)), home.engine)
    monkeypatch.setenv("PATH", f"{other.folder}{os.pathsep}{os.environ['PATH']}")
    return World(tmp_path, home, maker, other, node)


def test_the_engine_that_made_the_cluster_is_the_one_that_removes_it(world: World) -> None:
    result = world.down()
    assert "container pov-x-control-plane" in result.removed
    assert not world.node.exists()
    assert [path.name for path in world.home.root.iterdir()] == ["journal.jsonl"]
    assert not (world.other.folder / "calls").exists(), "the other engine was asked for something"
    assert world.down().removed == ()


def test_a_full_disk_keeps_nothing_up(world: World) -> None:
    for name in ("lock", "journal.jsonl"):
        (world.home.root / name).symlink_to("/dev/full")
    heard: list[Event] = []
    result = down.run(DownOptions(world.root, "x"), heard.append)
    assert "container pov-x-control-plane" in result.removed
    assert not world.node.exists()
    assert not world.home.secrets_dir.exists()
    assert any("not noted that it went" in event.message for event in heard if event.kind == "warning")


def test_the_log_of_terraform_stays_and_says_once_that_the_state_is_gone(world: World) -> None:
    LogWriter(world.home.terraform_log).record(APPLIED, run="a", after={"serial": 2})
    assert str(world.home.terraform_log) in world.down().kept
    world.down()
    log = read_log(world.home.terraform_log)
    assert [entry.result for entry in log.entries] == [APPLIED, GONE]
    assert (log.entries[1].command, log.entries[1].before, log.problems) == ("pov down", {"serial": 2}, ())


def test_kind_finds_the_recorded_program_by_its_name(world: World) -> None:
    engine = find(world.home.engine)
    assert engine.env()["PATH"].split(os.pathsep)[0] == str(world.maker.folder)
    engine.run("info")
    assert f"PATH={world.maker.folder}:" in (world.maker.folder / "seen").read_text()


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("echo 'Cannot connect to Podman' >&2; exit 125", "Cannot connect to Podman"),
        ("exit 0", "is not answered as podman does: nothing"),
        ("echo hello; exit 0", "hello"),
    ],
    ids=["not running", "a shim that does nothing", "a shim that talks"],
)
def test_an_engine_that_does_not_answer_is_told_and_nothing_is_removed(world: World, before: str, told: str) -> None:
    world.maker.break_with(before)
    with pytest.raises(Silent, match="does not answer") as caught:
        world.down()
    assert str(world.maker.program) in caught.value.message
    assert told in caught.value.cause
    assert "start podman" in caught.value.fix
    world.assert_everything_is_kept()
    world.maker.break_with("")
    assert "container pov-x-control-plane" in world.down().removed


def test_an_engine_that_is_gone_is_told_and_nothing_is_removed(world: World) -> None:
    world.maker.program.unlink()
    with pytest.raises(NotFound, match="not there any more") as caught:
        world.down()
    assert "install podman again" in caught.value.fix
    assert f"rm -r {world.home.root}" in caught.value.fix
    world.assert_everything_is_kept()


def test_the_same_program_for_another_user_is_another_engine(world: World) -> None:
    world.node.unlink()
    world.maker.store_as("/home/somebody/.local/share/containers/storage")
    with pytest.raises(PovError, match="another podman than the one that answers") as caught:
        world.down()
    assert "/home/somebody" in caught.value.cause
    world.assert_everything_is_kept()
    world.maker.store_as(str(world.maker.storage))
    assert world.down().removed != ()
    assert [path.name for path in world.home.root.iterdir()] == ["journal.jsonl"]


def test_keys_stay_while_the_node_does(world: World) -> None:
    world.maker.break_with('case "$1" in rm|kill) exit 1;; esac')
    with pytest.raises(PovError, match="could not be removed") as caught:
        world.down()
    assert "pov-x-control-plane" in caught.value.cause
    world.assert_everything_is_kept()


@pytest.mark.parametrize("record", ["", "{", json.dumps({"id": "a"}), json.dumps({"made": True, "ports": {}}), None])
def test_a_node_that_cannot_be_recognised_is_told_and_nothing_is_removed(world: World, record: str | None) -> None:
    whole = world.home.intent.read_text()
    world.home.intent.unlink()
    if record is not None:
        world.home.intent.write_text(record)
    before = sorted(world.home.root.rglob("*"))
    with pytest.raises(PovError, match="cannot tell whether it is its own") as caught:
        world.down()
    assert caught.value.exit_code == 1
    assert "pov-x-control-plane" in caught.value.fix
    assert world.node.exists()
    assert [path for path in sorted(world.home.root.rglob("*")) if path.name != "lock"] == before
    world.home.intent.write_text(whole)
    assert "container pov-x-control-plane" in world.down().removed


def test_keys_without_any_record_of_a_cluster_are_kept_beside_one_of_its_name(world: World) -> None:
    for path in (world.home.intent, world.home.engine, world.home.kubeconfig):
        path.unlink()
    world.other.put_node("pov-x", {})
    with pytest.raises(PovError, match="cannot tell whether it is its own") as caught:
        world.down()
    assert "there is no" in caught.value.cause
    assert (world.home.secrets_dir / "key").exists()


def test_without_any_record_it_is_told_which_engine_was_asked(world: World) -> None:
    for path in (world.home.intent, world.home.engine, world.home.kubeconfig):
        path.unlink()
    heard: list[Event] = []
    down.run(DownOptions(world.root, "x"), heard.append)
    (warning,) = (event for event in heard if event.kind == "warning")
    assert "has no record of a cluster, and podman has none of its name" in warning.message
    assert not world.home.secrets_dir.exists()
    assert world.node.exists()
    heard.clear()
    down.run(DownOptions(world.root, "x"), heard.append)
    assert [event.kind for event in heard if event.kind == "warning"] == [], "nothing is left to be told of"


def test_a_cluster_of_the_name_that_was_never_this_environments_is_left_and_told(world: World) -> None:
    world.other.put_node("pov-y", {})
    heard: list[Event] = []
    assert down.run(DownOptions(world.root, "y"), heard.append).removed == ()
    (warning,) = (event for event in heard if event.kind == "warning")
    assert "a cluster pov-y in podman, which this environment never had: it is left" in warning.message


def test_what_a_user_chose_is_kept_with_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    program = tmp_path / "docker"
    info = json.dumps({"MemTotal": 2**33, "NCPU": 2, "Architecture": "x86_64", "ID": "an-id", "DockerRootDir": "/d"})
    program.write_text(
        f"#!/bin/sh\ncase \"$1\" in info) echo '{info}';; context) echo desktop;; *) env > {tmp_path}/seen;; esac\n"
    )
    program.chmod(0o755)
    record = tmp_path / "engine.json"
    remember(Containers("docker", None, str(program)), record)
    monkeypatch.setenv("DOCKER_HOST", "tcp://another:2375")
    find(record).run("ps")
    seen = (tmp_path / "seen").read_text().splitlines()
    assert "DOCKER_CONTEXT=desktop" in seen
    assert not [line for line in seen if line.startswith("DOCKER_HOST=")]
    assert json.loads(record.read_text())["storage"] == "an-id"
    record.write_text("{}")
    with pytest.raises(PovError, match="cannot be read"):
        find(record)
