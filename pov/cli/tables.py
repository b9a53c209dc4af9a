"""Results on standard output: aligned text that reads the same on a terminal, in a file and in a mail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import click

from pov.cli.app import settings
from pov.cli.streams import say, speaks_unicode


class Result(Protocol):
    """What every workflow returns."""

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        ...


R = TypeVar("R", bound=Result)


def show(result: R, in_words: Callable[[R], str]) -> None:
    """Print a result: as one JSON document with `--json`, else in words."""
    if settings().json:
        say(as_text(result.as_json() | ({"events": settings().events} if settings().events else {})))
        settings().answered = True
    else:
        say(in_words(result))


def as_text(document: Mapping[str, Any]) -> str:
    """A JSON document as it is printed: letters as they are where standard output can write them, else escaped."""
    return json.dumps(document, indent=2, ensure_ascii=not speaks_unicode(sys.stdout), default=str)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns as wide as their longest cell; those in `right` (by index) are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *cells]) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([click.style(line(header), bold=True), *(line(row) for row in cells)])


def pairs(values: Mapping[str, str]) -> str:
    """`name  value` lines."""
    width = max((len(name) for name in values), default=0)
    return "\n".join(f"  {name.ljust(width)}  {value}".rstrip() for name, value in values.items())


def duration(seconds: float | None) -> str:
    """`4.21 s`, `42.1 s`, `3 min 05 s`, or a dash."""
    if seconds is None:
        return "–"
    if seconds >= 120:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"


def remaining(not_after: str, now: datetime | None = None) -> str:
    """How long a certificate is still valid, from its end as ISO 8601; `expired` when it is over."""
    try:
        end = datetime.fromisoformat(not_after)
    except ValueError:
        return "–"
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    left = int((end - (now or datetime.now(UTC))).total_seconds())
    if left <= 0:
        return "expired"
    if left >= 48 * 3600:
        return f"{left // 86400} d"
    return f"{left // 3600} h {left % 3600 // 60:02d} min" if left >= 3600 else f"{left // 60} min {left % 60:02d} s"
