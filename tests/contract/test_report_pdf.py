"""veraPDF, the reference validator, on reports of every kind of run. Needs Java and Maven, which fetches veraPDF."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from pov.workflows.report import attachments
from tests.unit.reporting import simulated
from tests.unit.reporting.test_report import RUNS

ARTIFACT = "org.verapdf.apps:greenfield-apps:1.28.2"
MAIN = "org.verapdf.apps.GreenfieldCliWrapper"

pytestmark = [pytest.mark.contract, pytest.mark.matrix, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def verapdf() -> Path:
    folder = Path(tempfile.gettempdir()) / "pov-verapdf"
    jars = list(folder.glob("greenfield-apps-*.jar"))
    if not jars:
        if not (shutil.which("mvn") and shutil.which("java")):
            pytest.fail("veraPDF needs Java and Maven: apt-get install maven default-jre-headless")
        fetch = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
        subprocess.run(fetch, check=True, timeout=500)
        jars = list(folder.glob("greenfield-apps-*.jar"))
    return jars[0]


@pytest.mark.parametrize("flavour", ["ua1", "3a"])
def test_reports_keep_the_standards(tmp_path: Path, verapdf: Path, flavour: str) -> None:
    files = []
    for number, changes in enumerate(RUNS.values()):
        saved = read_run(simulated.save(tmp_path / str(number), **changes))
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(render_pdf(build(saved), attachments(saved)))
        files.append(str(path))
    argv = ["java", "-cp", str(verapdf), MAIN, "-f", flavour, "--format", "text", *files]
    verdicts = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=500).stdout.splitlines()
    assert len(verdicts) == len(files)
    assert [verdict for verdict in verdicts if not verdict.startswith("PASS")] == []
