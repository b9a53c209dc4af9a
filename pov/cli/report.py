"""`pov report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME
from pov.cli.tables import duration, pairs, show

if TYPE_CHECKING:
    from pov.workflows.report import ReportResult


@click.command()
@click.option("--run", type=NAME, metavar="ID", help="Another run than the newest.")
@click.option("--format", "formats", default="pdf,json", show_default=True, metavar="LIST", help="pdf, json, xlsx.")
@command_options
def command(run: str | None, formats: str) -> None:
    """Write the report of a run, from its saved files alone: no environment is needed."""
    chosen = settings()
    from pov.workflows import report

    wanted = tuple(part.strip() for part in formats.split(",") if part.strip())
    with console() as emit:
        result = report.run(report.ReportOptions(chosen.root, chosen.name, run, wanted), emit)
    show(result, _in_words)


def _in_words(result: ReportResult) -> str:
    lines = [f"  ! {problem}" for problem in result.problems]
    lines += [f"Verdict of run {result.run}:", *(f"  {sentence}" for sentence in result.verdict)]
    lines.append(f"\nIts report, in {duration(result.seconds)}:")
    lines.append(pairs({kind: str(path) for kind, path in result.paths.items()}))
    return "\n".join(lines)
