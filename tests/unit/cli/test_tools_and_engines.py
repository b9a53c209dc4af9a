"""The real command on machines as they are: tools that will not do, another container engine than an environment's,
locks of others, a cache with an odd name, Python's own variables."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pov.base.redact import Secret
from pov.engines.container_choice import remember
from pov.engines.containers import Containers
from pov.state.home import ASKED, Home
from pov.steps.kind.intent import NODE_PORTS
from tests.unit.cli.surroundings import Surroundings
from tests.unit.engines.engine_program import EngineProgram
from tests.unit.reporting import simulated


@dataclass(frozen=True)
class Machine:
    """Tools of this machine, and a program that passes for a container engine."""

    around: Surroundings
    engine: EngineProgram

    def put(self, name: str, script: str) -> None:
        path = self.around.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def put_bundle(self, cache: Path | None = None) -> None:
        """A bundle that is whole, by its record, and has no OpenTofu."""
        folder = (cache or self.around.root / "cache") / "bundle"
        folder.mkdir(parents=True)
        (folder / "late.tar").touch()
        (folder / "argocd.yaml").touch()
        record = {
            "key": "a", "source": "official", "images": {}, "late_images": [], "late_archive": str(folder / "late.tar"),
            "node_image": "node:1", "binaries": {}, "argocd_manifest": str(folder / "argocd.yaml"), "entries": [],
        }  # fmt: skip
        (folder / "current.json").write_text(json.dumps(record))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    around = Surroundings(tmp_path)
    for name in ("ssh", "ssh-keygen", "openssl", "cat", "env", "ls", "rm"):
        around.offer(name)
    engine = EngineProgram(tmp_path / "engine")
    around.environment["PATH"] = f"{engine.folder}:{around.programs}"
    return Machine(around, engine)


WILL_NOT_DO: dict[str, tuple[Callable[[Machine], object], str, str]] = {
    "no Git": (lambda m: (m.around.programs / "git").unlink(), "git: no program `git`", "git"),
    "an old Git": (lambda m: m.put("git", "echo git version 2.25.1"), "git: it is 2.25, and 2.28 is needed", "git"),
    "a shim for SSH": (lambda m: m.put("ssh", "exit 0"), "ssh: it does not say its version", "ssh"),
    "an old Terraform": (
        lambda m: m.put("terraform", """echo '{"terraform_version": "1.5.0"}'"""),
        "is 1.5.0, older than 1.9",
        "pov bundle build",
    ),
    "no Terraform": (lambda m: None, "there is no terraform", "pov bundle build"),
}


@pytest.mark.parametrize("case", WILL_NOT_DO)
def test_up_tells_a_tool_that_will_not_do_and_changes_nothing(machine: Machine, case: str) -> None:
    spoil, told, fix = WILL_NOT_DO[case]
    if "Terraform" in case:
        machine.put_bundle()
    spoil(machine)
    done = machine.around.pov("up", "quickstart")
    assert done.returncode == 3, done.stderr
    assert told in done.stderr
    assert fix in done.stderr.partition("fix: ")[2]
    assert "fault of pov" not in done.stderr
    assert machine.around.files() == set()
    asked = {line.split()[0] for line in (machine.engine.folder / "calls").read_text().splitlines()}
    assert asked <= {"info", "container", "image", "images", "import", "run", "ps"}, (
        "no more than a probe of the engine"
    )


@pytest.fixture
def home(machine: Machine) -> Home:
    """An environment whose cluster the engine made; another one is first on the PATH since."""
    home = Home(machine.around.here / ".pov" / "x")
    home.save_secret("key", Secret("hush"))
    home.kubeconfig.write_text("clusters: []")
    ports = {name: 40000 + index for index, name in enumerate(NODE_PORTS)}
    home.intent.write_text(json.dumps({"id": "a", "ports": ports, "image": "node:1", "made": True}))
    machine.engine.put_node("pov-x", {inside: ports[name] for name, inside in NODE_PORTS.items()})
    remember(Containers("podman", None, str(machine.engine.program)), home.engine)
    (machine.engine.folder / "calls").unlink()
    other = EngineProgram(machine.around.root / "other")
    machine.around.environment["PATH"] = f"{other.folder}:{machine.around.programs}"
    return home


def node(machine: Machine) -> bool:
    return (machine.engine.storage / "pov-x-control-plane").exists()


def test_down_asks_the_engine_that_made_it_and_no_other(machine: Machine, home: Home) -> None:
    done = machine.around.pov("down", "--name", "x")
    assert done.returncode == 0, done.stderr
    assert not node(machine)
    assert not (machine.around.root / "other" / "calls").exists()
    assert not home.secrets_dir.exists()


def test_status_asks_no_other_engine(machine: Machine, home: Home) -> None:
    machine.put_bundle()
    (home.root / ASKED).write_text(json.dumps({"scenario": "quickstart", "services": None, "engagement": None}))
    done = machine.around.pov("status")
    assert "fault of pov" not in done.stderr
    assert (machine.engine.folder / "calls").exists()
    assert not (machine.around.root / "other" / "calls").exists()


def test_down_keeps_everything_while_the_engine_that_made_it_is_gone(machine: Machine, home: Home) -> None:
    machine.engine.program.unlink()
    before = machine.around.files()
    done = machine.around.pov("down", "--name", "x")
    assert done.returncode == 1, done.stderr
    assert "is not there any more" in done.stderr
    assert "install podman again" in done.stderr
    assert "fault of pov" not in done.stderr
    assert node(machine)
    assert machine.around.files() >= before
    assert not (machine.around.root / "other" / "calls").exists()


def test_a_lock_that_is_held_elsewhere_is_told_and_one_that_was_left_stops_nobody(machine: Machine, home: Home) -> None:
    lock = home.root / "lock"
    lock.write_text("4711 on another-host")
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = machine.around.pov("down", "--name", "x")
    assert done.returncode == 1, done.stderr
    assert "environment x is being changed by process 4711 on another-host" in done.stderr
    assert "fault of pov" not in done.stderr
    assert node(machine)
    assert lock.read_text() == "4711 on another-host"
    assert machine.around.pov("down", "--name", "x").returncode == 0
    assert not node(machine)


def test_a_lock_of_another_user_is_told(machine: Machine, home: Home) -> None:
    (home.root / "lock").write_text("4711 on another-host")
    (home.root / "lock").chmod(0o444)
    done = machine.around.pov("down", "--name", "x", powerless=True)
    assert done.returncode == 1, done.stderr
    assert f"cannot hold {home.root}" in done.stderr
    assert "make the folder writable" in done.stderr
    assert "fault of pov" not in done.stderr
    assert node(machine)


@pytest.mark.parametrize("name", ["a b, it's $(c);d", '-e "ä" \U0001f680'])
def test_a_cache_may_be_called_anything(machine: Machine, name: str) -> None:
    cache = machine.around.root / name
    machine.put_bundle(cache)
    env = {"POV_CACHE": str(cache)}
    doctor = machine.around.pov("doctor", "--json", env=env)
    found = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert found["containers"]["verdict"] == "ok", doctor.stdout
    assert f"CONTAINERS_CONF={cache}/containers/containers.conf\n" in (machine.engine.folder / "seen").read_text()
    assert machine.around.pov("bundle", "list", env=env).returncode == 0
    (machine.around.programs / "git").unlink()
    up = machine.around.pov("up", "quickstart", env=env)
    assert up.returncode == 3, up.stderr
    assert "git: no program `git`" in up.stderr
    assert "fault of pov" not in f"{doctor.stderr}{up.stderr}"


OF_PYTHON = {"PYTHONWARNINGS": "error", "PYTHONSTARTUP": "/nonexistent", "PYTHONOPTIMIZE": "2"}


def test_variables_of_python_s_own_stop_no_command(machine: Machine) -> None:
    run = simulated.save(machine.around.here / ".pov" / "demo" / "runs")
    done = machine.around.pov("report", env=OF_PYTHON)
    assert done.returncode == 0, done.stderr
    assert (machine.around.here / ".pov" / "demo" / "reports" / run.name / "report.pdf").is_file()
    (machine.around.programs / "git").unlink()
    up = machine.around.pov("up", "quickstart", env=OF_PYTHON)
    assert up.returncode == 3, up.stderr
    assert "git: no program `git`" in up.stderr
