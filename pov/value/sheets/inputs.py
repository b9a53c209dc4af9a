"""Inputs, each with low, expected and high; and the plan: price, waves, what counts, and the schedule by quarters."""

from __future__ import annotations

from decimal import Decimal

from pov.config.value import QUARTERS, Activity, Incident
from pov.value.evaluating import in_use, side_by_side
from pov.value.plan import A_QUARTER, Entry, counted
from pov.value.sheets.cells import Sheets

_HEAD = ("Input", "Unit", "Low", "Expected", "High", "Origin", "Owner", "Day", "Source")
_BOUNDS = ("low", "expected", "high")


def write(sheets: Sheets) -> None:
    """Both sheets."""
    _inputs(sheets)
    row = _fixed(sheets)
    row = _waves(sheets, row)
    row = _flags(sheets, row)
    _quarters(sheets, row)


def _inputs(sheets: Sheets) -> None:
    sheets.row("Inputs", 0, _HEAD)
    for row, entry in enumerate(sheets.case.plan.entries, 1):
        _entry(sheets, row, entry)
    made = sheets.sheet("Inputs")
    made.set_column(0, 0, 52)
    made.set_column(1, 5, 12)
    made.set_column(6, 8, 30)
    made.freeze_panes(1, 1)


def _entry(sheets: Sheets, row: int, entry: Entry) -> None:
    sheets.text("Inputs", row, 0, entry.label)
    sheets.text("Inputs", row, 1, entry.unit)
    for column, bound in enumerate(_BOUNDS, 2):
        sheets.number(f"{entry.key} {bound}", ("Inputs", row, column), getattr(entry, bound))
    for column, text in enumerate((entry.origin, entry.owner, entry.when, entry.basis), 5):
        sheets.text("Inputs", row, column, text)


def _fixed(sheets: Sheets) -> int:
    plan = sheets.case.plan
    price = plan.value.price
    sheets.row("Plan", 0, ("Fixed", plan.value.currency))
    figures: tuple[tuple[str, str, Decimal | int | None], ...] = (
        ("discount", "Discount rate, % a year", plan.discount),
        ("once", "Price, once", price.once.amount if price.once else Decimal(0)),
        ("yearly", "Price, a year in advance", price.yearly.amount if price.yearly else Decimal(0)),
        ("services", "Services in all", plan.value.services),
        ("waits", "Quarters side by side after a wave", plan.waits),
        ("week", "Hours of a stated week today", plan.value.week.before),
    )
    for row, (name, label, value) in enumerate(figures, 1):
        sheets.text("Plan", row, 0, label)
        place = ("Plan", row, 1)
        if value is None:
            sheets.blank(name, place)
        else:
            sheets.number(name, place, value)
    sheets.sheet("Plan").set_column(0, 0, 48)
    sheets.sheet("Plan").set_column(1, 8, 14)
    return len(figures) + 2


def _waves(sheets: Sheets, row: int) -> int:
    sheets.row("Plan", row, ("Wave", "Live in quarter", "Services"))
    for index, wave in enumerate(sheets.case.plan.value.waves):
        sheets.text("Plan", row + 1 + index, 0, wave.title)
        sheets.number(f"wave {index}", ("Plan", row + 1 + index, 1), wave.quarter)
        sheets.number(f"wave services {index}", ("Plan", row + 1 + index, 2), wave.services)
    return row + len(sheets.case.plan.value.waves) + 2


def _flags(sheets: Sheets, row: int) -> int:
    value = sheets.case.plan.value
    sheets.row("Plan", row, ("What counts", "Hard (1 or 0)", "Soft (1 or 0)", "Times a quarter"))
    items: tuple[Activity | Incident, ...] = (*value.activities, *value.incidents)
    for item in items:
        row += 1
        sheets.text("Plan", row, 0, item.title)
        kind = counted(item)
        sheets.number(f"hard {item.id} {type(item).__name__}", ("Plan", row, 1), int(kind == "hard"))
        sheets.number(f"soft {item.id} {type(item).__name__}", ("Plan", row, 2), int(kind == "soft"))
    for index, activity in enumerate(value.activities):
        place = ("Plan", row - len(value.activities) - len(value.incidents) + 1 + index, 3)
        sheets.number(f"times {activity.id}", place, A_QUARTER[activity.volume.per])
    row += 2
    sheets.row("Plan", row, ("Cost", "From or in quarter"))
    for cost in value.costs:
        row += 1
        sheets.text("Plan", row, 0, cost.title + (": once" if cost.once is not None else ": yearly, by quarters"))
        sheets.number(f"quarter {cost.id}", ("Plan", row, 1), cost.quarter)
    return row + 2


def _quarters(sheets: Sheets, row: int) -> None:
    """What holds in each quarter whatever the inputs: the part in use, the part in its dip, price, discount factor."""
    plan = sheets.case.plan
    last = len(plan.value.waves) - 1
    starts, sizes = sheets.span("wave 0", f"wave {last}"), sheets.span("wave services 0", f"wave services {last}")
    waits, services = sheets.ref("waits"), sheets.ref("services")
    head = ("Quarter", "Years of growth", "Part in use", "of it in its dip", "Live", "Side by side", "Price", "Factor")
    sheets.row("Plan", row, head)
    without = {"trainingDip": Decimal(0)}
    whole = {"trainingDip": Decimal(100)}
    for q in range(1, QUARTERS + 1):
        place = [("Plan", row + q, column) for column in range(8)]
        outcome = sheets.case.expected.quarters[q - 1]
        used = in_use(plan, without, q)
        sheets.number(f"q {q}", place[0], q, "plain")
        n = sheets.ref(f"q {q}")
        sheets.formula(f"years {q}", place[1], f"INT(({n}-1)/4)", (q - 1) // 4, "number")
        part = f"SUMPRODUCT(({starts}+{waits}<={n})*{sizes})/{services}"
        sheets.formula(f"used {q}", place[2], part, used, "number")
        dip = f"SUMPRODUCT(({starts}+{waits}={n})*{sizes})/{services}"
        sheets.formula(f"dip {q}", place[3], dip, used - in_use(plan, whole, q), "number")
        sheets.formula(f"live {q}", place[4], f"IF({n}>=MIN({starts}),1,0)", int(q >= plan.first), "number")
        both = f"IF(SUMPRODUCT(({starts}<={n})*({n}-{starts}<{waits}))>0,1,0)"
        sheets.formula(f"both {q}", place[5], both, int(side_by_side(plan, q)), "number")
        paid = f"IF({n}=1,{sheets.ref('once')},0)+IF(MOD({n},4)=1,{sheets.ref('yearly')},0)"
        sheets.formula(f"price {q}", place[6], sheets.rounded(paid), outcome.price)
        factor = f"(1+{sheets.ref('discount')}/100)^(-{n}/4)"
        sheets.formula(f"factor {q}", place[7], factor, outcome.factor, "number")
