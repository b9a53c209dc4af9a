"""`pov up`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME
from pov.cli.tables import duration, pairs, show

if TYPE_CHECKING:
    from pov.workflows.up import UpResult


@click.command()
@click.argument("scenario", type=NAME, required=False)
@click.option("--services", type=int, metavar="N", help="Another number of services, 1 to 1000; kept from then on.")
@click.option("--target", type=NAME, metavar="KIND", help="Where it runs: where it ran before, else `kind`.")
@click.option(
    "--images",
    type=click.Choice(["auto", "official", "built"]),
    default="auto",
    show_default=True,
    help="Official images where they can be pulled, or those of the bundle.",
)
@click.option(
    "--checked", type=NAME, metavar="DIGEST", help="Of the plan that `pov gate` checked: another one is not applied."
)
@command_options
def command(scenario: str | None, services: int | None, target: str | None, images: str, checked: str | None) -> None:
    """Bring the environment up, or finish what was cut off.

    SCENARIO is a name (`pov scenarios list`) or a path; left out, it is the engagement's, else gitops-35. Run twice,
    it changes nothing. It ends when every edge, from each service to those that it calls, answers over mutual TLS.
    """
    chosen = settings()
    from pov.workflows import up

    options = up.UpOptions(chosen.root, chosen.name, chosen.engagement, scenario, services, target, images, checked)
    with console() as emit:
        result = up.run(options, emit)
    show(result, _in_words)


def _in_words(result: UpResult) -> str:
    hint = settings().hint
    head = (
        f"{result.name} is up ({result.scenario}) after {duration(result.seconds)}."
        if result.changed
        else f"{result.name} is up ({result.scenario}): no changes, checked in {duration(result.seconds)}."
    )
    commands = {
        f"pov open{hint}": "pages, and how to log in",
        f"pov measure{hint}": "measure it",
        f"pov down{hint}": "take it away again",
    }
    return "\n".join([head, "", pairs(result.addresses), "", "Next:", pairs(commands)])
