"""`pov infra`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, command_options, settings
from pov.cli.tables import duration, show, table
from pov.model.reading import items, text

if TYPE_CHECKING:
    from pov.state.terraform_log import Entry
    from pov.workflows.infra import LogResult


@click.group(cls=Group)
@command_options
def command() -> None:
    """What Terraform did to an environment."""


@command.command("log")
@command_options
def log_command() -> None:
    """List every run of Terraform: when, who, by which plan, the state before and after, and what came of it.

    With -v the objects that each run changed, by address. Ends with code 4 where a line was changed or is gone.
    """
    from pov.workflows import infra

    chosen = settings()
    result = infra.run_log(chosen.root, chosen.name)
    show(result, _in_words)
    result.raise_for()


def _in_words(result: LogResult) -> str:
    killed = {entry.run for entry in result.log.cut_off}
    ended = [entry for entry in result.log.entries if entry.result != "begun" or entry.run in killed]
    head = ["when", "who", "command", "plan", "changes", "state", "result", "took"]
    count = "1 run" if len(ended) == 1 else f"{len(ended)} runs"
    parts = [f"{result.name}: {count} of Terraform", table(head, [_row(one, killed) for one in ended])]
    if settings().verbose:
        parts += [told for one in ended if (told := _changes(one))]
    if result.log.problems:
        lines = [f"  - {problem}" for problem in result.log.problems]
        parts.append("\n".join([click.style("Not as it was written:", fg="yellow"), *lines]))
    return "\n\n".join(parts)


def _row(entry: Entry, killed: set[str]) -> list[str]:
    serials = [str(mark["serial"]) for mark in (entry.before, entry.after) if "serial" in mark]
    result = "cut off" if entry.run in killed and entry.result == "begun" else entry.result
    return [
        entry.at,
        entry.actor,
        entry.command,
        entry.plan[:12],
        str(len(entry.changes)),
        " → ".join(serials),
        f"{result}: {entry.why}" if entry.why else result,
        duration(entry.seconds) if entry.seconds else "",
    ]


def _changes(entry: Entry) -> str:
    # A line that somebody changed may hold anything: it is shown all the same, beside what is wrong with it.
    lines = [f"  {'/'.join(map(text, items(one.get('actions'))))} {text(one.get('address'))}" for one in entry.changes]
    about = entry.configuration
    of = [text(about.get("of")), f"commit {text(about['commit'])[:12]}" if about.get("commit") else ""]
    return "\n".join([f"{entry.at}, {', '.join(filter(None, of))}:", *lines]) if lines else ""
