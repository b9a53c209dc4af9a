"""What documents and messages tell people to type: every command of it is there, with these options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pov.cli.app import COMMANDS, cli
from pov.cli.main import main
from tests.unit.cli.test_given import everything

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("scenarios/*/README.md"))
    if not path.name.startswith("CHANGELOG") and not set(path.relative_to(ROOT).parts) & {".venv", ".pov", "pov-demo"}
)
SOURCES = sorted((ROOT / "pov").rglob("*.py"))
_TYPED = re.compile(r"(?:^|[`(;] ?)pov ((?:[a-z][a-z|\\]*)(?: (?:--?|[A-Za-z.\[{(])[^\s`'\";,]*)*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def typed_in(text: str) -> Iterator[str]:
    """Commands in backticks, and lines of blocks that begin with one."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip().startswith("pov "))
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (" ".join(found.split()) for found in re.findall(r"`(pov [^`]+)`", outside))


def told_by(source: str) -> Iterator[str]:
    """Commands in a module's texts: what an error says to type next, mostly."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (f"pov {found}" for found in _TYPED.findall(node.value) if found.split()[0] in COMMANDS)


def unknown(line: str) -> list[str]:
    """What of a command line is no command, or no option of it."""
    words = line.split("  ", maxsplit=1)[0].split("#", maxsplit=1)[0].replace("\\", "").split()[1:]
    globals_ = [option for one in cli.params for option in one.opts]
    while words and words[0].startswith("--"):
        words = words[1:] if words[0] in {"--json", "--plain", "--version", "--help"} else words[2:]
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return []
    command = cli.get_command(click.Context(cli), words[0])
    if command is None:
        return [words[0]]
    commands = [command]
    if isinstance(command, click.Group) and len(words) > 1 and re.fullmatch(r"[a-z|]+", words[1]):
        names = words[1].split("|")
        if lost := [name for name in names if name not in command.commands]:
            return lost
        commands = [command.commands[name] for name in names]
    known = {option for one in commands for parameter in one.params for option in parameter.opts}
    return [option for option in _OPTION.findall(" ".join(words)) if option not in {*known, *globals_, "--help"}]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_tells_commands_that_there_are(path: Path) -> None:
    wrong = {line: found for line in typed_in(path.read_text()) if (found := unknown(line))}
    assert not wrong


def test_messages_tell_commands_that_there_are() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {line}": found
        for path in SOURCES
        for line in told_by(path.read_text())
        if (found := unknown(line))
    }
    assert not wrong


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pov up", []),
        ("pov runs show", []),
        ("pov runs sow", ["sow"]),
        ("pov upp", ["upp"]),
        ("pov verify RUN --sign KEY --as NAME", []),
        ("pov verify RUN --key KEY", ["--key"]),
        (r"pov scope request\|aprove", ["aprove"]),
        ("pov --engagement acme criteria sheet", []),
        ("pov measure --resume RUN --json", []),
    ],
)
def test_what_is_wrong_with_a_line_is_found(line: str, found: list[str]) -> None:
    assert unknown(line) == found


def test_a_group_lists_each_command_with_a_whole_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bundle", "criteria", "people", "runs", "scenarios", "scope"):
        assert main([name, "--help"]) == 0
        listed = " ".join(capsys.readouterr().out.partition("Commands:")[2].split())
        assert "..." not in listed
        command = cli.get_command(click.Context(cli), name)
        assert isinstance(command, click.Group)
        assert all(f"{one} {below.get_short_help_str(999)}" in listed for one, below in command.commands.items())


def test_every_option_says_what_it_is_for() -> None:
    silent = [f"{' '.join(words)} {one.opts[0]}" for words, one in everything() if isinstance(one, click.Option)
              and not one.hidden and not one.help]  # fmt: skip
    assert silent == []
