"""What the value rests on: whether figures close, hours, every input with its owner, cash, risks, method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pov.reporting.amounts import amount, figure, whole, with_unit
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW
from pov.reporting.section import Section

if TYPE_CHECKING:
    from pov.value.case import Case
    from pov.value.plan import Entry

_COUNTS = {"hard": "hard: {line}", "none": "zero: nobody is named to redeploy them"}
_SAVED = (
    "Volume times time today less time then, at the rate; incidents avoided, at their cost. Hours that activities "
    "claim beyond the stated week save nothing. A wave saves from the quarter after both ways ran side by side, less "
    "the training dip in its first."
)
_PAID = (
    "The price, yearly in advance; costs; both ways side by side; hours that the platform itself takes, in full from "
    "the first wave on."
)
_ROUNDED = (
    "Each line of each quarter to the currency's smallest unit, a half away from zero; pages show whole units, the "
    "workbook (pov report --format xlsx) all of them, by live formulas."
)
_METHOD = (
    ("Saved.", _SAVED),
    ("Paid.", _PAID),
    ("Low and high.", "Every input at the end at which, all else as expected, the result is lower, or higher."),
    ("Rounded.", _ROUNDED),
    ("Net present value.", "Cash of quarter q over (1 + the yearly rate) to the q/4; twelve quarters of 13 weeks."),
)


def build(facts: Facts) -> Iterator[Block]:
    """Nothing without a whole value section."""
    given = facts.valued
    if given is None or given.case is None:
        return
    if given.value.example:
        yield Callout("EXAMPLE: made up to show the form", "Nobody stated these figures.", "warning")
    if given.changed:
        yield Callout("Changed after the run", "This section is not the one that was recorded before the first trial.")
    yield from _closing(given.case)
    for block in (_hours(given.case), _inputs(given.case), _cash(given.case), *_risks(given.case)):
        # The section runs over several pages, and each has to say it.
        yield replace(block, caption=given.example + block.caption) if isinstance(block, Table) else block
    yield Heading("How it is computed")
    yield Bullets(_METHOD)


SECTION = Section("worth_basis", "What the value rests on", build, opens_page=True)


def _closing(case: Case) -> Iterator[Block]:
    from pov.value import closing  # noqa: PLC0415

    found = []
    for gap in closing.gaps(case.plan):
        when = "today" if gap.time == "before" else "then"
        off = gap.stated - gap.told
        side = "explained by no activity" if off > 0 else "more than stated"
        told = f"stated {figure(gap.stated)} h, activities come to {figure(gap.told)} h: {figure(abs(off))} h {side}."
        found.append((f"The week {when}:", told))
    apart = closing.apart(case.plan)
    if apart is not None:
        first = f"{figure(apart.week_before)} h at {figure(apart.minutes_before)} min are {figure(apart.often_before)}"
        then = f"{figure(apart.week_after)} h at {figure(apart.minutes_after)} min are {figure(apart.often_after)}"
        told = f"were the week “{apart.title}” alone, {first} a week, {then}: the two weeks hold other work."
        found.append(("Before and after:", told))
    if found:
        yield Heading("The stated figures do not close")
        yield Bullets(tuple(found))


def _hours(case: Case) -> Table:
    from pov.value.evaluating import hours  # noqa: PLC0415
    from pov.value.plan import counted  # noqa: PLC0415

    given = case.plan.expected
    before, after = hours(case.plan, given, "before"), hours(case.plan, given, "after")
    rows = []
    for activity in case.plan.value.activities:
        first, then = before[activity.id] / 13, after[activity.id] / 13
        kind = counted(activity)
        if kind == "soft":
            entry = next(e for e in case.plan.entries if e.key == f"activities.{activity.id}.redeployed")
            counts = f"soft: {figure(entry.expected)}{NARROW}% redeployed by {entry.owner}"
        else:
            counts = _COUNTS[kind].format(line=activity.budget_line)
        counts = "a cost, in full" if then > first else counts
        rows.append((activity.title, _tenths(first), _tenths(then), _tenths(first - then), counts))
    total = [sum(column, Decimal(0)) / 13 for column in (before.values(), after.values())]
    rows.append(("All", _tenths(total[0]), _tenths(total[1]), _tenths(total[0] - total[1]), ""))
    head = ("Activity", "Today", "Then", "Freed", "What counts of it")
    last = len(rows) - 1
    return Table("Hours a week, as expected.", head, tuple(rows), "lrrrl", (1.3, 0, 0, 0, 1.4), (last,))


def _tenths(hours: Decimal) -> str:
    return f"{hours:.1f}".replace("-", "−")


def _inputs(case: Case) -> Table:
    usual = _usual(case)
    rows = tuple(
        (
            entry.label,
            with_unit(entry.expected, entry.unit),
            f"{figure(entry.low)} – {figure(entry.high)}" if entry.varies else "–",
            entry.origin,
            "; ".join(part for part in ("" if _who(entry) == usual else _who(entry), entry.basis) if part),
        )
        for entry in case.plan.entries
    )
    head = ("Input", "Expected", "Low – high", "Origin", "Owner, day; source")
    whose = f" By {usual}, where a line names nobody else." if usual else ""
    return Table(f"Every input.{whose}", head, rows, "lrrll", (1.6 if usual else 1.3, 0, 0, 0, 1.3))


def _usual(case: Case) -> str:
    """Whose more than half of the inputs are, and since when: told once. Empty where one of them has no owner."""
    entries = case.plan.entries
    owned = all(entry.owner for entry in entries)
    return next((w for w, n in Counter(map(_who, entries)).items() if owned and 2 * n > len(entries)), "")


def _who(entry: Entry) -> str:
    return ", ".join(part for part in (entry.owner, entry.when) if part)


def _cash(case: Case) -> Table:
    outcome = case.expected
    rows = tuple(
        (str(q.n), *(whole(v) for v in (q.hard, q.soft, q.price, q.costs + q.parallel, q.extra, q.net, total)))
        for q, total in zip(outcome.quarters, outcome.cumulative, strict=True)
    )
    head = ("Quarter", "Hard", "Soft", "Price", "Costs", "Running it", "Net", "Together")
    return Table(f"Cash by quarter as expected, {case.plan.value.currency}.", head, rows, "rrrrrrrr", (1,) * 8)


def _risks(case: Case) -> Iterator[Block]:
    currency = case.plan.value.currency
    if not case.threats:
        yield Text("No risk was named, so nothing is taken off for any.")
        return
    rows = [
        (t.title, t.owner, f"{figure(t.percent)}{NARROW}%", whole(t.cost), f"−{whole(t.weighed)}") for t in case.threats
    ]
    rows.insert(0, ("Net present value, as expected", "", "", "", whole(case.expected.npv)))
    rows.append(("Less every risk by its weight", "", "", "", amount(case.adjusted, currency)))
    head = ("Risk", "Owner", "How likely", "What it costs", currency)
    strong = (len(rows) - 1,)
    yield Table("How likely times what it costs, taken off.", head, tuple(rows), "llrrr", (1.6, 1, 0, 0, 0), strong)
