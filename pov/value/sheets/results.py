"""Results: three cases, the ceiling, doing nothing, a stop point, risks, and the inputs that move the result most."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pov.base.money import rounded
from pov.config.value import QUARTERS
from pov.value.case import SHOWN, WEEKS, Swing
from pov.value.evaluating import Outcome, hours
from pov.value.sheets import cells
from pov.value.sheets.cells import Sheets, Value

_SHEET = "Result"
_NEVER = "not within three years"
_CASES = (("low", "npv"), ("expected", "npv_hard"), ("expected", "npv"), ("high", "npv"))
"""Columns of the first table: which evaluation, and whether soft savings are in it."""


def write(sheets: Sheets, title: str) -> None:
    """The first sheet, block under block."""
    value = sheets.case.plan.value
    sheets.text(_SHEET, 0, 0, title, "title")
    told = f"All money in {value.currency}. Shaded cells of Inputs and Plan may be changed; everything follows."
    sheets.text(_SHEET, 1, 0, told)
    if value.example:
        sheets.text(
            _SHEET, 2, 0, "EXAMPLE: these figures were made up to show the form; nobody stated them.", "warning"
        )
    elif not sheets.case.plan.priced:
        sheets.text(_SHEET, 2, 0, "No price was given: every result is before the price.", "warning")
    row = _cases(sheets, 4)
    row = _figures(sheets, row)
    row = _activities(sheets, row)
    row = _nothing(sheets, row)
    row = _risks(sheets, row)
    _sensitivity(sheets, row)
    sheets.sheet(_SHEET).set_column(0, 0, 58)
    sheets.sheet(_SHEET).set_column(1, 6, 22)


def _cases(sheets: Sheets, row: int) -> int:
    sheets.row(_SHEET, row, ("Over three years", "Low", "Expected, soft at zero", "Expected", "High"))
    labels = ("Saved", "of it hard", "Paid", "Left", "Net present value", "Pays back in quarter")
    for offset, label in enumerate(labels, 1):
        sheets.text(_SHEET, row + offset, 0, label)
    for column, (case, result) in enumerate(_CASES, 1):
        outcome: Outcome = getattr(sheets.case, case)
        hard_only = result == "npv_hard"
        for offset, (formula, value) in enumerate(_case(sheets, case, outcome, hard_only), 1):
            name = f"result {label_of(case, hard_only)} {offset}"
            sheets.formula(name, (_SHEET, row + offset, column), formula, value, "strong" if offset == 5 else "money")
    return row + len(labels) + 2


def label_of(case: str, hard_only: bool) -> str:
    """The name of a column of the first table."""
    return f"{case}, hard" if hard_only else case


def _case(sheets: Sheets, case: str, outcome: Outcome, hard_only: bool) -> Iterator[tuple[str, Value]]:
    def span(line: str) -> str:
        return sheets.span(f"{line} 1 {case}", f"{line} {QUARTERS} {case}")

    hard = sum((q.hard for q in outcome.quarters), Decimal(0))
    soft = "" if hard_only else f"+SUM({span('soft')})"
    yield f"SUM({span('hard')}){soft}", hard if hard_only else outcome.saved()
    yield f"SUM({span('hard')})", hard
    yield f"SUM({span('spent')})", outcome.spent()
    line = "cumulative_hard" if hard_only else "cumulative"
    cumulative = outcome.cumulative_hard if hard_only else outcome.cumulative
    yield sheets.ref(f"{line} {QUARTERS} {case}"), cumulative[-1]
    yield sheets.ref(f"{'npv_hard' if hard_only else 'npv'} {case}"), outcome.npv_hard if hard_only else outcome.npv
    last = f"SUMPRODUCT(MAX(({span(line)}<0)*{sheets.span('q 1', f'q {QUARTERS}')}))"
    back = outcome.payback_hard if hard_only else outcome.payback
    yield f'IF({last}={QUARTERS},"{_NEVER}",{last}+1)', _NEVER if back is None else back


def _figures(sheets: Sheets, row: int) -> int:
    sheets.row(_SHEET, row, ("At most: every hour of the week gone on the first day", ""))
    for name, label, formula, value in _ceiling(sheets):
        row += 1
        sheets.text(_SHEET, row, 0, label)
        sheets.formula(name, (_SHEET, row, 1), formula, value)
    row += 2
    sheets.row(_SHEET, row, ("As expected", ""))
    for name, label, formula, value in _expected(sheets):
        row += 1
        sheets.text(_SHEET, row, 0, label)
        sheets.formula(name, (_SHEET, row, 1), formula, value)
    return row + 2


def _ceiling(sheets: Sheets) -> Iterator[tuple[str, str, str, Value]]:
    case, ceiling = sheets.case, sheets.case.ceiling
    activities, incidents = case.plan.value.activities, case.plan.value.incidents
    told = "+".join(f"{_hours(sheets, a.id, 'before')}" for a in activities)
    week = sheets.ref("week")
    yield "ceiling hours", "Hours a year", f'IF({week}="",({told})/13,{week})*{WEEKS}', ceiling.hours
    rates = ",".join(sheets.ref(f"rates.{activity.rate} expected") for activity in activities)
    yield "ceiling rate", "The highest rate", f"MAX({rates})", ceiling.rate
    worth = sheets.rounded(f"{sheets.ref('ceiling hours')}*{sheets.ref('ceiling rate')}")
    yield "ceiling worth", "Worth at most, a year", worth, ceiling.worth
    counted = (f"{sheets.ref(f'incidents.{i.id}.perYear expected')}*{sheets.ref(f'incidents.{i.id}.cost expected')}"
               for i in incidents)  # fmt: skip
    yield "ceiling incidents", "Every incident, a year", sheets.rounded("+".join(counted) or "0"), ceiling.incidents
    spans = (
        ("year one", "Paid in year one", 1, 4, ceiling.year_one),
        ("later", "Paid in year three", 9, 12, ceiling.later),
    )
    for name, label, first, last, value in spans:
        formula = f"SUM({sheets.span(f'spent {first} expected', f'spent {last} expected')})"
        yield f"ceiling {name}", label, formula, value


def _expected(sheets: Sheets) -> Iterator[tuple[str, str, str, Value]]:
    case = sheets.case
    npv, saved = sheets.ref("npv expected"), sheets.ref("present_savings expected")
    share = case.break_even
    told = f'IF({saved}<=0,"nothing is saved",{cells.rounded(f"({saved}-{npv})/{saved}*100", 1)})'
    yield (
        "break even",
        "Breaks even at this part of the savings, %",
        told,
        "nothing is saved" if share is None else share,
    )
    factors = "+".join(sheets.ref(f"factor {quarter}") for quarter in (1, 5, 9))
    most = sheets.rounded(f"{sheets.ref('yearly')}+{npv}/({factors})")
    yield "most a year", "Breaks even at this price a year", most, case.most_a_year
    stop, waves = case.stop, len(case.plan.value.waves) - 1
    until = f"MIN(MIN({sheets.span('wave 0', f'wave {waves}')})+{sheets.ref('waits')},{QUARTERS})"
    yield "stop", "A stop point: the end of quarter", until, stop.quarter
    quarters = sheets.span("q 1", f"q {QUARTERS}")
    for line, label, value in (("paid", "Paid by then", stop.paid), ("saved", "Saved by then", stop.saved)):
        names = ("spent",) if line == "paid" else ("hard", "soft")
        spans = "+".join(sheets.span(f"{name} 1 expected", f"{name} {QUARTERS} expected") for name in names)
        yield f"stop {line}", label, f"SUMPRODUCT(({quarters}<={sheets.ref('stop')})*({spans}))", value
    leaving = f"+{sheets.ref('exit expected')}" if stop.exit is not None else ""
    lost = f"{sheets.ref('stop paid')}-{sheets.ref('stop saved')}{leaving}"
    yield "stop lost", "Lost then" + (", leaving included" if leaving else ", leaving not included"), lost, stop.lost


def _hours(sheets: Sheets, activity: str, time: str) -> str:
    volume, minutes = (sheets.ref(f"activities.{activity}.{part} expected") for part in ("volume", time))
    return f"{volume}*{sheets.ref(f'times {activity}')}*{minutes}/60"


def _activities(sheets: Sheets, row: int) -> int:
    case = sheets.case
    given = case.plan.expected
    sheets.row(_SHEET, row, ("Hours a week, as expected", "Today", "Then", "Freed"))
    times = {time: hours(case.plan, given, time) for time in ("before", "after")}
    for activity in case.plan.value.activities:
        row += 1
        sheets.text(_SHEET, row, 0, activity.title)
        for column, time in enumerate(("before", "after"), 1):
            formula = f"{_hours(sheets, activity.id, time)}/13"
            name = f"{time} {activity.id}"
            sheets.formula(name, (_SHEET, row, column), formula, times[time][activity.id] / 13, "number")
        freed = f"{sheets.ref(f'before {activity.id}')}-{sheets.ref(f'after {activity.id}')}"
        saved = (times["before"][activity.id] - times["after"][activity.id]) / 13
        sheets.formula(f"freed {activity.id}", (_SHEET, row, 3), freed, saved, "number")
    return row + 2


def _nothing(sheets: Sheets, row: int) -> int:
    case = sheets.case
    sheets.row(_SHEET, row, ("Doing nothing costs", "Year 1", "Year 2", "Year 3", "Together"))
    parts = [f"{_hours(sheets, a.id, 'before')}*4*{sheets.ref(f'rates.{a.rate} expected')}"
             for a in case.plan.value.activities]  # fmt: skip
    a_year = f"(({'+'.join(parts)})*{sheets.ref('fit expected')}+{sheets.ref('ceiling incidents')})"
    sheets.text(_SHEET, row + 1, 0, "Hours within the stated week, and incidents, with growth")
    for year, value in enumerate(case.doing_nothing):
        grown = f"(1+{sheets.ref('growth expected')}/100)^{year}"
        formula = sheets.rounded(f"{a_year}*{grown}")
        sheets.formula(f"nothing {year}", (_SHEET, row + 1, year + 1), formula, value)
    total = f"SUM({sheets.span('nothing 0', 'nothing 2')})"
    sheets.formula("nothing", (_SHEET, row + 1, 4), total, sum(case.doing_nothing, Decimal(0)), "strong")
    return row + 3


def _risks(sheets: Sheets, row: int) -> int:
    case = sheets.case
    sheets.row(_SHEET, row, ("Less risks", "How likely, %", "What it costs", "Taken off"))
    names = []
    for risk in case.plan.value.risks:
        row += 1
        sheets.text(_SHEET, row, 0, f"{risk.title} ({risk.probability.by})")
        percent, cost = (sheets.ref(f"risks.{risk.id}.{part} expected") for part in ("probability", "cost"))
        given = [case.plan.expected[f"risks.{risk.id}.{part}"] for part in ("probability", "cost")]
        sheets.formula(f"risk percent {risk.id}", (_SHEET, row, 1), percent, given[0], "number")
        sheets.formula(f"risk cost {risk.id}", (_SHEET, row, 2), cost, given[1])
        weighed = rounded(given[0] * given[1] / 100, case.plan.digits)
        sheets.formula(f"risk {risk.id}", (_SHEET, row, 3), sheets.rounded(f"{percent}*{cost}/100"), weighed)
        names.append(sheets.ref(f"risk {risk.id}"))
    row += 1
    sheets.text(_SHEET, row, 0, "Net present value as expected, less every risk by its weight")
    formula = "-".join((sheets.ref("npv expected"), *names))
    sheets.formula("adjusted", (_SHEET, row, 3), formula, case.adjusted, "strong")
    return row + 2


def _sensitivity(sheets: Sheets, row: int) -> None:
    """Every input with a range by the size of its swing, by rank; equal ones in the plan's order."""
    case = sheets.case
    ordered = [entry for entry in case.plan.entries if entry.varies]
    if not ordered:
        return
    by_key = {swing.entry.key: (rank, swing) for rank, swing in enumerate(case.swings, 1)}
    count = min(SHOWN, len(ordered))
    top, start = row, row + count + 2
    head = ("One at a time: net present value", "At its low end", "At its high end", "Swing", "Rank")
    sheets.row(_SHEET, start, head)
    for offset in range(1, len(ordered) + 1):
        for column, name in enumerate(("swing low", "swing high", "swing", "rank"), 1):
            sheets.reserve(f"{name} {offset}", (_SHEET, start + offset, column))
    for offset, entry in enumerate(ordered, 1):
        rank, swing = by_key[entry.key]
        _swing(sheets, start, (offset, len(ordered)), rank, swing)
    sheets.row(_SHEET, top, ("What matters most", "At its low end", "At its high end", "Swing"))
    every = [sheets.span(f"{name} 1", f"{name} {len(ordered)}") for name in ("swing low", "swing high", "swing")]
    labels = f"{_SHEET}!$A${start + 2}:$A${start + 1 + len(ordered)}"
    ranks = sheets.span("rank 1", f"rank {len(ordered)}")
    for rank, swing in enumerate(case.swings[:count], 1):
        values: tuple[Value, ...] = (swing.entry.label, swing.at_low, swing.at_high, swing.size)
        for column, (span, value) in enumerate(zip((labels, *every), values, strict=True)):
            formula = f"INDEX({span},MATCH({rank},{ranks},0))"
            look = "plain" if column == 0 else "money"
            sheets.formula(f"top {rank} {column}", (_SHEET, top + rank, column), formula, value, look)


def _swing(sheets: Sheets, start: int, place: tuple[int, int], rank: int, swing: Swing) -> None:
    offset, count = place
    row = start + offset
    sheets.text(_SHEET, row, 0, swing.entry.label)
    low, high = (sheets.ref(f"npv {swing.entry.key}@{bound}") for bound in ("low", "high"))
    sheets.formula(f"swing low {offset}", (_SHEET, row, 1), low, swing.at_low)
    sheets.formula(f"swing high {offset}", (_SHEET, row, 2), high, swing.at_high)
    sheets.formula(f"swing {offset}", (_SHEET, row, 3), f"ABS({high}-{low})", swing.size)
    own, every = sheets.ref(f"swing {offset}"), sheets.span("swing 1", f"swing {count}")
    earlier = sheets.span("swing 1", f"swing {offset}")
    formula = f"SUMPRODUCT(({every}>{own})*1)+SUMPRODUCT(({earlier}={own})*1)"
    sheets.formula(f"rank {offset}", (_SHEET, row, 4), formula, rank, "number")
