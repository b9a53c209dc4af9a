"""What the command line takes: paths and names. An empty one is refused everywhere: it is a variable that nobody set.

Every option and argument that names something has one of these types; free text (a reason, a customer) has none.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

_EMPTY = "it is empty: is a variable not set?"


class Name(click.ParamType[str]):
    """The name of something: a scenario, a run, an arm."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as given."""
        if not value:
            self.fail(_EMPTY, param, ctx)
        return str(value)


class Named(click.Path):
    """A path that has a name: an empty one would mean this folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as given, checked as `click.Path` does."""
        if not str(value):
            self.fail(_EMPTY, param, ctx)
        return super().convert(value, param, ctx)


class Read(Named):
    """A file that the command reads, or a program beside it. A pipe is refused: it would be read more than once."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as given."""
        from pov.base.files import require_file

        path = super().convert(value, param, ctx)
        try:
            require_file(path)
        except FileNotFoundError:
            pass  # who reads it tells what it should have been
        except (OSError, ValueError) as error:
            self.fail(f"{path}: {getattr(error, 'strerror', None) or error}", param, ctx)
        return path


class Written(Named):
    """A file that the command writes. That it cannot be written is told before any work, not after it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as given."""
        from pov.base.files import in_the_way

        path = super().convert(value, param, ctx)
        for problem in in_the_way(path):
            self.fail(str(problem), param, ctx)
        return path


class Number(click.FloatRange):
    """A number, within bounds if there are any. `nan` is none, which no bound keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number as given."""
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no number", param, ctx)
        return found

    def _describe_range(self) -> str:
        """The bounds as the help has them: click writes `x<=None` where there are none."""
        return "" if self.min is None and self.max is None else super()._describe_range()


NAME = Name()
PLACE = Named(path_type=Path, readable=False)
"""A folder or a file that need not be there."""
FILE = Read(path_type=Path, dir_okay=False)
"""A file that need not be there."""
THERE = Read(path_type=Path, dir_okay=False, exists=True)
"""A file that is there."""
FOLDER = Named(path_type=Path, file_okay=False, exists=True)
"""A folder that is there."""
OUTPUT = Written(path_type=Path, readable=False)
"""A file that is written."""
