"""`pov infra`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME
from pov.cli.tables import duration, show, table
from pov.model.reading import items, text

if TYPE_CHECKING:
    from pov.state.terraform_log import Entry
    from pov.workflows.infra import LogResult
    from pov.workflows.infra_apply import ApplyResult


@click.group(cls=Group)
@command_options
def command() -> None:
    """What Terraform does to an environment, and did."""


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


@command.command("apply")
@click.option(
    "--checked",
    type=NAME,
    metavar="DIGEST",
    help="Of the plan on the state as it is now, where that has moved since the gate's verdict.",
)
@command_options
def apply_command(checked: str | None) -> None:
    """Apply what was merged last in the environment's pov/deal: that very plan which the gate had let through.

    It is planned and judged again. Nothing is applied, and it ends with code 4, where the gate was not green, where it
    is refused by now, or where the plan is another: then it tells what it would do.
    """
    from pov.workflows import infra_apply

    chosen = settings()
    options = infra_apply.ApplyOptions(chosen.root, chosen.name, checked)
    with console() as emit:
        result = infra_apply.run_apply(options, emit)
    show(result, _applied_in_words)


def _applied_in_words(result: ApplyResult) -> str:
    merged = result.merged
    about = f"pull request {merged.pull} of pov/deal (commit {merged.commit[:10]})"
    if not result.new:
        return f"{about} is applied to {result.name} already: state {result.after}."
    if result.told is None:
        return f"{about} changes nothing in {result.name}: state {result.after}."
    done = {"create": "created", "update": "changed", "delete": "deleted"}
    counts = ", ".join(f"{count} {done[action]}" for action, count in result.told.actions.items())
    return (
        f"{about} is applied to {result.name}: {counts}; state {result.before} → {result.after}.\n"
        f"Plan {result.told.digest}"
    )


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
