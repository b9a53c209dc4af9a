"""What the gate hands on of a scope and of what is asked for; the programs that judge it are a contract test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.model.events import silent
from pov.workflows import gate
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


def test_stages_are_held_against_the_scope_and_against_what_the_platform_has(tmp_path: Path, asked: list[Any]) -> None:
    folder = run(InitOptions(tmp_path / "acme"), silent).folder
    with (folder / "engagement.yaml").open("a") as file:
        file.write("scope: {users: 40000, memoryGib: 64}\n")
    for name, text in (("stages.yaml", STAGES), ("signers", "")):
        (tmp_path / name).write_text(text)
    programs: Any = SimpleNamespace(conftest=tmp_path / "none")
    options = GateOptions(folder, Trust(tmp_path / "signers"), stages=tmp_path / "stages.yaml", programs=programs)
    found = run_gate(options, silent)
    bounds = asked[0].given["bounds"]
    assert bounds["memory_gib"] == {"most": 64, "of": "the scope of acme names"}
    assert bounds["iops"] == {"most": 9999, "of": "size Medium includes"}
    advice = [one.in_words for one in found.checks[0].advice]
    assert any("GiB of memory: 100,000 asked, 8,192 of 8,192 left" in line for line in advice), advice
