"""The four outcomes of a criterion are printed equally large: none is to be overlooked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import typst

from pov.base.paths import data
from pov.reporting import lettering
from pov.reporting.sections.decision import _WORST_FIRST

MEASURED = """
#import "style.typ": *
#import "blocks.typ": chip
#set text(font: FONTS)
#context [#metadata(OUTCOMES.map(one => {
  let all = std.measure(chip(one))
  (one, repr(all.width), repr(all.height))
}))<sizes>]
"""


def test_the_four_outcomes_are_printed_equally_large(tmp_path: Path) -> None:
    for template in data("reports").glob("*.typ"):
        shutil.copyfile(template, tmp_path / template.name)
    page = MEASURED.replace("FONTS", typed(lettering.families([]))).replace("OUTCOMES", typed(_WORST_FIRST))
    (tmp_path / "sizes.typ").write_text(page)
    found = typst.query(
        str(tmp_path / "sizes.typ"), "<sizes>", field="value", one=True, root=str(tmp_path),
        font_paths=lettering.fonts(),
    )  # fmt: skip
    sizes = {outcome: (wide, high) for outcome, wide, high in json.loads(found)}
    assert set(sizes) == {"pass", "fail", "not shown", "does not tell apart"}
    assert len(set(sizes.values())) == 1, sizes


def typed(texts: object) -> str:
    """A list as Typst writes it."""
    return json.dumps(list(texts)).replace("[", "(").replace("]", ",)")  # type: ignore[call-overload]
