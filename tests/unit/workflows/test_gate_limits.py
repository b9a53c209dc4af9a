"""What the gate hands on of a scope and of what is asked for; the programs that judge it are a contract test."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import InvalidInput
from pov.config.offering import shipped
from pov.model.events import silent
from pov.workflows import approvals, gate
from pov.workflows.approvals import Trust
from pov.workflows.gate import GateOptions, run_gate
from pov.workflows.init import InitOptions, run

STAGES = "apiVersion: pov.dev/v1\nkind: Stages\nstages:\n  prod: {cpu: 8, memoryGib: 100000, pods: 9, services: 9}\n"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the plan would be made with, kept here in place of a plan."""
    kept: list[Any] = []

    def planned(*arguments: Any) -> Any:
        kept.append(arguments[-1])
        return gate._Planned(())

    monkeypatch.setattr(gate, "_planned", planned)
    monkeypatch.setattr(gate, "_text", lambda *_: gate.Check("text of the change"))
    return kept


def options(tmp_path: Path, scope: str) -> GateOptions:
    folder = run(InitOptions(tmp_path / "acme"), silent).folder
    with (folder / "engagement.yaml").open("a") as file:
        file.write(f"scope: {scope}\n")
    for name, text in (("stages.yaml", STAGES), ("signers", "")):
        (tmp_path / name).write_text(text)
    programs: Any = SimpleNamespace(conftest=tmp_path / "none")
    return GateOptions(folder, Trust(tmp_path / "signers"), stages=tmp_path / "stages.yaml", programs=programs)


def test_stages_are_held_against_the_scope_and_against_what_the_platform_has(tmp_path: Path, asked: list[Any]) -> None:
    found = run_gate(options(tmp_path, "{users: 40000, memoryGib: 64}"), silent)
    bounds = asked[0].given["bounds"]
    assert bounds["memory_gib"] == {"most": 64, "of": "the scope of acme names"}
    assert bounds["iops"] == {"most": 9999, "of": "size Medium includes"}
    advice = [one.in_words for one in found.checks[0].advice]
    assert any("GiB of memory: 100,000 asked, 8,192 of 8,192 left" in line for line in advice), advice


def unseen(found: Any) -> dict[str, str]:
    return {one.name: one.not_checked for one in found.checks if one.name.startswith("capacity")}


def test_what_of_capacity_was_not_looked_at_is_told_and_nothing_else(
    tmp_path: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    judged = options(tmp_path, "{users: 40000, cpu: 8}")
    others = "capacity over other deals"
    told = unseen(run_gate(judged, silent))
    assert list(told) == [others]
    assert "no register of their approvals is at hand (--register DIR)" in told[others]
    (tmp_path / "register").mkdir()
    assert unseen(run_gate(replace(judged, register=tmp_path / "register"), silent)) == {}
    nobody = replace(judged, register=tmp_path / "register", trust=Trust(tmp_path / "no-file"))
    assert list(unseen(run_gate(nobody, silent))) == [others], "whose approvals count nobody can tell"
    (tmp_path / "config" / "pov" / "register").mkdir(parents=True)
    assert unseen(run_gate(judged, silent)) == {}, "the user's own"
    own = tmp_path / "offering.yaml"
    own.write_text(shipped().read_text().replace("  iops: 120000\n", ""))
    found = run_gate(replace(judged, offering=own), silent)
    assert unseen(found) == {"capacity": "what the platform has of IOPS is not known"}
    assert not found.refusals


@pytest.mark.parametrize("mode", ["advise", "block"])
def test_a_platform_whose_figures_count_no_more_is_told_in_either_mode(
    mode: str, tmp_path: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "_mandate", lambda *_: None)
    own, made_up = tmp_path / "offering.yaml", "example: true\n  source: made up to show the form\n  asOf: 2026-11-28"
    before, platform, after = shipped().read_text().partition("\nplatform:\n")
    own.write_text(before + platform + after.replace(made_up, "source: inventory\n  asOf: 2020-01-01", 1))
    judged = replace(options(tmp_path, "{users: 40000, memoryGib: 900000}"), offering=own, mode=mode)
    found = run_gate(judged, silent)
    said = found.refusals if mode == "block" else found.checks[0].advice
    assert any(one.what.startswith("what the platform has needs a new figure") for one in said), said
    assert "days old; after 180 none counts" in unseen(found)["capacity"]
    assert asked[0].given["bounds"]["memory_gib"] == {"most": 8192, "of": "the platform has"}, "old, and bounds"


@pytest.mark.parametrize("named", [True, False])
def test_a_deal_off_the_standard_without_an_architect_is_refused_where_the_gate_blocks(
    named: bool, tmp_path: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = options(tmp_path, "{users: 40000, cpu: 96" + (", architect: S. Olu}" if named else "}"))

    def told(refusals: tuple[gate.Refusal, ...]) -> bool:
        return any("no solutions architect is named" in one.what for one in refusals)

    assert told(run_gate(judged, silent).checks[0].advice) is not named
    monkeypatch.setattr(approvals, "_mandate", lambda *_: None)  # that of the CTO is a contract test
    found = run_gate(replace(judged, mode="block"), silent)
    assert told(found.refusals) is not named
    assert asked, "it was planned all the same"


def test_a_record_that_was_taken_out_is_refused_in_either_mode(tmp_path: Path, asked: list[Any]) -> None:
    judged = options(tmp_path, "{users: 5000, cpu: 8}")
    record = judged.folder / "approvals" / "1-refuse-scope.json"
    record.parent.mkdir()
    record.write_text("{}")
    git = ["git", "-c", "user.name=pat", "-c", "user.email=pat@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "refused"]):
        subprocess.run([*git, *command], cwd=judged.folder, check=True, timeout=30)

    def records(base: str | None) -> list[gate.Check]:
        found = run_gate(replace(judged, base=base), silent)
        return [check for check in found.checks if check.name == "records"]

    record.unlink()
    (check,) = records("HEAD")
    assert [one.what for one in check.refusals] == ["approvals/1-refuse-scope.json is not there"]
    (check,) = records("")
    assert check.not_checked
    assert not check.refusals
    assert records(None) == []
    with pytest.raises(InvalidInput, match="there is no commit nowhere here"):
        records("nowhere")
