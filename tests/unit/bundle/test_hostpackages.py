from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import CommandFailed, PovError, PreflightFailed
from pov.base.process import Completed
from pov.bundle import hostpackages
from pov.bundle.hostpackages import BUILDING, CONTAINERS, RUNNING, Need, install, missing, require_for_building
from pov.model.events import Event, silent


class Apt:
    """An `apt-get` that fails as it is told to, and remembers its command lines."""

    def __init__(self, *failures: str, only: Callable[[list[str]], bool] = lambda argv: True) -> None:
        self.calls: list[list[str]] = []
        self._failures = list(failures)
        self._only = only

    def __call__(self, argv: list[str], *, timeout_s: float, on_line: Callable[[str], None], **_: Any) -> Completed:
        assert 0 < timeout_s <= 600
        self.calls.append(argv)
        if self._failures and self._only(argv):
            raise CommandFailed(argv, 100, "", self._failures.pop(0))
        on_line("Setting up podman (4.3.1) ...")
        return Completed(tuple(argv), 0, "", "", 0.0)

    def verbs(self) -> list[str]:
        return [argv[1] for argv in self.calls]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH and nothing in the usual folders, as root."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hostpackages, "_FOLDERS", ())
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    (tmp_path / "bin").mkdir()
    put(tmp_path, "apt-get")
    return tmp_path


def put(machine: Path, *programs: str) -> None:
    for name in programs:
        path = machine / "bin" / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)


def use(monkeypatch: pytest.MonkeyPatch, apt: Apt, still: tuple[str, ...] = ()) -> None:
    monkeypatch.setattr(hostpackages, "run", apt)
    monkeypatch.setattr(hostpackages, "missing", lambda **_: list(still))
    monkeypatch.setattr("pov.base.clock.SystemClock.sleep", lambda self, seconds: None)


def test_what_is_on_the_path_is_not_missing(bare: Path) -> None:
    found = missing(building=True)
    assert {"podman", "netavark", "git", "mmdebstrap"} <= set(found)
    put(bare, "podman", "git", "mmdebstrap")
    assert not {"podman", "git", "mmdebstrap"} & set(missing(building=True))


def test_building_counts_while_there_is_no_bundle(bare: Path) -> None:
    names = {need.package for need in BUILDING if not need.met()}
    assert names
    assert names <= set(missing())
    assert not names & set(missing(building=False))


def test_a_docker_that_works_needs_no_podman(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bare, "docker")
    monkeypatch.setattr("pov.engines.containers.Containers.probe", lambda self: None)
    assert not {need.package for need in CONTAINERS} & set(missing(building=True))
    monkeypatch.setattr("pov.engines.containers.Containers.probe", lambda self: "operation not permitted")
    assert "podman" in missing(building=True)


def test_elsewhere_only_what_every_system_has_is_asked_for(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert set(missing(building=True)) <= {need.package for need in RUNNING}


def test_a_file_is_a_need_too(tmp_path: Path) -> None:
    need = Need("libc6-dev", (str(tmp_path / "stdio.h"),))
    assert not need.met()
    (tmp_path / "stdio.h").touch()
    assert need.met()


def test_stale_lists_are_refreshed_once(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt("E: Unable to locate package podman")
    use(monkeypatch, apt)
    install(["podman"], silent)
    assert apt.verbs() == ["install", "update", "install"]
    assert apt.calls[0][-1] == "podman"
    assert "--no-install-recommends" in apt.calls[0]


def test_another_package_manager_is_waited_for_and_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"
    apt = Apt(lock, lock)
    use(monkeypatch, apt)
    told: list[Event] = []
    install(["podman"], told.append)
    assert apt.verbs() == ["install"] * 3
    waiting = [event.message for event in told if "another package manager" in event.message]
    assert waiting == ["another package manager is at work (unattended-upgr, process 812)"]


def test_no_source_at_all_says_what_apt_said_and_what_to_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Apt("E: no", "W: x\nE: Failed to fetch: could not resolve"))
    with pytest.raises(PovError) as caught:
        install(["podman"], silent)
    assert "could not resolve" in caught.value.cause
    assert "pov bundle load" in caught.value.fix


def test_the_bundles_own_packages_come_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt()
    use(monkeypatch, apt)
    folder = hostpackages.packages_folder()
    folder.mkdir(parents=True)
    (folder / "Packages").write_text("Package: podman\n")
    install(["podman"], silent)
    assert apt.verbs() == ["update", "install"]
    assert all(any(part.startswith("Dir::Etc::sourcelist=") for part in argv) for argv in apt.calls)


def test_building_is_refused_at_once_without_its_programs(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PreflightFailed, match="building the bundle needs") as caught:
        require_for_building()
    assert "mmdebstrap" in caught.value.fix
    monkeypatch.setattr(hostpackages, "missing", lambda **_: [])
    require_for_building()


def test_without_root_the_command_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PovError) as caught:
        install(["podman", "runc"], silent)
    assert caught.value.fix == "sudo apt-get install -y --no-install-recommends podman runc"


def test_without_apt_the_programs_are_named(bare: Path) -> None:
    (bare / "bin" / "apt-get").unlink()
    with pytest.raises(PovError) as caught:
        install(["podman", "openssh-client"], silent)
    assert "podman, ssh" in caught.value.fix


def test_installed_and_still_not_found_is_an_error(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Apt(), still=("runc",))
    with pytest.raises(PovError, match="still not found: runc"):
        install(["podman", "runc"], silent)


def test_nothing_to_install_calls_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt()
    use(monkeypatch, apt)
    install([], silent)
    assert apt.calls == []
