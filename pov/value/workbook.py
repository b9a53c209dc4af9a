"""The case as a workbook whose results are formulas: change an input, and everything follows.

Every formula is written with the value that the model has for it, so that the two can be compared cell by cell, and a
viewer that does not calculate shows the same. Texts are written as texts, never as formulas, whatever they start with.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import xlsxwriter

from pov.value.case import Case
from pov.value.sheets import evaluations, inputs, results
from pov.value.sheets.cells import Sheets

_SHEETS = ("Result", "Inputs", "Plan", "Evaluations")


def workbook(case: Case, title: str, created: datetime) -> bytes:
    """The workbook's bytes: the same for the same case, title and day."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    book.set_properties({"title": title, "author": "pov", "created": created})
    made: Mapping[str, Any] = {name: book.add_worksheet(name) for name in _SHEETS}
    sheets = Sheets(book, made, case)
    inputs.write(sheets)
    evaluations.write(sheets)
    results.write(sheets, title)
    book.close()
    return stream.getvalue()
