"""A killed run keeps what it deployed: the working copy is bundled before it goes, where it is the run's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pov.engines import history
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.model.events import Event
from pov.state.home import Home
from pov.state.runs import CONFIGURATION, read_run
from pov.steps.git.repository import NAME
from pov.workflows import down, keeping
from pov.workflows.down import DownOptions
from tests.unit.reporting import simulated


@dataclass
class World:
    """An environment's folder with a working copy of two commits."""

    home: Home
    repo: ConfigRepo
    commits: tuple[str, str]
    events: list[Event]

    def renew(self) -> list[str]:
        keeping.renew(self.home, self.events.append)
        return [event.message for event in self.events]

    def killed(self, revision: str, *, finish: bool = False) -> Path:
        changes = {1: {"details": {"revision": revision}}}
        return simulated.save(self.home.runs_dir, sample_changes=changes, stop_after=1, finish=finish)


@pytest.fixture
def world(tmp_path: Path) -> World:
    server = tmp_path / "server.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(server)], check=True, timeout=20)
    home = Home(tmp_path / ".pov" / "x")
    remote = Remote(str(server), "pov", tmp_path / "token", tmp_path / "ca.crt")
    repo = ConfigRepo.open(home.root / "git" / NAME, remote)
    commits = []
    for text in ("a: 1\n", "a: 2\n"):
        repo.write("stages/dev/a.yaml", text)
        commits.append(repo.commit("Go on"))
        repo.push()
    return World(home, repo, (commits[0], commits[1]), [])


def test_a_killed_run_gets_what_it_deployed(world: World) -> None:
    run = world.killed(world.commits[1])
    (run / CONFIGURATION).write_bytes(b"of the beginning")
    assert world.renew() == [f"run {run.name} ended early: what it deployed is kept with it"]
    assert history.bundle_problems(run / CONFIGURATION, world.commits) == []
    assert read_run(run).problems == ()


@pytest.mark.parametrize("kind", ["of another environment", "finished", "names nothing", "no working copy"])
def test_other_runs_keep_what_they_have(world: World, kind: str) -> None:
    make: dict[str, Callable[[], Path]] = {
        "of another environment": lambda: world.killed("1" * 40),
        "finished": lambda: world.killed(world.commits[1], finish=True),
        "names nothing": lambda: world.killed(""),
        "no working copy": lambda: world.killed(world.commits[1]),
    }
    run = make[kind]()
    if kind == "no working copy":
        world.repo.folder.rename(world.repo.folder.with_name("elsewhere"))
    (run / CONFIGURATION).write_bytes(b"its own")
    assert world.renew() == []
    assert (run / CONFIGURATION).read_bytes() == b"its own"


def test_what_cannot_be_kept_is_told_and_stops_nothing(world: World) -> None:
    first = world.killed(world.commits[0])
    (first / "environment.json").write_text("[]")
    second = world.killed(world.commits[1])
    told = world.renew()
    assert any(f"run {first.name}: what it deployed could not be kept" in text for text in told)
    assert history.bundle_problems(second / CONFIGURATION, world.commits) == []


def test_down_keeps_it_before_the_working_copy_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def remove(self, _warn: object) -> list[str]:
            return []

    monkeypatch.setattr("pov.steps.targets.target_named", lambda _target: lambda _home, _name: Nothing())
    run = world.killed(world.commits[1])
    down.run(DownOptions(world.home.root.parent.parent, "x"), world.events.append)
    assert not world.repo.folder.exists()
    assert history.bundle_problems(run / CONFIGURATION, world.commits) == []
