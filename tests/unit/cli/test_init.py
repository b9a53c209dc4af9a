from __future__ import annotations

from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.cli.main import main
from pov.config.engagement import load_engagement
from pov.config.scenario import list_scenarios, load_scenario
from pov.model.events import silent
from pov.workflows.init import InitOptions, run


@pytest.mark.parametrize("scenario", list_scenarios())
def test_what_is_written_is_a_valid_engagement(tmp_path: Path, scenario: str) -> None:
    options = InitOptions(tmp_path / "acme", scenario, 'Acme "Pay": # ✓ Ltd', "Jo, Head of Ops")
    result = run(options, silent)
    engagement = load_engagement(result.folder)
    assert engagement.name == "acme"
    assert engagement.customer.name == 'Acme "Pay": # ✓ Ltd'
    assert engagement.scenario == scenario
    assert engagement.proof.services == load_scenario(scenario).pov_services
    assert engagement.criteria == load_scenario(scenario).criteria
    deploy = next(figure for figure in engagement.baseline if figure.experiment == "deploy")
    assert (deploy.value, deploy.unit, deploy.origin, deploy.by) == (45, "min", "stated", "Jo, Head of Ops")
    assert ".pov/" in (result.folder / ".gitignore").read_text()


@pytest.mark.parametrize("file", ["engagement.yaml", "README.md", ".gitignore"])
def test_nothing_is_overwritten(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / file).write_text("mine")
    with pytest.raises(InvalidInput, match="not overwritten"):
        run(InitOptions(folder), silent)
    assert [path.name for path in folder.iterdir()] == [file]
    assert (folder / file).read_text() == "mine"


def test_characters_that_cannot_be_printed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--customer"):
        run(InitOptions(tmp_path / "acme", customer="a\x07"), silent)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_after_it_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "acme"]) == 0
    out = capsys.readouterr().out
    assert "cd acme" in out
    assert "pov up" in out
    assert (tmp_path / "acme" / "engagement.yaml").is_file()
