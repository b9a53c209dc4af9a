"""What names something on the command line: an empty value, and a file that cannot be written, of every command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pov.base.errors import InvalidInput
from pov.base.files import in_the_way, require_writable, save
from pov.cli.app import COMMANDS, cli
from pov.cli.given import Name, Named, Number, Written
from pov.cli.main import main
from tests.unit.cli.surroundings import Surroundings
from tests.unit.reporting import simulated

Case = tuple[tuple[str, ...], click.Parameter]
"""The words that call a command, and one of its options or arguments."""


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[Case]:
    """Every parameter of a command and of those below it, with the words that call it."""
    for parameter in command.params:
        yield words, parameter
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, (*words, name))


def everything() -> list[Case]:
    context = click.Context(cli)
    found: list[Case] = [((), parameter) for parameter in cli.params]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found += walk(command, (name,))
    return found


PATHS = {"FILE", "DIR", "KEY"}
"""What options that take a path are called in a command's help."""
NAMES = [
    (words, one)
    for words, one in everything()
    if isinstance(one.type, (click.Path, Name)) or one.metavar in PATHS or one.name == "name"
]
OUTPUTS = [(words, one) for words, one in NAMES if isinstance(one.type, Written)]


def called(case: Case) -> str:
    return " ".join([*case[0], case[1].opts[0] if isinstance(case[1], click.Option) else str(case[1].name).upper()])


def typed(words: tuple[str, ...], one: click.Parameter, value: str) -> list[str]:
    return [*words, *([one.opts[0]] if isinstance(one, click.Option) else []), value]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_walk_finds_options_and_arguments_of_all_kinds() -> None:
    told = {called(case) for case in NAMES}
    assert {"--engagement", "--name", "init FOLDER", "criteria sign --key", "gate --junit", "verify --sign"} <= told
    written = {"bundle save FILE", "gate --junit", "scenarios smoke --junit", "scope sheet --out", "scope show --pdf"}
    assert written <= {called(case) for case in OUTPUTS}


@pytest.mark.parametrize("case", NAMES, ids=called)
def test_what_names_something_is_never_empty(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, one = case
    assert main(typed(words, one, "")) == 2
    said = capsys.readouterr().err
    assert "is a variable not set?" in said or "cannot name an environment" in said
    assert not list(tmp_path.iterdir())
    if not isinstance(one.type, Name) and one.name != "name":
        assert isinstance(one.type, Named)


@pytest.mark.parametrize("case", OUTPUTS, ids=called)
@pytest.mark.parametrize("file", ["folder", "pipe", "file/below", "/proc/none/page.pdf", "n" * 300, "loop"])
def test_a_file_that_cannot_be_written_is_told_before_any_work(
    case: Case, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, one = case
    Path("folder").mkdir()
    Path("file").write_text("kept")
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    before = sorted(Path().iterdir())
    assert main(typed(words, one, file)) == 2
    said = capsys.readouterr().err
    assert "Invalid value for" in said
    assert file[:40] in said or "file: is no folder" in said
    assert sorted(Path().iterdir()) == before
    assert Path("file").read_text() == "kept"


FRACTIONS = [(words, one) for words, one in everything() if isinstance(one.type, (click.types.FloatParamType, Number))]


@pytest.mark.parametrize("case", FRACTIONS, ids=called)
@pytest.mark.parametrize("value", ["nan", "-nan", "inf", "-inf", "1e999"])
def test_what_is_no_number_is_told_before_anything_is_reckoned_with_it(
    case: Case, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed(*case, value)) == 2
    assert f"Invalid value for '{case[1].opts[0]}'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [one[0] for one in FRACTIONS], ids=" ".join)
def test_no_help_tells_of_a_bound_that_is_none(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert "None" not in capsys.readouterr().out


VALUED = [
    (words, one)
    for words, one in everything()
    if isinstance(one, click.Option) and not one.is_flag and not one.count and not one.hidden
]


@pytest.mark.parametrize("case", VALUED, ids=called)
def test_of_an_option_without_its_value_the_help_of_its_command_is_named(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    words, one = case
    assert main([*words, one.opts[0]]) == 2
    err = capsys.readouterr().err
    assert "requires an argument" in err
    assert err.endswith(f"fix: {' '.join(['pov', *words])} --help\n")


def test_options_that_take_a_fraction_are_among_those_that_are_walked() -> None:
    assert {called(case) for case in FRACTIONS} >= {"people play --speed", "measure --error-rate"}


WRITABLE = ["new", "there", "a/b/new", "link", "nowhere"]


@pytest.mark.parametrize("name", WRITABLE)
def test_what_can_be_written_is_found_so_and_nothing_is_left_of_the_question(name: str) -> None:
    Path("there").write_text("old")
    Path("link").symlink_to("there")
    Path("nowhere").symlink_to("target")
    before = sorted(Path().rglob("*"))
    assert in_the_way(Path(name)) == []
    require_writable(Path(name))
    assert sorted(Path().rglob("*")) == before
    save(Path(name), "new")
    assert Path(name).read_text() == "new"
    assert Path(name).is_symlink() == (name in {"link", "nowhere"})


def test_every_file_that_cannot_be_written_is_told_at_once() -> None:
    Path("folder").mkdir()
    with pytest.raises(InvalidInput) as caught:
        require_writable(Path("folder"), Path("fine"), Path("/proc/none/x"))
    assert [problem.where for problem in caught.value.problems] == ["folder", "/proc/none/x"]


@pytest.mark.parametrize(
    ("arguments", "blocked"),
    [
        (["report", "--format", "json"], ".pov/one/reports"),
        (["criteria", "sheet"], "criteria-sheet.pdf"),
        (["verify", "--sign", "../key", "--as", "ines"], "allowed_signers"),
    ],
)
def test_files_that_a_command_names_itself_are_asked_for_before_long_work(
    arguments: list[str], blocked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("this is the long work")

    assert main(["init", "acme"]) == 0
    Path("key").write_text("not looked at")
    monkeypatch.chdir("acme")
    simulated.save(Path(".pov/one/runs"))
    path = Path(blocked)
    if path.suffix or path.name == "allowed_signers":
        path.mkdir()
    else:
        path.write_text("a file in the place of a folder")
    monkeypatch.setattr("pov.workflows.report.composed", work)
    monkeypatch.setattr("pov.reporting.lettering.problems", work)
    capsys.readouterr()
    assert main(arguments) == 2
    assert path.name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sign", "none", "--as", "ines"], "none: no such key"),
        (["--sign", "key", "--as", "a b"], "cannot name a signer"),
    ],
)
def test_who_cannot_sign_is_told_before_anything_is_verified(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("this is the long work")

    assert main(["init", "acme"]) == 0
    monkeypatch.chdir("acme")
    simulated.save(Path(".pov/one/runs"))
    Path("key").write_text("not looked at")
    monkeypatch.setattr("pov.workflows.report.composed", work)
    assert main(["verify", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_modes_are_minded_for_who_is_not_root(tmp_path: Path) -> None:
    around = Surroundings(tmp_path)
    (around.here / "closed").mkdir(mode=0o555)
    done = around.pov("scope", "sheet", "--out", "closed/page.pdf", powerless=True)
    assert done.returncode == 2, done.stderr
    assert "Invalid value for '--out': " in done.stderr
