"""A page of its own, outside any run: a title, a day, and blocks; drawn by Typst as a report is."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.paths import data
from pov.reporting import lettering
from pov.reporting.blocks import Block

STANDARDS = ["ua-1", "a-3a"]
_MAIN = "page.typ"


@dataclass(frozen=True)
class Page:
    """What is drawn. `foot` stands at the bottom of each page, in two parts."""

    title: str
    subtitle: str
    day: date
    foot: tuple[str, str]
    blocks: tuple[Block, ...]

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
    """The page as PDF/UA-1 and PDF/A-3a, the same bytes for the same page. Raises `PovError` if Typst refuses."""
    moment = datetime.combine(page.day, time(), UTC)
    return _drawn(page, format="pdf", pdf_standards=STANDARDS, timestamp=moment)[0]


def _drawn(page: Page, **how: Any) -> list[bytes]:
    import typst  # noqa: PLC0415 (a compiled library that only drawing needs)

    told = page.as_json()
    texts = list(lettering.texts_of(told))
    told = lettering.without(told, lettering.lacking(texts)) | {"fonts": lettering.families(texts)}
    with tempfile.TemporaryDirectory(prefix="pov-page-") as name:
        root = Path(name)
        for template in data("reports").glob("*.typ"):
            shutil.copyfile(template, root / template.name)
        (root / "page.json").write_text(json.dumps(lettering.isolated(told), ensure_ascii=False))
        try:
            compiler = typst.Compiler(str(root / _MAIN), root=str(root), font_paths=lettering.fonts())
            drawn = compiler.compile(**how)
        except RuntimeError as error:
            raise PovError("the page could not be drawn", cause=str(getattr(error, "diagnostic", error))) from error
    return [bytes(one) for one in drawn] if isinstance(drawn, list) else [bytes(drawn or b"")]
