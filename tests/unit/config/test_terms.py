"""What is agreed beside the criteria: faults by line, and nothing made up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.config.terms import Owner, Terms
from pov.model.events import silent
from pov.workflows import init


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An engagement folder as `pov init` leaves it."""
    init.run(init.InitOptions(tmp_path / "acme"), silent)
    return tmp_path / "acme"


def with_terms(root: Path, text: str) -> Path:
    """The engagement file with other terms."""
    file = root / "engagement.yaml"
    before = file.read_text()
    file.write_text(before[: before.index("\nterms:")] + f"\n{text}\n")
    return file


def test_an_engagement_begins_with_nothing_agreed(root: Path) -> None:
    assert load_engagement(root).terms == Terms()


def test_what_was_agreed_is_read(root: Path) -> None:
    with_terms(root, "terms:\n  owners: [{role: Decision, name: Ines}]\n  decisionOn: 2026-12-11\n  stopRule: At five")
    terms = load_engagement(root).terms
    assert terms == Terms(
        owners=(Owner(role="Decision", name="Ines"),), decisionOn=date(2026, 12, 11), stopRule="At five"
    )  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("terms:\n  stopRules: x", "stopRule"),
        ("terms:\n  decisionOn: soon", "decisionOn"),
        ("terms:\n  owners: [{role: Decision}]", "name"),
        ("terms:\n  owners: [{role: '', name: Ines}]", "role"),
        ("terms:\n  touches: everything", "touches"),
        ("terms: 5", "terms"),
    ],
)
def test_faults_are_told_by_line(root: Path, text: str, told: str) -> None:
    file = with_terms(root, text)
    with pytest.raises(InvalidInput) as caught:
        load_engagement(root)
    said = f"{caught.value.message} {caught.value.fix} {' '.join(caught.value.details)}"
    assert f"{file}:" in said
    assert told in said
