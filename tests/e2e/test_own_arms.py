"""Arms of one's own on a real estate: the example of docs/own-arm.md, the shipped script, one that lies; reported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pov.base.paths import data
from pov.state.runs import read_run
from tests.e2e.harness import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_scripts_deploy_and_rotate_under_the_same_clocks(shared: Environment, tmp_path: Path) -> None:
    (text,) = re.findall(r"```bash\n(.*?)```", data("docs", "own-arm.md").read_text(), re.DOTALL)
    mine = write(tmp_path / "deploy.sh", text)
    liar = write(tmp_path / "liar.sh", "#!/bin/sh\necho done\n")
    arms = ("--arm", f"mine={mine}", "--arm", f"liar={liar}", "--arm", "scripted")
    ran = shared.measure("deploy", *arms, "--trials", "1", code=1)
    assert "every trial failed: deploy liar" in ran.err
    run = read_run(shared.runs()[-1])
    assert run.problems == ()
    samples = {(s["experiment"], s["arm"]): s for s in run.samples}
    for arm in ("mine", "scripted"):
        sample = samples["deploy", arm]
        assert sample["ok"], sample["error"]
        assert [step["name"] for step in sample["steps"]] == ["script", "seen by prober"]
        assert sample["traffic"]["operation"]["requests"] > 0
        assert sample["figures"]["distribution_seconds"] > 0
    lied = samples["deploy", "liar"]
    assert not lied["ok"]
    assert "on every host: not after 120 s" in lied["error"]
    assert (run.path / "logs" / "deploy-liar-1.log").read_text() == "done\n"
    assert {own["name"] for own in run.environment["own_arms"]} == {"mine", "liar"}
    shared.pov("report", "--run", run.path.name)
    told = json.loads((shared.home.reports_dir / run.path.name / "report.json").read_text())
    assert "mine" in json.dumps(told)


def test_the_shipped_script_rotates(shared: Environment) -> None:
    shared.measure("rotate", "--arm", "scripted", "--trials", "1")
    run = read_run(shared.runs()[-1])
    (sample,) = [s for s in run.samples if s["arm"] == "scripted"]
    assert sample["ok"], sample["error"]
    assert sample["details"]["rotations"] == 5
