"""`pov infra apply` as it is typed: what it says of each end, and what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.base.errors import CriterionNotMet
from pov.cli.main import main
from pov.scoping.gate import Change, Told
from pov.workflows import infra_apply
from pov.workflows.infra_apply import ApplyOptions, ApplyResult
from pov.workflows.merged import Merged

PLAN = "ab" * 32
ABOUT = "pull request 7 of pov/deal (commit cccccccccc)"
MERGED = Merged("c" * 40, "d" * 40, "e" * 40, "f" * 40, 7)
TOLD = Told((Change("a.b", ("create",)),), PLAN, {"create": 1, "update": 2, "delete": 0})


def result(told: Told | None = TOLD, *, new: bool = True) -> ApplyResult:
    return ApplyResult("demo", MERGED, new, told, 7, 8 if told and new else 7, 12.5)


def ends(monkeypatch: pytest.MonkeyPatch, with_: ApplyResult | Exception) -> list[ApplyOptions]:
    asked: list[ApplyOptions] = []

    def run(options: ApplyOptions, emit: object) -> ApplyResult:
        asked.append(options)
        if isinstance(with_, Exception):
            raise with_
        return with_

    monkeypatch.setattr(infra_apply, "run_apply", run)
    return asked


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (
            result(),
            f"{ABOUT} is applied to demo: 1 created, 2 changed, 0 deleted; state 7 → 8.\nPlan {PLAN}\n",
        ),
        (result(None), f"{ABOUT} changes nothing in demo: state 7.\n"),
        (result(new=False), f"{ABOUT} is applied to demo already: state 7.\n"),
    ],
)
def test_it_says_what_was_done(
    ended: ApplyResult, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ends(monkeypatch, ended)
    assert main(["--name", "demo", "infra", "apply", "--checked", PLAN]) == 0
    assert capsys.readouterr().out == said
    assert asked == [ApplyOptions(tmp_path, "demo", PLAN)]


def test_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    ends(monkeypatch, result())
    assert main(["infra", "apply", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["pull"], document["new"], document["repository"]) == (7, True, "pov/deal")
    assert document["plan"]["changes"] == [{"address": "a.b", "actions": ["create"]}]


def test_what_is_refused_ends_with_4_and_what_would_be_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ends(monkeypatch, CriterionNotMet("the state has moved", details=["now: create a.b"], fix="look"))
    assert main(["infra", "apply"]) == 4
    assert "the state has moved\n  - now: create a.b\n  fix: look" in capsys.readouterr().err


def test_what_it_needs_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["infra", "apply", "--checked", "not a digest"]) == 2
    assert "is no digest of a plan" in capsys.readouterr().err
    assert main(["infra", "apply", "--checked", ""]) == 2
    assert "it is empty" in capsys.readouterr().err
    assert main(["infra", "apply"]) == 1
    assert "no environment" in capsys.readouterr().err
