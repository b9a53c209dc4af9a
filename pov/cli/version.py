"""`pov version`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import click

from pov.cli.app import command_options
from pov.cli.tables import pairs, show


@dataclass(frozen=True)
class Versions:
    """This program, what it runs on, and the components of its bundle, if there is one."""

    pov: str
    python: str
    platform: str
    bundle: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**vars(self)}


@click.command()
@command_options
def command() -> None:
    """Tell the version of pov, of Python, and of each component in the bundle."""
    from importlib.metadata import version

    from pov.bundle import current

    bundle = current()
    components = {entry.name: entry.version for entry in bundle.entries} if bundle else {}
    show(Versions(version("pov"), platform.python_version(), platform.platform(), components), _in_words)


def _in_words(versions: Versions) -> str:
    own = {"pov": versions.pov, "Python": versions.python, "platform": versions.platform}
    bundle = pairs(versions.bundle) if versions.bundle else "  none yet: pov bundle build"
    return "\n".join([pairs(own), "bundle:", bundle])
