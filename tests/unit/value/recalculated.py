"""A workbook as an independent evaluator computes it, beside the values that were written with its formulas."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import formulas
import openpyxl


class Recalculated:
    """Every formula of a workbook, by `SHEET!A1`: what stands in the file, and what comes out with other inputs."""

    def __init__(self, folder: Path, content: bytes) -> None:
        file = folder / "case.xlsx"
        file.write_bytes(content)
        self._file = file.name
        self._model = formulas.ExcelModel().loads(str(file)).finish()
        told = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        self.written: dict[str, Any] = {
            f"{sheet.title.upper()}!{cell.coordinate}": told[sheet.title][cell.coordinate].value
            for sheet in openpyxl.load_workbook(io.BytesIO(content))
            for row in sheet.iter_rows()
            for cell in row
            if cell.data_type == "f"
        }

    def values(self, changes: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Each formula's value, with cells of `changes` (`INPUTS!D2`) put otherwise."""
        given = {
            f"'[{self._file}]{place.replace('!', chr(39) + '!')}": value for place, value in (changes or {}).items()
        }
        solution = self._model.calculate(inputs=given)
        found = {}
        for key, ranges in solution.items():
            place = str(key).split("]", 1)[-1].replace("'", "")
            value = getattr(ranges, "value", None)
            if place in self.written and value is not None:
                found[place] = value[0, 0]
        return found


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The cells that differ: texts at all, figures by half a cent or more; a cell without a value differs."""
    return {
        place: (found.get(place), value)
        for place, value in wanted.items()
        if (found.get(place) != value if isinstance(value, str) else not _near(found.get(place), value))
    }


def _near(found: Any, wanted: float) -> bool:
    return found is not None and not isinstance(found, str) and abs(float(found) - wanted) < 0.005
