"""That somebody is named before a deal off the standard is approved; signatures are a contract test."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import CriterionNotMet, InvalidInput
from pov.model.events import Event, silent
from pov.workflows.approvals import CheckOptions, DecideOptions, Trust, run_check, run_decide
from pov.workflows.init import InitOptions, run

WHY = "reviewed with the team"


def deal(tmp_path: Path, scope: str) -> Path:
    folder = run(InitOptions(tmp_path / "acme"), silent).folder
    with (folder / "engagement.yaml").open("a") as file:
        file.write(f"scope: {{{scope}}}\n")
    return folder


@pytest.mark.parametrize("kind", ["scope", "iops", "override"])
def test_nothing_is_approved_before_a_solutions_architect_is_named(kind: str, tmp_path: Path) -> None:
    folder = deal(tmp_path, "users: 40000, cpu: 96")
    with pytest.raises(InvalidInput) as refused:
        run_decide(DecideOptions(folder, "approve", kind, WHY, 30, key=tmp_path / "key"), silent)
    (problem,) = refused.value.problems
    assert problem.where.endswith("engagement.yaml")
    assert "no solutions architect is named: it needs a review" in problem.message
    assert "scope.architect" in problem.fix
    assert not (folder / "approvals").exists()
    # To ask for it needs nobody.
    assert run_decide(DecideOptions(folder, "request", kind, WHY, 30), silent).paths


def test_a_record_is_kept_in_git_by_the_command_that_is_told_wherever_one_stands(tmp_path: Path) -> None:
    folder = deal(tmp_path / "a b", "users: 40000, cpu: 96")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    seen: list[Event] = []
    (record,) = run_decide(DecideOptions(folder, "request", "scope", WHY, 30), seen.append).paths
    command = seen[-1].message.partition("keep it in Git: ")[2]
    subprocess.run(shlex.split(command), check=True, cwd=tmp_path)
    listed = subprocess.run(["git", "-C", str(folder), "ls-files"], check=True, capture_output=True, text=True).stdout
    assert listed == f"approvals/{record.name}\n"


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("users: 40000, cpu: 96", ["scope is not approved", "no solutions architect is named"]),
        ("users: 40000, cpu: 96, architect: S. Olu", ["scope is not approved"]),
        ("users: 40000, dealValue: {amount: 100001, currency: USD}", ["no solutions architect is named"]),
        ("users: 40000", []),
    ],
)
def test_the_check_misses_a_name_as_it_misses_an_approval(scope: str, told: list[str], tmp_path: Path) -> None:
    (tmp_path / "signers").touch()
    found = run_check(CheckOptions(deal(tmp_path, scope), Trust(tmp_path / "signers")), silent)
    assert [line.partition(":")[0] for line in found.refused] == told
    found.raise_if_blocked()  # advice stops nothing
    blocking = replace(found, mode="block")
    if not told:
        blocking.raise_if_blocked()
        return
    with pytest.raises(CriterionNotMet) as stopped:
        blocking.raise_if_blocked()
    assert ("architect" in stopped.value.fix) is (told[-1] == "no solutions architect is named")
