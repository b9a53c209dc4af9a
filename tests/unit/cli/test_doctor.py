from __future__ import annotations

import json
import shutil
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

import pov.bundle
from pov.base.errors import PovError
from pov.cli.main import main
from pov.engines.containers import Containers
from pov.model.events import Emit, Event, silent
from pov.workflows import doctor
from pov.workflows.doctor import Check, DoctorOptions, run


class Machine:
    """A machine that lacks packages until they are installed."""

    def __init__(self, folder: Path, missing: tuple[str, ...] = (), *, refuses: bool = False) -> None:
        self.folder = folder
        self._missing = missing
        self._refuses = refuses
        for name in doctor.INOTIFY:
            (folder / name).write_text("128\n")

    def missing(self) -> tuple[str, ...]:
        return self._missing

    def install(self, names: Sequence[str], emit: Emit) -> None:
        if self._refuses:
            raise PovError("apt-get ended with code 100", cause="no network")
        self._missing = tuple(name for name in self._missing if name not in names)

    def sysctl(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "proc").mkdir()
    found = Machine(tmp_path / "proc", ("podman", "runc"))
    use(monkeypatch, found)
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pov.engines.container_choice.candidates", lambda: (Containers("docker"),))
    monkeypatch.setattr(Containers, "probe", lambda self: None)
    monkeypatch.setattr(Containers, "version", lambda self: "Docker version 29")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=50 * 2**30))
    return found


def use(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    fake = types.SimpleNamespace(missing=machine.missing, install=machine.install)
    monkeypatch.setattr(pov.bundle, "hostpackages", fake, raising=False)
    monkeypatch.setattr(doctor, "_sysctl", machine.sysctl)


def by_name(checks: Sequence[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_what_is_lacking_is_told_with_how_to_get_it_and_nothing_is_changed(machine: Machine, tmp_path: Path) -> None:
    result = run(DoctorOptions(tmp_path), silent)
    checks = by_name(result.checks)
    assert not result.ok
    assert checks["packages"].verdict == "lacking"
    assert checks["packages"].found == "missing: podman, runc"
    assert checks["packages"].fix == "pov doctor --fix"
    assert checks["inotify"].verdict == "lacking"
    assert checks["containers"].verdict == "ok"
    assert checks["bundle"].verdict == "warning"
    assert machine.missing() == ("podman", "runc")
    assert machine.sysctl("max_user_instances").read_text() == "128\n"


def test_fix_gets_what_is_lacking(machine: Machine, tmp_path: Path) -> None:
    result = run(DoctorOptions(tmp_path, fix=True), silent)
    assert result.ok
    assert machine.missing() == ()
    assert machine.sysctl("max_user_instances").read_text() == "512"
    assert len(result.fixed) == 3
    assert run(DoctorOptions(tmp_path, fix=True), silent).fixed == ()


def test_what_cannot_be_got_is_told(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Machine(machine.folder, ("podman",), refuses=True))
    seen: list[Event] = []
    result = run(DoctorOptions(tmp_path, fix=True), seen.append)
    assert not result.ok
    assert any(event.kind == "failed" and "no network" in event.message for event in seen)


def test_a_full_disk_and_no_container_engine_are_lacking(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    monkeypatch.setattr(Containers, "probe", lambda self: "unable to apply caps")
    checks = by_name(run(DoctorOptions(tmp_path), silent).checks)
    assert checks["disk"].verdict == "lacking"
    assert "POV_CACHE" in checks["disk"].fix
    assert checks["containers"].found == "docker: unable to apply caps"


def test_the_command_ends_with_3_and_prints_one_document(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["ok"] is False
    assert "packages: missing: podman, runc" in err
    assert main(["doctor", "--fix"]) == 0
    assert "installed podman, runc" in capsys.readouterr().out
