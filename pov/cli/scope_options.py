"""What the commands of `pov scope` share."""

from __future__ import annotations

from pathlib import Path

import click

from pov.base.errors import InvalidInput, Problem
from pov.cli.app import settings
from pov.cli.given import FILE

offering_option = click.option("--offering", type=FILE, metavar="FILE", help="Another offering than the shipped one.")


def engagement_folder() -> Path:
    """The engagement folder. Raises `InvalidInput` outside of one."""
    folder = settings().engagement
    if folder is None:
        raise InvalidInput([Problem("", "this is no engagement folder", "pov init NAME, or --engagement DIR")])
    return folder
