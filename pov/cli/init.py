"""`pov init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import ENGAGEMENT_FILE as FILE
from pov.cli.app import as_typed, command_options
from pov.cli.console import console
from pov.cli.given import NAME, PLACE
from pov.cli.tables import pairs, show

if TYPE_CHECKING:
    from pov.workflows.init import InitResult


@click.command()
@click.argument("folder", metavar="NAME", type=PLACE)
@click.option(
    "--scenario", type=NAME, default="gitops-35", show_default=True, metavar="S", help="A scenario's name or path."
)
@click.option("--customer", default="", metavar="TEXT", help="The customer's name as the report prints it.")
@click.option("--stated-by", default="", metavar="WHO", help="Who is asked for the stated figures.")
@click.option("--example", is_flag=True, help="Fill the stated figures in, each marked as an example.")
@command_options
def command(folder: Path, scenario: str, customer: str, stated_by: str, example: bool) -> None:
    """Write an engagement folder: customer, services under proof, places for stated figures, criteria.

    NAME is a new folder, or one without these files; nothing is overwritten. What the customer states is left empty:
    it comes from the customer.
    """
    from pov.workflows import init

    with console() as emit:
        result = init.run(init.InitOptions(folder, scenario, customer, stated_by, example), emit)
    show(result, lambda done: _in_words(done, folder))


def _in_words(result: InitResult, folder: Path) -> str:
    typed = as_typed(folder)
    commands = {f"$EDITOR {as_typed(folder / FILE)}": "who stated what, and what was agreed", f"cd {typed}": ""}
    commands["pov up"] = "bring it up"
    return "\n".join([*(str(path) for path in result.files), "", "Next:", pairs(commands)])
