"""`pov compliance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.tables import show, table

if TYPE_CHECKING:
    from pov.workflows.compliance import ComplianceResult

_MARKS = {"met": "✓", "not met": "✗", "not shown": "?", "not applicable": "–"}


@click.command()
@command_options
def command() -> None:
    """Look at twelve controls of PCI DSS and SOC 2 on the live environment, and keep the evidence.

    Changes are tried as dry runs alone. Ends with code 4 when a control is not met, with 5 when none is not met and one
    is not shown.
    """
    chosen = settings()
    from pov.workflows import compliance

    with console() as emit:
        result = compliance.run(compliance.ComplianceOptions(chosen.root, chosen.name), emit)
    show(result, _in_words)
    result.raise_for()


def _in_words(result: ComplianceResult) -> str:
    rows = [
        [
            _MARKS[one.finding.result],
            f"{one.control.standard} {one.control.number}",
            one.finding.result,
            one.finding.said,
        ]
        for one in result.judgements
    ]
    lines = [f"{result.name}, {result.checked}", "", table(["", "control", "result", "what was seen"], rows)]
    if settings().verbose:
        lines += ["", *(_more(one.control.number, one.control.looks, one.control.leaves) for one in result.judgements)]
    lines += ["", f"A control that is met is met in what was looked at (-v, or {result.folder})."]
    return "\n".join(lines)


def _more(number: str, looks: str, leaves: str) -> str:
    return f"{number}: looked at {looks}; not looked at: {leaves}"
