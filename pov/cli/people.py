"""`pov people`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pov.base.errors import InvalidInput, Problem
from pov.cli.app import Group, command_options, settings
from pov.cli.given import NAME, Number
from pov.cli.tables import show, table

if TYPE_CHECKING:
    from pov.workflows.people import PeopleResult, Which

_RUN = click.option("--run", type=NAME, metavar="ID", help="Another run than the newest.")
_BY = click.option(
    "--by", type=NAME, required=True, metavar="ALIAS", help="Who says so: the one whose recording it is."
)


@click.group(cls=Group)
@command_options
def command() -> None:
    """Recordings of people at a terminal: list, watch, agree to, take back."""


@command.command("list")
@_RUN
@command_options
def list_command(run: str | None) -> None:
    """List a run's recordings, and who agreed to which."""
    from pov.workflows import people

    show(people.listed(_which(run)), _in_words)


@command.command("play")
@click.argument("recording", type=NAME)
@click.option("--speed", type=Number(0.5, 4), default=1.0, show_default=True, help="Times as fast.")
@_RUN
@command_options
def play_command(recording: str, speed: float, run: str | None) -> None:
    """Show a recording; a standstill lasts 2 seconds at most. Watched is what was shown on a terminal to its end."""
    from pov.workflows import people

    if settings().json:
        raise InvalidInput([Problem("--json", "a recording is to be watched, and is no JSON document", "leave it out")])
    result = people.play(_which(run, recording), _write, speed=speed, counts=sys.stdout.isatty())
    show(result, _in_words)


@command.command("agree")
@click.argument("recording", type=NAME)
@_BY
@_RUN
@command_options
def agree_command(recording: str, by: str, run: str | None) -> None:
    """Agree that reports of the run carry the recording, having watched it."""
    from pov.workflows import people

    show(people.agree(_which(run, recording), by), _in_words)


@command.command("withdraw")
@click.argument("recording", type=NAME)
@click.option("--delete", is_flag=True, help="Delete the recording, too.")
@_BY
@_RUN
@command_options
def withdraw_command(recording: str, delete: bool, by: str, run: str | None) -> None:
    """Agree no longer. Reports written before still carry it."""
    from pov.workflows import people

    show(people.withdraw(_which(run, recording), by, delete=delete), _in_words)


def _which(run: str | None, recording: str = "") -> Which:
    from pov.workflows.people import Which

    return Which(settings().root, settings().name, run, recording)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _in_words(result: PeopleResult) -> str:
    if not result.recordings:
        return f"Run {result.run} has no recording of a person"
    rows = [[one.name, one.by or "–", one.state] for one in result.recordings]
    return f"Run {result.run}\n\n{table(['recording', 'by', 'state'], rows)}"
