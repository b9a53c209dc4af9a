"""Every evaluation as a column: low, expected, high, and each input that has a range at its low and its high end.

Low takes each input at the end at which, all else as expected, the result is lower: by a formula over those columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pov.base.money import NUDGE
from pov.config.value import QUARTERS
from pov.value.case import Case
from pov.value.evaluating import Outcome, evaluate
from pov.value.plan import Entry, counted
from pov.value.sheets.cells import Sheets

_SHEET = "Evaluations"
_LINES = ("hard", "soft", "extra", "costs", "parallel", "spent", "net", "cumulative", "net_hard", "cumulative_hard")
_LABELS = {
    "hard": "Saved, hard",
    "soft": "Saved, soft",
    "extra": "Hours that the platform takes",
    "costs": "Costs",
    "parallel": "Side by side",
    "spent": "Paid in all",
    "net": "Net",
    "cumulative": "Net, together",
    "net_hard": "Net, soft at zero",
    "cumulative_hard": "Net, together, soft at zero",
}
_FIRST_COLUMN = 2


@dataclass(frozen=True)
class Column:
    """One evaluation. `varied` is the input at one of its ends, with which bound; None for low, expected and high."""

    name: str
    title: str
    outcome: Outcome
    varied: tuple[Entry, str] | None = None


def columns(case: Case) -> Iterator[Column]:
    """The three cases, then the ends of every input with a range, in the plan's order."""
    yield Column("low", "Low", case.low)
    yield Column("expected", "Expected", case.expected)
    yield Column("high", "High", case.high)
    for entry in case.plan.entries:
        for bound in ("low", "high") if entry.varies else ():
            outcome = evaluate(case.plan, case.plan.expected | {entry.key: getattr(entry, bound)})
            yield Column(f"{entry.key}@{bound}", f"{entry.label}, {bound}", outcome, (entry, bound))


def write(sheets: Sheets) -> None:
    """All columns."""
    every = list(columns(sheets.case))
    rows = _rows(sheets.case)
    sheets.row(_SHEET, 0, ("Line", "Unit", *(column.title for column in every)))
    for name, (row, label, unit) in rows.items():
        sheets.text(_SHEET, row, 0, label)
        sheets.text(_SHEET, row, 1, unit)
        for position, column in enumerate(every, _FIRST_COLUMN):
            sheets.reserve(f"{name} {column.name}", (_SHEET, row, position))
    for position, column in enumerate(every, _FIRST_COLUMN):
        _Writer(sheets, column, position, rows).write()
    made = sheets.sheet(_SHEET)
    made.set_column(0, 0, 52)
    made.set_column(1, 1 + len(every), 14)
    made.freeze_panes(1, 2)


def _rows(case: Case) -> dict[str, tuple[int, str, str]]:
    currency = case.plan.value.currency
    names = [(entry.key, entry.label, entry.unit) for entry in case.plan.entries]
    names += [
        ("fit", "Part of the activities that the stated week holds", ""),
        ("full hard", "Saved a quarter at full use, hard", currency),
        ("full soft", "Saved a quarter at full use, soft", currency),
        ("full extra", "Hours that the platform takes, a quarter", currency),
    ]
    names += [
        (f"{line} {quarter}", f"{_LABELS[line]}, quarter {quarter}", currency)
        for line in _LINES
        for quarter in range(1, QUARTERS + 1)
    ]
    names += [
        ("npv", "Net present value", currency),
        ("npv_hard", "Net present value, soft at zero", currency),
        ("present_savings", "Present value of what is saved", currency),
    ]
    return {name: (row, label, unit) for row, (name, label, unit) in enumerate(names, 1)}


class _Writer:
    """Writes one column. Ends of inputs have inputs, net and result alone: only their result is used."""

    def __init__(self, sheets: Sheets, column: Column, position: int, rows: dict[str, tuple[int, str, str]]) -> None:
        self._sheets, self._column, self._position, self._rows = sheets, column, position, rows
        self._plan = sheets.case.plan

    def write(self) -> None:
        """Inputs, what a quarter saves at full use, twelve quarters, results."""
        for entry in self._plan.entries:
            self._put(entry.key, self._input(entry), self._column.outcome.inputs[entry.key], "number")
        self._full()
        for quarter in range(1, QUARTERS + 1):
            if self._column.varied is None:
                self._lines(quarter)
            else:
                parts = (self._saved("hard", quarter), self._saved("soft", quarter))
                paid = "-".join(self._paid(quarter).values())
                formula = f"{'+'.join(parts)}-{paid}-{self._sheets.ref(f'price {quarter}')}"
                self._put(f"net {quarter}", formula, self._column.outcome.quarters[quarter - 1].net)
        self._results()

    def _ref(self, name: str) -> str:
        return self._sheets.ref(f"{name} {self._column.name}")

    def _put(self, name: str, formula: str, value: Decimal, look: str = "money") -> None:
        place = (_SHEET, self._rows[name][0], self._position)
        self._sheets.formula(f"{name} {self._column.name}", place, formula, value, look)

    def _input(self, entry: Entry) -> str:
        low, expected, high = (self._sheets.ref(f"{entry.key} {bound}") for bound in ("low", "expected", "high"))
        low, expected, high = (f"Inputs!{ref.partition('!')[2]}" for ref in (low, expected, high))
        if self._column.varied is not None:
            varied, bound = self._column.varied
            return (low if bound == "low" else high) if varied.key == entry.key else expected
        if self._column.name == "expected" or not entry.varies:
            return expected
        at_low, at_high = (self._sheets.ref(f"npv {entry.key}@{bound}") for bound in ("low", "high"))
        first, second = (low, high) if self._column.name == "low" else (high, low)
        return f"IF({at_low}<={at_high},{first},{second})"

    def _hours(self, activity: str, time: str) -> str:
        volume, minutes = self._ref(f"activities.{activity}.volume"), self._ref(f"activities.{activity}.{time}")
        return f"{volume}*{self._sheets.ref(f'times {activity}')}*{minutes}/60"

    def _full(self) -> None:
        outcome, plan, week = self._column.outcome, self._plan, self._sheets.ref("week")
        told = f"({'+'.join(self._hours(a.id, 'before') for a in plan.value.activities)})/13"
        self._put("fit", f'IF({week}="",1,IF({told}<={week},1,{week}/({told})))', outcome.fit, "number")
        worth: dict[str, list[str]] = {"hard": [], "soft": [], "extra": []}
        for activity in plan.value.activities:
            saved = f"{self._hours(activity.id, 'before')}-{self._hours(activity.id, 'after')}"
            rate = self._ref(f"rates.{activity.rate}")
            freed = f"MAX({saved},0)*{self._ref('fit')}*{rate}"
            self._counts(worth, freed, f"{activity.id} Activity", f"activities.{activity.id}", counted(activity))
            worth["extra"].append(f"MAX(-({saved}),0)*{rate}")
        for incident in plan.value.incidents:
            key = f"incidents.{incident.id}"
            avoided = f"{self._ref(f'{key}.perYear')}/4*{self._ref(f'{key}.cost')}*{self._ref(f'{key}.avoided')}/100"
            self._counts(worth, avoided, f"{incident.id} Incident", key, counted(incident))
        for kind, parts in worth.items():
            self._put(f"full {kind}", "+".join(parts) or "0", getattr(outcome, kind), "number")

    def _counts(self, worth: dict[str, list[str]], saved: str, flag: str, key: str, kind: str) -> None:
        worth["hard"].append(f"{saved}*{self._sheets.ref(f'hard {flag}')}")
        if kind == "soft":
            part = f"{self._ref(f'{key}.redeployed')}/100"
            worth["soft"].append(f"{saved}*{part}*{self._sheets.ref(f'soft {flag}')}")

    def _growth(self, quarter: int) -> str:
        return f"(1+{self._ref('growth')}/100)^{self._sheets.ref(f'years {quarter}')}"

    def _saved(self, kind: str, quarter: int) -> str:
        used = self._sheets.ref(f"used {quarter}")
        if "trainingDip" in self._plan.expected:
            used = f"({used}-{self._sheets.ref(f'dip {quarter}')}*{self._ref('trainingDip')}/100)"
        return self._sheets.rounded(f"{self._ref(f'full {kind}')}*{self._growth(quarter)}*{used}")

    def _paid(self, quarter: int) -> dict[str, str]:
        sheets, q = self._sheets, self._sheets.ref(f"q {quarter}")
        extra = sheets.rounded(f"{self._ref('full extra')}*{self._growth(quarter)}")
        costs = []
        for cost in self._plan.value.costs:
            amount, start = self._ref(f"costs.{cost.id}"), sheets.ref(f"quarter {cost.id}")
            costs.append(f"IF({q}={start},{amount},0)" if cost.once is not None else f"IF({q}>={start},{amount}/4,0)")
        both = "0"
        if "parallel" in self._plan.expected:
            both = f"{sheets.rounded(self._ref('parallel'))}*{sheets.ref(f'both {quarter}')}"
        return {
            "extra": f"{extra}*{sheets.ref(f'live {quarter}')}",
            "costs": sheets.rounded("+".join(costs) or "0"),
            "parallel": both,
        }

    def _lines(self, quarter: int) -> None:
        told, cumulative = self._column.outcome.quarters[quarter - 1], self._column.outcome
        formulas = {kind: self._saved(kind, quarter) for kind in ("hard", "soft")} | self._paid(quarter)
        paid = "+".join(self._ref(f"{line} {quarter}") for line in ("extra", "costs", "parallel"))
        formulas["spent"] = f"{paid}+{self._sheets.ref(f'price {quarter}')}"
        hard, soft, spent = (self._ref(f"{line} {quarter}") for line in ("hard", "soft", "spent"))
        formulas |= {"net": f"{hard}+{soft}-{spent}", "net_hard": f"{hard}-{spent}"}
        values = {line: getattr(told, line) for line in formulas}
        for line, formula in formulas.items():
            self._put(f"{line} {quarter}", formula, values[line])
        for line, total in (("net", "cumulative"), ("net_hard", "cumulative_hard")):
            before = f"{self._ref(f'{total} {quarter - 1}')}+" if quarter > 1 else ""
            formula = f"{before}{self._ref(f'{line} {quarter}')}"
            self._put(f"{total} {quarter}", formula, getattr(cumulative, total)[quarter - 1])

    def _results(self) -> None:
        self._put("npv", self._present("net"), self._column.outcome.npv)
        if self._column.varied is None:
            saved = f"({self._span('hard')}+{self._span('soft')})"
            self._put("npv_hard", self._present("net_hard"), self._column.outcome.npv_hard)
            self._put("present_savings", self._present_of(saved), self._column.outcome.present_savings)

    def _span(self, line: str) -> str:
        name = self._column.name
        return self._sheets.span(f"{line} 1 {name}", f"{line} {QUARTERS} {name}")

    def _present(self, line: str) -> str:
        return self._present_of(self._span(line))

    def _present_of(self, cash: str) -> str:
        factors = self._sheets.span("factor 1", f"factor {QUARTERS}")
        digits = self._plan.digits
        return f"SUMPRODUCT(ROUND({cash}*{factors}+SIGN({cash})*1E-{digits + NUDGE},{digits}))"
