"""What the commands of `pov scope` share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pov.base.errors import InvalidInput, Problem
from pov.cli.app import settings


class _Named(click.Path):
    """A path that has a name: what comes from a variable that nobody set would be this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("names no file", param, ctx)
        return super().convert(value, param, ctx)


FILE = _Named(path_type=Path, dir_okay=False)
LIST = _Named(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
offering_option = click.option("--offering", type=FILE, metavar="FILE", help="Another offering than the shipped one.")


def engagement_folder() -> Path:
    """The engagement folder. Raises `InvalidInput` outside of one."""
    folder = settings().engagement
    if folder is None:
        raise InvalidInput([Problem("", "this is no engagement folder", "pov init NAME, or --engagement DIR")])
    return folder
