"""`pov doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.base.errors import PreflightFailed, Problem
from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.tables import show, table

if TYPE_CHECKING:
    from pov.workflows.doctor import DoctorResult

_MARKS = {"ok": "✓", "warning": "!", "lacking": "✗"}


@click.command()
@click.option("--fix", is_flag=True, help="Install and set what is lacking.")
@command_options
def command(fix: bool) -> None:
    """Tell what this machine lacks, and how to get it. Ends with code 3 when something is lacking."""
    chosen = settings()
    from pov.workflows import doctor

    with console() as emit:
        result = doctor.run(doctor.DoctorOptions(chosen.root, fix), emit)
    show(result, _in_words)
    if not result.ok:
        lacking = [check for check in result.checks if check.verdict == "lacking"]
        raise PreflightFailed([Problem(check.name, check.found, check.fix) for check in lacking])


def _in_words(result: DoctorResult) -> str:
    rows = [[_MARKS[check.verdict], check.name, check.found, check.fix] for check in result.checks]
    lines = [table(["", "check", "found", "how to get it"], rows)]
    lines += [f"fixed: {what}" for what in result.fixed]
    return "\n".join(lines)
