"""Which container engine is taken: one that a probe has shown to work, asked once for each start of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.engines import container_choice as containers
from pov.engines.containers import Containers


class Machine:
    """Engines that answer a probe as told; counts probes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.answers: dict[str, str | None] = {"docker": "no daemon", "podman": None}
        self.probed: list[str] = []
        self.configuration = folder / "containers.conf"
        self.configuration.write_text("[engine]\n")
        for name in self.answers:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)
        self.folder = folder
        monkeypatch.setenv("POV_CACHE", str(folder / "cache"))
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(containers, "_write_configuration", lambda: self.configuration)
        monkeypatch.setattr(containers, "_make_modules_folder", lambda: None)

        def probe(engine: Containers) -> str | None:
            self.probed.append(engine.kind)
            return self.answers[engine.kind]

        monkeypatch.setattr(Containers, "probe", probe)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_the_engine_that_works_is_taken_and_remembered(machine: Machine) -> None:
    assert containers.find().kind == "podman"
    assert machine.probed == ["docker", "podman"]
    assert containers.find().kind == "podman"
    assert machine.probed == ["docker", "podman"], "the second look probes nothing"


@pytest.mark.parametrize("change", ["program", "settings", "boot"])
def test_another_program_setting_or_start_of_the_machine_is_probed_anew(
    machine: Machine, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers.find()
    machine.probed.clear()
    if change == "program":
        (machine.folder / "podman").unlink()
        (machine.folder / "podman").write_text("#!/bin/sh\n# newer\n")
        (machine.folder / "podman").chmod(0o755)
    elif change == "settings":
        machine.configuration.write_text("[engine]\nruntime = 'crun'\n")
    else:
        read = Path.read_text
        monkeypatch.setattr(
            Path, "read_text", lambda path, **how: "another" if path.name == "boot_id" else read(path, **how)
        )
    assert containers.find().kind == "podman"
    assert machine.probed == ["podman"], "the remembered one is asked first"


def test_without_any_engine_each_says_why(machine: Machine) -> None:
    machine.answers["podman"] = "operation not permitted"
    with pytest.raises(PovError) as caught:
        containers.find()
    assert "docker: no daemon" in caught.value.cause
    assert "podman: operation not permitted" in caught.value.cause
