"""What fits on which machine, and that every problem is told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.base.errors import PreflightFailed
from pov.config.scenario import load_scenario
from pov.state.home import Home
from pov.steps.kind import preflight
from pov.steps.kind.capacity import Room, largest, need, shortages
from pov.steps.kind.intent import NODE_PORTS
from pov.steps.kind.place import Place
from pov.steps.kind.room import room
from tests.unit.engines.engine_program import EngineProgram
from tests.unit.engines.fake_containers import FakeContainers

GITOPS = load_scenario("gitops-35")
QUICK = load_scenario("quickstart")


def test_the_default_scenario_fits_into_8_gib_and_2_cores() -> None:
    assert shortages(need(GITOPS), Room(mib=8 * 1024, cores=2)) == []
    assert shortages(need(QUICK), Room(mib=4 * 1024, cores=2)) == []


def test_need_grows_with_everything() -> None:
    small, large = need(GITOPS.with_services(10)), need(GITOPS.with_services(60))
    assert small.mib < large.mib
    assert small.pods + 50 == large.pods
    assert small.millicores < large.millicores


def test_each_shortage_is_told() -> None:
    told = shortages(need(GITOPS.with_services(400)), Room(mib=4096, cores=1))
    assert len(told) == 3
    assert "GiB of memory and 4.0 GiB can be had" in told[0]
    assert "1" in told[1]
    assert "one node carries 250" in told[2]


@pytest.mark.parametrize("mib", [4096, 6000, 8192, 16384, 64 * 1024])
def test_the_largest_that_fits_fits_and_one_more_does_not(mib: int) -> None:
    room, scenario = Room(mib=mib, cores=8), GITOPS.with_services(1000)
    fitting = largest(scenario, room)
    if fitting:
        assert not shortages(need(scenario.with_services(fitting)), room)
    assert shortages(need(scenario.with_services(fitting + 1)), room)


def test_a_machine_that_is_too_small_for_any(tmp_path: Path) -> None:
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(GITOPS, place(tmp_path), proc=proc(tmp_path, mib=1500))
    assert failure.value.fix == "no N fits: use a larger machine"


def place(folder: Path, containers: FakeContainers | None = None) -> Place:
    found = Place(Home(folder), "x")
    vars(found)["containers"] = containers or FakeContainers()
    return found


def proc(folder: Path, *, mib: int = 16_000, total: int = 32_000, instances: int = 512) -> Path:
    root = folder / "proc"
    (root / "sys/fs/inotify").mkdir(parents=True, exist_ok=True)
    (root / "meminfo").write_text(f"MemTotal: {total * 1024} kB\nMemAvailable: {mib * 1024} kB\n")
    (root / "sys/fs/inotify/max_user_instances").write_text(f"{instances}\n")
    (root / "sys/fs/inotify/max_user_watches").write_text("524288\n")
    return root


def test_nothing_in_the_way(tmp_path: Path) -> None:
    preflight.check(GITOPS, place(tmp_path), proc=proc(tmp_path))


def test_too_many_says_how_many_would_fit(tmp_path: Path) -> None:
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(GITOPS.with_services(300), place(tmp_path), proc=proc(tmp_path))
    assert failure.value.exit_code == 3
    (problem,) = failure.value.problems
    assert problem.where == "N = 300"
    count = int(problem.fix.rsplit(" ", 1)[1])
    assert problem.fix == f"N = {count} fits: pov up --services {count}"
    fitting = GITOPS.with_services(count)
    preflight.check(fitting, place(tmp_path), proc=proc(tmp_path))


def test_all_problems_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    containers = FakeContainers()
    containers.box("pov-x", {6443: 1})
    monkeypatch.setattr(preflight, "_DISK_GIB", 1e9)
    monkeypatch.setattr(preflight, "free_ports", lambda _: (_ for _ in ()).throw(OSError("none left")))
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(GITOPS.with_services(300), place(tmp_path, containers), proc=proc(tmp_path, instances=128))
    told = " | ".join(str(problem) for problem in failure.value.problems)
    for text in (
        "did not make",
        "another engagement folder",
        "N = 300",
        "GiB free",
        "max_user_instances: is 128",
        "no free ports",
    ):
        assert text in told


def test_what_runs_already_is_not_asked_for_room_again(tmp_path: Path) -> None:
    containers, home = FakeContainers(), Home(tmp_path / "home")
    ports = {name: 40000 + index for index, name in enumerate(NODE_PORTS)}
    containers.box("pov-x", {inside: ports[name] for name, inside in NODE_PORTS.items()})
    home.root.mkdir()
    home.intent.write_text(json.dumps({"id": "a", "ports": ports, "image": "node:1", "made": True}))
    containers.memory_mib = 8000.0
    tight = proc(tmp_path, mib=500, total=8000, instances=1)
    preflight.check(GITOPS, place(tmp_path / "home", containers), proc=tight)


def group(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


V1_NONE = {"memory/memory.limit_in_bytes": "9223372036854771712\n", "cpu/cpu.cfs_quota_us": "-1\n"}
V1 = {
    "memory/memory.limit_in_bytes": f"{6000 * 2**20}\n",
    "memory/memory.usage_in_bytes": f"{2000 * 2**20}\n",
    "memory/memory.stat": f"cache 1\ntotal_inactive_file {500 * 2**20}\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
}
V2 = {
    "cgroup.controllers": "cpu memory\n",
    "memory.max": f"{6000 * 2**20}\n",
    "memory.current": f"{2000 * 2**20}\n",
    "memory.stat": f"inactive_file {500 * 2**20}\n",
    "cpu.max": "150000 100000\n",
}
V2_NONE = {"cgroup.controllers": "cpu memory\n", "memory.max": "max\n", "cpu.max": "max 100000\n"}
V2_TOP = {"cgroup.controllers": "cpu memory\n"}


@pytest.mark.parametrize("limits", [V1_NONE, V2_NONE, V2_TOP, {}])
def test_without_limits_a_node_can_have_what_the_machine_has_left(tmp_path: Path, limits: dict[str, str]) -> None:
    info, machine, groups = FakeContainers().info(), proc(tmp_path), group(tmp_path / "cgroup", limits)
    assert room("podman", info, running=False, proc=machine, cgroup=groups) == Room(16_000, 4)
    assert room("podman", info, running=True, proc=machine, cgroup=groups) == Room(32_000, 4)


@pytest.mark.parametrize("limits", [V1, V2])
def test_the_limits_of_a_container_are_those_of_what_it_starts(tmp_path: Path, limits: dict[str, str]) -> None:
    info, machine, groups = FakeContainers().info(), proc(tmp_path), group(tmp_path / "cgroup", limits)
    assert room("podman", info, running=False, proc=machine, cgroup=groups) == Room(4500, 1.5)
    assert room("podman", info, running=True, proc=machine, cgroup=groups) == Room(6000, 1.5)
    assert room("docker", info, running=False, proc=machine, cgroup=groups) == Room(16_000, 4), "a daemon outside"
    group(machine, {"42/comm": "dockerd\n"})
    assert room("docker", info, running=False, proc=machine, cgroup=groups) == Room(4500, 1.5)


def test_an_engine_in_a_machine_of_its_own_has_what_that_has(tmp_path: Path) -> None:
    containers = FakeContainers()
    containers.memory_mib, containers.processors = 4000.0, 2
    machine, groups = proc(tmp_path, instances=1), group(tmp_path / "cgroup", V2)
    assert room("docker", containers.info(), running=False, proc=machine, cgroup=groups) == Room(4000, 2)
    preflight.check(QUICK, place(tmp_path, containers), proc=machine)
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(GITOPS.with_services(200), place(tmp_path, containers), proc=machine)
    assert "3.9 GiB can be had" in failure.value.message
    assert "there are 2" in failure.value.message
    assert "give podman's machine more" in failure.value.fix


def test_an_engine_that_does_not_answer_is_a_problem_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "engine"))
    engine = EngineProgram(tmp_path / "engine")
    engine.break_with("echo 'permission denied on the socket' >&2; exit 125")
    with pytest.raises(PreflightFailed) as failure:
        preflight.check(GITOPS, Place(Home(tmp_path), "x"), proc=proc(tmp_path))
    assert failure.value.exit_code == 3
    assert "permission denied on the socket" in failure.value.message
    assert "no program `docker`" in failure.value.message
    assert "start podman" in failure.value.fix
