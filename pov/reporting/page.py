"""A page of its own, outside any run: a title, a day, and blocks; drawn by Typst as a report is."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import PovError
from pov.base.paths import data
from pov.base.scratch import scratch
from pov.reporting import lettering
from pov.reporting.blocks import Block

if TYPE_CHECKING:
    import typst

STANDARDS = ["ua-1", "a-3a"]
TYPE_PT = (9.0, 8.6, 8.2, 7.8, 7.4, 7.0)
"""Sizes of the running text, tried in this order where a page must stay one. Below the last nobody reads it."""
_MAIN = "page.typ"


class TooLong(PovError):
    """What must be one page takes `pages`, in the smallest type too."""

    def __init__(self, title: str, pages: int) -> None:
        super().__init__(f"{title} takes {pages} pages in type of {TYPE_PT[-1]:g} pt, in place of one")
        self.pages = pages


@dataclass(frozen=True)
class Page:
    """What is drawn. `foot` stands at the bottom of each page, in two parts. With `one` it is one page, or none."""

    title: str
    subtitle: str
    day: date
    foot: tuple[str, str]
    blocks: tuple[Block, ...]
    one: bool = False

    def as_json(self) -> dict[str, Any]:
        """The page as one JSON document; `run` and `simulated` are a report's, whose look it shares."""
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "date": self.day.isoformat(),
            "run": "",
            "simulated": False,
            "foot": list(self.foot),
            "blocks": [block.as_json() for block in self.blocks],
        }


def pdf(page: Page) -> bytes:
    """The page as PDF/UA-1 and PDF/A-3a, the same bytes for the same page.

    Raises `TooLong` for one that must be a single page and is none, `PovError` if Typst refuses.
    """
    moment = datetime.combine(page.day, time(), UTC)
    return drawn(page, format="pdf", pdf_standards=STANDARDS, timestamp=moment)[0]


def drawn(page: Page, **how: Any) -> list[bytes]:
    """The page as Typst compiles it, `how` being what its compiler takes. Raises as `pdf` does."""
    told = page.as_json()
    texts = list(lettering.texts_of(told))
    told = lettering.without(told, lettering.lacking(texts)) | {"fonts": lettering.families(texts)}
    with scratch() as root:
        for template in data("reports").glob("*.typ"):
            shutil.copyfile(template, root / template.name)
        (root / "page.json").write_text(json.dumps(lettering.isolated(told), ensure_ascii=False))
        try:
            made = _fitting(page, root).compile(**how)
        except RuntimeError as error:
            raise PovError("the page could not be drawn", cause=str(getattr(error, "diagnostic", error))) from error
    return [bytes(one) for one in made] if isinstance(made, list) else [bytes(made or b"")]


def _fitting(page: Page, root: Path) -> typst.Compiler:
    """A compiler of the page in `root`, in the largest type that keeps it one page where it must be one."""
    import typst  # noqa: PLC0415 (a compiled library that only drawing needs)

    pages = 1
    for size in TYPE_PT:
        inputs = {"type": f"{size:g}"}
        compiler = typst.Compiler(str(root / _MAIN), str(root), lettering.fonts(), sys_inputs=inputs)
        pages = 1 if not page.one else int(compiler.query("<pages>", field="value", one=True))
        if pages == 1:
            return compiler
    raise TooLong(page.title, pages)
