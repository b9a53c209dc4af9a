from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput, NotFound, PovError
from pov.model.events import Event, silent
from pov.workflows.report import ReportOptions, run
from tests.unit.reporting import simulated


def test_both_formats_from_the_newest_run(tmp_path: Path) -> None:
    path = simulated.save(tmp_path / ".pov" / "gitops-35" / "runs")
    events: list[Event] = []
    result = run(ReportOptions(tmp_path), events.append)
    assert result.run == path.name
    assert result.paths["pdf"] == (tmp_path / ".pov/gitops-35/reports" / path.name / "report.pdf").absolute()
    assert result.paths["pdf"].read_bytes().startswith(b"%PDF")
    assert json.loads(result.paths["json"].read_text())["schema"] == "pov.dev/report/v1"
    assert events[-1].kind == "finished"
    assert result.as_json()["problems"] == []


def test_what_cannot_be_reported_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing was measured"):
        run(ReportOptions(tmp_path), silent)
    simulated.save(tmp_path / ".pov" / "one" / "runs")
    simulated.save(tmp_path / ".pov" / "two" / "runs")
    with pytest.raises(InvalidInput, match="one, two"):
        run(ReportOptions(tmp_path), silent)
    with pytest.raises(NotFound, match="no run"):
        run(ReportOptions(tmp_path, "one", run="../../x"), silent)
    with pytest.raises(InvalidInput, match="no format docx"):
        run(ReportOptions(tmp_path, "one", formats=("docx",)), silent)
    with pytest.raises(InvalidInput, match="names none"):
        run(ReportOptions(tmp_path, "one", formats=()), silent)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.save(tmp_path / ".pov" / "one" / "runs")

    def full(path: Path, data: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pov.base.files.write_atomic", full)
    with pytest.raises(PovError, match="cannot write") as caught:
        run(ReportOptions(tmp_path), silent)
    assert "No space left" in caught.value.cause


def test_no_engine_is_loaded_for_a_report() -> None:
    code = "import sys, pov.workflows.report, pov.reporting.model, pov.reporting.render; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"kubernetes", "hvac", "requests", "pydantic", "ansible_runner", "git", "typst"} & set(loaded)
