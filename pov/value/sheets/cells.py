"""Cells by name across sheets: what is written under a name once is referred to by it everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell

from pov.base.money import NUDGE
from pov.value.case import Case

Value = Decimal | int | str


class Sheets:
    """The workbook while it is written. `ref` gives a cell's absolute address by the name it was written under."""

    def __init__(self, book: Any, sheets: Mapping[str, Any], case: Case) -> None:
        self.case = case
        self._sheets = sheets
        self._places: dict[str, tuple[str, int, int]] = {}
        digits = case.plan.digits
        money = "#,##0" + ("." + "0" * digits if digits else "")
        looks: dict[str, dict[str, Any]] = {
            "money": {"num_format": f"{money};[Red]-{money}"},
            "number": {"num_format": "#,##0.####"},
            "input": {"num_format": "#,##0.####", "bg_color": "#F4F3EF"},
            "plain": {},
            "head": {"bold": True, "bottom": 1},
            "title": {"bold": True, "font_size": 14},
            "warning": {"bold": True, "font_color": "#8F1D1D"},
            "strong": {"bold": True, "num_format": f"{money};[Red]-{money}"},
        }
        self._formats = {name: book.add_format(look) for name, look in looks.items()}

    def sheet(self, name: str) -> Any:
        """A sheet, for widths and panes."""
        return self._sheets[name]

    def text(self, sheet: str, row: int, column: int, text: str, look: str = "plain") -> None:
        """A text, as a text."""
        self._sheets[sheet].write_string(row, column, text, self._formats[look])

    def row(self, sheet: str, row: int, texts: Sequence[str], look: str = "head") -> None:
        """Texts side by side from the first column on."""
        for column, text in enumerate(texts):
            self.text(sheet, row, column, text, look)

    def number(self, name: str, place: tuple[str, int, int], value: Decimal | int, look: str = "input") -> None:
        """A figure that people may change."""
        sheet, row, column = place
        self._sheets[sheet].write_number(row, column, float(value), self._formats[look])
        self._places[name] = place

    def blank(self, name: str, place: tuple[str, int, int]) -> None:
        """A place for a figure that nobody gave."""
        sheet, row, column = place
        self._sheets[sheet].write_blank(row, column, None, self._formats["input"])
        self._places[name] = place

    def formula(self, name: str, place: tuple[str, int, int], formula: str, value: Value, look: str = "money") -> None:
        """A formula, without its `=`, and the model's value for it."""
        sheet, row, column = place
        shown = value if isinstance(value, str) else float(value)
        self._sheets[sheet].write_formula(row, column, f"={formula}", self._formats[look], shown)
        self._places[name] = place

    def reserve(self, name: str, place: tuple[str, int, int]) -> None:
        """Tell a place before it is written, for formulas that come first."""
        self._places[name] = place

    def ref(self, name: str) -> str:
        """`Plan!$B$4`."""
        sheet, row, column = self._places[name]
        return f"{sheet}!{xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)}"

    def span(self, first: str, last: str) -> str:
        """From one cell to another of the same sheet: `Plan!$B$4:$B$15`."""
        return f"{self.ref(first)}:{self.ref(last).partition('!')[2]}"

    def rounded(self, formula: str) -> str:
        """Rounded to the currency's smallest unit; for what is not negative."""
        return rounded(formula, self.case.plan.digits)


def rounded(formula: str, places: int) -> str:
    """Rounded as `base.money.rounded` does what is not negative."""
    return f"ROUND({formula}+1E-{places + NUDGE},{places})"
