"""The one interface of a section: an id, a title, and a function from facts to blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pov.reporting.blocks import Block
from pov.reporting.facts import Facts


@dataclass(frozen=True)
class Section:
    """A part of the report. `build` is pure; a section without blocks is left out of this report.

    `opens_page` starts it on a page of its own.
    """

    id: str
    title: str
    build: Callable[[Facts], Iterable[Block]]
    opens_page: bool = False
