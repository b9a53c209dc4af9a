"""`pov status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.tables import pairs, remaining, show, table

if TYPE_CHECKING:
    from pov.workflows.status import StatusResult


@click.command()
@command_options
def command() -> None:
    """Tell what runs, in which version, how healthy, how long its certificates last, and where to look at it."""
    chosen = settings()
    from pov.workflows import status

    with console() as emit:
        result = status.run(status.StatusOptions(chosen.root, chosen.name), emit)
    show(result, _in_words)


def _in_words(result: StatusResult) -> str:
    parts = [f"{result.name} ({result.scenario})", pairs(result.addresses)]
    if result.applications:
        rows = [[app["name"], app["sync"], app["health"], app["revision"][:10]] for app in result.applications]
        parts.append(table(["application", "sync", "health", "revision"], rows))
    if result.services:
        parts.append(_services(result))
    if result.authorities:
        parts.append(pairs({f"{ca.name}, valid for": remaining(ca.not_after) for ca in result.authorities}))
    if settings().verbose:
        parts.append(pairs(result.engines))
    if result.problems:
        shown = result.problems if settings().verbose else result.problems[:10]
        more = len(result.problems) - len(shown)
        lines = [f"  - {problem}" for problem in shown] + ([f"  … and {more} more (-v)"] if more else [])
        parts.append("\n".join([click.style("Not as it should be:", fg="yellow"), *lines]))
    else:
        parts.append("All as it should be.")
    return "\n\n".join(part for part in parts if part)


def _services(result: StatusResult) -> str:
    """One row a service, one column an estate: its version and how long its certificate lasts."""
    estates = list(dict.fromkeys(service.estate for service in result.services))
    cells: dict[str, dict[str, str]] = {}
    for service in result.services:
        cell = "no answer" if service.error else f"{service.version}, {remaining(service.not_after)}"
        cells.setdefault(service.name, {})[service.estate] = cell
    rows = [[name, *(found.get(estate, "") for estate in estates)] for name, found in cells.items()]
    return table(["service: version, certificate valid for", *estates], rows)
