from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput
from pov.base.paths import data
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
    assert ".pov/" in (result.folder / ".gitignore").read_text()


def test_a_criterion_is_written_whole(tmp_path: Path) -> None:
    text = (data("scenarios") / "quickstart" / "scenario.yaml").read_text()
    path = tmp_path / "own.yaml"
    path.write_text(text + "    timeoutMs: 500\n")
    engagement = load_engagement(run(InitOptions(tmp_path / "acme", str(path)), silent).folder)
    assert engagement.criteria == load_scenario(str(path)).criteria
    assert engagement.criteria[-1].primary_against == "manual"


WISHES = [
    InitOptions(Path("acme")),
    InitOptions(Path("acme"), stated_by="Jo, Head of Ops"),
    InitOptions(Path("acme"), customer="Acme Ltd", stated_by="Jo"),
]


@pytest.mark.parametrize("wish", WISHES, ids=range(len(WISHES)))
def test_no_word_is_put_into_the_customers_mouth(tmp_path: Path, wish: InitOptions) -> None:
    engagement = load_engagement(run(replace(wish, folder=tmp_path / wish.folder), silent).folder)
    assert engagement.baseline
    assert [(figure.value, figure.when, figure.example) for figure in engagement.baseline] == [(None, None, False)] * 5
    assert engagement.stated == ()
    written = (tmp_path / "acme" / "engagement.yaml").read_text()
    stated = written.partition("baseline:")[2].partition("criteria:")[0]
    assert not {"45", "30", "32", "4", "3"} & set(stated.split())
    assert f"{SYSTEM_CLOCK.wall():%Y-%m-%d}" not in written


def test_examples_are_marked_as_such(tmp_path: Path) -> None:
    engagement = load_engagement(run(InitOptions(tmp_path / "acme", example=True), silent).folder)
    assert [figure.value for figure in engagement.stated] == [45, 30, 32, 4, 3]
    assert all(figure.example for figure in engagement.stated)
    assert {figure.by for figure in engagement.stated} == {"nobody: an example"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("value: 45", ["needs the name of who stated it", "needs the day on which it was stated"]),
        ("value: 45\n    by: Jo", ["needs the day"]),
        ("value: 45\n    by: ' '\n    when: 2026-10-01", ["needs the name"]),
        ("value: 45\n    by: Jo\n    when: soon", ["must be a date"]),
        ("value: many\n    by: Jo\n    when: 2026-10-01", ["must be a number"]),
    ],
)
def test_a_figure_that_is_stated_has_a_name_and_a_day(tmp_path: Path, given: str, told: list[str]) -> None:
    folder = run(InitOptions(tmp_path / "acme"), silent).folder
    head, _, _ = (folder / "engagement.yaml").read_text().partition("baseline:")
    figure = "baseline:\n  - id: deploy\n    figure: Deploy\n    unit: min\n    origin: stated\n    "
    (folder / "engagement.yaml").write_text(head + figure + given + "\n")
    with pytest.raises(InvalidInput) as caught:
        load_engagement(folder)
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == len(told)
    assert all(text in problem for text, problem in zip(told, problems, strict=True))
    assert all(problem.startswith(f"{folder}/engagement.yaml:") for problem in problems)


@pytest.mark.parametrize("file", ["engagement.yaml", "README.md", ".gitignore"])
def test_nothing_is_overwritten(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / file).write_text("mine")
    with pytest.raises(InvalidInput, match="not overwritten"):
        run(InitOptions(folder), silent)
    assert [path.name for path in folder.iterdir()] == [file]
    assert (folder / file).read_text() == "mine"


@pytest.mark.parametrize("text", ["a\x07", "M\udcfcnch", "\udcff\udcfe 株式会社"])
@pytest.mark.parametrize("option", ["--customer", "--stated-by"])
def test_characters_that_cannot_be_printed_are_refused(tmp_path: Path, option: str, text: str) -> None:
    wish = InitOptions(tmp_path / "acme")
    wish = replace(wish, customer=text) if option == "--customer" else replace(wish, stated_by=text)
    with pytest.raises(InvalidInput) as caught:
        run(wish, silent)
    assert [(problem.where, problem.fix) for problem in caught.value.problems] == [(option, "type it anew")]
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
