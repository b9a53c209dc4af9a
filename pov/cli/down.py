"""`pov down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.tables import duration, show

if TYPE_CHECKING:
    from pov.workflows.down import DownResult


@click.command()
@click.option(
    "--images",
    is_flag=True,
    help="Remove the images that pov made from the container storage, too; images that it pulled stay.",
)
@command_options
def command(images: bool) -> None:
    """Take the environment away.

    Of its own files stay runs, reports, evidence of controls, the journal and the log of Terraform runs.
    Images stay without --images, and the cache of engines in ~/.cache/pov does: later environments use both. Run again,
    it changes nothing.
    """
    chosen = settings()
    from pov.workflows import down

    with console() as emit:
        result = down.run(down.DownOptions(chosen.root, chosen.name, images), emit)
    show(result, _in_words)


def _in_words(result: DownResult) -> str:
    if result.name is None:
        return f"Nothing is up in {settings().root}, no changes."
    if not result.removed:
        return f"{result.name}: nothing was there, no changes."
    lines = [f"{result.name} is down, in {duration(result.seconds)}."]
    lines += [f"  removed  {what}" for what in result.removed] if settings().verbose else []
    lines += [f"  kept     {path}" for path in result.kept]
    return "\n".join(lines)
