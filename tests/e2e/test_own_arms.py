"""Arms of one's own on a real estate: the example of docs/own-arm.md, the shipped script, one that lies; reported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pov.base.paths import data
from pov.config.engagement import load_engagement
from pov.state.runs import read_run
from pov.workflows.brought import brought
from tests.e2e.harness import WINDOWS_LAST, Environment
from tests.e2e.trials import IN_THIS_PROCESS, trial

pytestmark = [pytest.mark.timeout(400), *IN_THIS_PROCESS]

LIAR = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
scenario: quickstart
proof: {services: [payment-gateway]}
arms: [{name: liar, label: One that lies, command: [liar.sh], experiments: [deploy], seenWithin: 5s}]
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_scripts_deploy_under_the_same_clocks(shared: Environment, tmp_path: Path) -> None:
    (text,) = re.findall(r"```bash\n(.*?)```", data("docs", "own-arm.md").read_text(), re.DOTALL)
    mine = write(tmp_path / "deploy.sh", text)
    shared.measure("deploy", "--arm", f"mine={mine}", "--arm", "scripted", "--trials", "1", *WINDOWS_LAST)
    run = read_run(shared.runs()[-1])
    assert run.problems == ()
    samples = {(s["experiment"], s["arm"]): s for s in run.samples}
    for arm in ("mine", "scripted"):
        sample = samples["deploy", arm]
        assert sample["ok"], sample["error"]
        assert [step["name"] for step in sample["steps"]] == ["script", "seen by prober"]
        assert sample["traffic"]["operation"]["requests"] > 0
        assert sample["figures"]["distribution_seconds"] > 0
    assert [own["name"] for own in run.environment["own_arms"]] == ["mine"]
    assert (run.path / "logs" / "deploy-mine-1.log").exists()
    shared.pov("report", "--run", run.path.name)
    told = json.loads((shared.home.reports_dir / run.path.name / "report.json").read_text())
    assert "mine" in json.dumps(told)


@pytest.mark.matrix
@pytest.mark.timeout(600)
def test_somebodys_own_script_is_killed_half_way_and_run_again(shared: Environment, tmp_path: Path) -> None:
    (text,) = re.findall(r"```bash\n(.*?)```", data("docs", "own-arm.md").read_text(), re.DOTALL)
    mine = write(tmp_path / "deploy.sh", text)
    own, _ = brought(None, None, (f"mine={mine}",))
    result = trial(shared, "interrupted", "mine", experiments=own.experiments, logs=tmp_path / "logs")
    assert result.error is None
    assert len(result.evidence.details["left"]) == len(shared.context().scenario.pov_services)  # type: ignore[arg-type]
    logs = {path.name for path in (tmp_path / "logs").iterdir()}
    assert logs == {"deploy-mine-0.log", "interrupted-mine-1.log", "interrupted-mine-1-again.log"}


def test_the_shipped_script_rotates(shared: Environment) -> None:
    result = trial(shared, "rotate", "scripted")
    assert result.error is None
    assert result.evidence.details["rotations"] == 5


def test_a_script_that_lies_is_found_out_in_the_time_that_its_arm_allows(shared: Environment, tmp_path: Path) -> None:
    write(tmp_path / "liar.sh", "#!/bin/sh\necho done\n")
    (tmp_path / "engagement.yaml").write_text(LIAR)
    own, _ = brought(load_engagement(tmp_path), tmp_path, ())
    result = trial(shared, "deploy", "liar", experiments=own.experiments, logs=tmp_path / "logs")
    assert "on every host: not after 5 s" in (result.error or ""), result.error
    assert (tmp_path / "logs" / "deploy-liar-1.log").read_text() == "done\n"
    shared.until_healthy()
