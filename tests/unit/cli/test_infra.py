"""`pov infra log`: each run of Terraform in a line, also of an environment that is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.cli.main import main
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, BEGUN, GONE, REFUSED, LogWriter


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / ".pov" / "acme")
    writer = LogWriter(home.terraform_log)
    configuration = {"of": "pov 1", "modules": "ab", "commit": "c" * 40}
    about = {"command": "pov up", "actor": "jo@laptop", "plan": "d" * 64, "configuration": configuration}
    before, after = ({"lineage": "l", "serial": serial, "objects": serial} for serial in (1, 2))
    changes = [{"address": "module.a.b", "actions": ["create"]}]
    writer.record(BEGUN, **about, run="a", before=before, changes=changes)
    writer.record(APPLIED, **about, run="a", before=before, after=after, changes=changes, seconds=7.5)
    writer.record(REFUSED, **about, run="b", before=after, after=after, why="the plan is another")
    writer.record(BEGUN, **about, run="c", before=after)
    writer.record(GONE, run="d", command="pov down", actor="jo@laptop")
    return home.terraform_log


def test_it_lists_who_did_what_by_which_plan_on_which_state(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infra", "log"]) == 0
    said = capsys.readouterr().out
    rows = said.splitlines()
    assert rows[0] == "acme: 4 runs of Terraform"
    assert sum("jo@laptop" in row for row in rows) == 4, "an apply that ended is one row"
    (applied,) = [row for row in rows if "applied" in row]
    assert "dddddddddddd" in applied
    assert "1 → 2" in applied
    assert any("refused: the plan is another" in row for row in rows)
    assert any("cut off" in row for row in rows)
    assert any("taken away" in row for row in rows)
    assert "module.a.b" not in said
    assert main(["infra", "log", "-v"]) == 0
    said = capsys.readouterr().out
    assert "pov 1, commit cccccccccccc:\n  create module.a.b" in said


def test_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infra", "log", "--json", "--name", "acme"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["file"], document["problems"]) == ("acme", str(path), [])
    assert [run["result"] for run in document["runs"]] == [BEGUN, APPLIED, REFUSED, BEGUN, GONE]
    assert document["head"] == document["runs"][-1]["digest"]


def test_a_line_that_was_changed_is_told_and_ends_with_4(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(path.read_text().replace("jo@laptop", "no@laptop"))
    assert main(["infra", "log"]) == 4
    said = capsys.readouterr()
    assert "terraform-runs.jsonl:1: does not fit the chain" in said.out
    assert "is not whole" in said.err


def test_a_line_that_holds_something_else_is_shown_with_what_is_wrong(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = path.read_text().splitlines()
    changed = json.loads(first) | {"run": "z", "changes": [{"actions": [1, None], "address": 7}],
                                   "configuration": {"of": 3, "commit": 5}}  # fmt: skip
    path.write_text("\n".join([json.dumps(changed), *rest]) + "\n")
    assert main(["infra", "log", "-v"]) == 4
    said = capsys.readouterr()
    assert "3, commit 5:\n  1/ 7" in said.out
    assert "terraform-runs.jsonl:1: does not fit the chain" in said.out


def test_without_a_log_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["infra", "log"]) == 1
    assert "no environment" in capsys.readouterr().err
    assert main(["infra", "log", "--name", "acme"]) == 1
    assert "Terraform has not been run for acme" in capsys.readouterr().err
