"""What a section is made of. Each kind of block is drawn by one function in `reports/blocks.typ` or `charts.typ`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pov.measure.results import Arm
from pov.model.sample import Sample
from pov.model.words import Words


@dataclass(frozen=True)
class Block:
    """Something to draw. As JSON it carries its `kind`."""

    kind: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """The block as a JSON object."""
        return {"kind": self.kind, **{f.name: _plain(getattr(self, f.name)) for f in fields(self)}}


@dataclass(frozen=True)
class Text(Block):
    """A paragraph; `tone` is body, lead or note. With `see`, an anchor, it ends with the page where that stands."""

    kind = "text"
    text: str
    tone: str = "body"
    see: str = ""


@dataclass(frozen=True)
class Heading(Block):
    """A heading inside a section; other pages find it by its `anchor`."""

    kind = "heading"
    text: str
    anchor: str = ""


@dataclass(frozen=True)
class Bullets(Block):
    """A list of short statements: (lead in bold or "", the rest)."""

    kind = "bullets"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Callout(Block):
    """A statement nobody may miss; `tone` is note or warning."""

    kind = "callout"
    title: str
    text: str = ""
    tone: str = "note"


@dataclass(frozen=True)
class Columns(Block):
    """Two things side by side, each with its heading."""

    kind = "columns"
    left_title: str
    left: tuple[Block, ...]
    right_title: str
    right: tuple[Block, ...]


@dataclass(frozen=True)
class Table(Block):
    """Rows of text. `align` holds one letter a column: l, r, or m for monospace.

    `widths` are shares of the width, 0 for as much as needed; `strong` numbers the rows, from 0, that are sums.
    """

    kind = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    widths: tuple[float, ...] = ()
    strong: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outcomes(Block):
    """Criteria, each with what was seen of both ways, and pass, fail or not shown. `more` sums up those left out."""

    kind = "outcomes"
    rows: tuple[dict[str, str], ...]
    head: str = "Criterion"
    observed: str = "Observed"
    more: str = ""
    see: str = ""


@dataclass(frozen=True)
class KeyFigures(Block):
    """One experiment in large figures: a cell for each arm, and every trial as a mark on one shared axis."""

    kind = "key_figures"
    title: str
    subtitle: str
    cells: tuple[dict[str, Any], ...]
    axis: tuple[float, ...]
    alt: str


@dataclass(frozen=True)
class Overview(Block):
    """Every experiment in a row: an arm's median, n and lost requests in a cell each, and where its page is.

    `arms` have label and look; a row has name, title, note, anchor, cells and `more`, how many further arms it has.
    """

    kind = "overview"
    arms: tuple[dict[str, Any], ...]
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class StatedFigures(Block):
    """Figures that the customer stated, drawn so that nobody takes them for measured ones."""

    kind = "stated"
    items: tuple[dict[str, str], ...]
    note: str


@dataclass(frozen=True)
class Dots(Block):
    """Every trial in order, a panel for each arm, on one shared linear axis in seconds."""

    kind = "dots"
    caption: str
    alt: str
    panels: tuple[dict[str, Any], ...]
    axis: tuple[float, ...]


@dataclass(frozen=True)
class Ratios(Block):
    """Ratios with their intervals, a row each, on one logarithmic axis; without an interval the mark alone."""

    kind = "ratios"
    caption: str
    alt: str
    rows: tuple[dict[str, Any], ...]
    axis: tuple[float, ...]


@dataclass(frozen=True)
class NewPage(Block):
    """What follows starts on a page of its own."""

    kind = "new_page"


@dataclass(frozen=True)
class Bars(Block):
    """Trials as stacked bars of their steps in seconds; `legend` names the steps by letter."""

    kind = "bars"
    caption: str
    alt: str
    look: dict[str, str]
    rows: tuple[dict[str, Any], ...]
    legend: tuple[dict[str, Any], ...]
    axis: tuple[float, ...]


@dataclass(frozen=True)
class Cash(Block):
    """Cash by quarter as bars, and lines of what has come together by then; may be negative.

    `axis` holds (value, label) of each tick from the lowest to the highest; a line has label, look, dashed, values.
    """

    kind = "cash"
    caption: str
    alt: str
    bars: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]
    axis: tuple[dict[str, Any], ...]


def section_anchor(section: str) -> str:
    """What other pages find a section by."""
    return f"section-{section}"


def experiment_anchor(experiment: str) -> str:
    """What other pages find an experiment's own page by."""
    return f"experiment-{experiment}"


def point(trial: Sample) -> dict[str, Any]:
    """A trial as a mark in a chart."""
    return {"n": trial.n, "trial": trial.trial, "seconds": trial.seconds, "ok": trial.ok}


def look(arm: str, words: Words) -> dict[str, str]:
    """An arm's mark and colour."""
    data = words.arm(arm)
    return {"mark": data.mark, "colour": data.colour}


def marks(arm: Arm, words: Words) -> dict[str, Any]:
    """An arm's marks with its median and range, None where no trial succeeded."""
    known = arm.n > 0
    return {
        "arm": arm.name,
        "look": look(arm.name, words),
        "median": arm.median if known else None,
        "least": arm.least if known else None,
        "greatest": arm.greatest if known else None,
        "points": [point(trial) for trial in arm.trials],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        return value.as_json()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
