"""Page two: is it worth it. The ceiling first, then what is expected, what must be true, and how to get out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pov.reporting.amounts import amount, figure, quarter, whole, with_unit
from pov.reporting.blocks import Block, Bullets, Callout, Cash, Columns, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, nice_axis, plural
from pov.reporting.section import Section
from pov.reporting.valued import Valued

if TYPE_CHECKING:
    from pov.value.case import Case
    from pov.value.evaluating import Outcome

_EXPECTED = {"mark": "circle", "colour": "#0b4f7d"}
_HARD_ONLY = {"mark": "diamond", "colour": "#c4651a"}
_THOUSAND = 1000


def build(facts: Facts) -> Iterator[Block]:
    """Nothing without a value section whose figures are all given: page one says what is missing."""
    given = facts.valued
    if given is None or given.case is None:
        return
    if given.value.example:
        told = "Nobody stated these figures. They show what this page looks like with a customer's own."
        yield Callout("EXAMPLE: made up to show the form", told, "warning")
    yield from _case(given, given.case)


SECTION = Section("worth", "Is it worth it", build, opens_page=True)


def _case(given: Valued, case: Case) -> Iterator[Block]:
    yield Heading("The ceiling")
    yield Text(_ceiling(case))
    yield Heading("Over three years")
    yield Callout(*_verdict(case))
    yield _outcomes(case)
    yield cash(case)
    yield Heading("What must be true")
    yield from _sensitivity(case)
    yield Columns(
        "It would be a bad buy if …",
        (Bullets(tuple(_bad_buy(case))),),
        "Doing nothing, and getting out",
        (Bullets(tuple(_way_out(given, case))),),
    )


def _verdict(case: Case) -> tuple[str, str, str]:
    """Whether it pays on the expected figures, and with soft savings at zero. No recommendation."""
    currency, outcome = case.plan.value.currency, case.expected
    before = "" if case.plan.priced else "Before the price, which is not given: "
    if outcome.npv >= 0 and outcome.payback is not None:
        title, tone = f"{before}as expected it pays back by the {quarter(outcome.payback)}", "note"
    else:
        title, tone = f"{before}as expected it does not pay back within three years", "warning"
    hard = "pays" if outcome.npv_hard >= 0 else "loses money"
    text = (
        f"Net present value {amount(outcome.npv, currency)}; with soft savings at zero "
        f"{amount(outcome.npv_hard, currency)}: on hard savings alone it {hard}."
    )
    return title[0].upper() + title[1:], text, tone


def _ceiling(case: Case) -> str:
    ceiling, currency = case.ceiling, case.plan.value.currency
    stated = "stated hour" if case.plan.value.week.before is not None else "hour of every activity"
    costs = "costs, the price not among them," if not case.plan.priced else "costs"
    year = "would pay that" if ceiling.pays_in_year_one else "would not pay that"
    three = "would pay" if ceiling.pays else "would not pay back"
    told = (
        f"If every {stated} vanished on the first day: {whole(ceiling.hours)} h a year, at the highest rate "
        f"({amount(ceiling.rate, currency)}) at most {amount(ceiling.worth, currency)} a year. Year one {costs} "
        f"{amount(ceiling.year_one, currency)}: hours alone {year}. Three years cost {amount(ceiling.all, currency)}: "
        f"hours alone {three} those."
    ).replace("would not pay back those", "would not pay those back even then")
    if ceiling.incidents and not ceiling.pays:
        also = "would pay" if ceiling.pays_with_incidents else "would not pay either"
        told += (
            f" With every counted incident avoided as well ({amount(ceiling.incidents, currency)} a year) it {also}."
        )
    return told


def _outcomes(case: Case) -> Table:
    currency = case.plan.value.currency
    expected = case.expected
    low, high = case.low, case.high

    def row(name: str, figures: Sequence[Decimal]) -> tuple[str, ...]:
        return (name, *(whole(value) for value in figures))

    def hard(outcome: Outcome) -> Decimal:
        return sum((q.hard for q in outcome.quarters), Decimal(0))

    rows = (
        row("Saved", (low.saved(), hard(expected), expected.saved(), high.saved())),
        row("of it hard", (hard(low), hard(expected), hard(expected), hard(high))),
        row("Paid", (low.spent(), expected.spent(), expected.spent(), high.spent())),
        row("Left", (low.cumulative[-1], expected.cumulative_hard[-1], expected.cumulative[-1], high.cumulative[-1])),
        row("Net present value", (low.npv, expected.npv_hard, expected.npv, high.npv)),
        ("Pays back", *(quarter(q) for q in (low.payback, expected.payback_hard, expected.payback, high.payback))),
    )
    head = (currency, "Low", "Expected, soft at zero", "Expected", "High")
    source = case.plan.value.discount
    told = f"{figure(case.plan.discount)}{NARROW}% a year ({source.source}; {source.by})"
    without = "" if case.plan.priced else " The price is not in it."
    return Table(f"Discounted at {told}; cash falls at each quarter's end.{without}", head, rows, "lrrrr", (), (4,))


def cash(case: Case) -> Cash:
    """Cash of each quarter as bars, what has come together as lines: as expected, and with soft savings at zero."""
    outcome, currency = case.expected, case.plan.value.currency
    net = [q.net for q in outcome.quarters]
    every = [*net, *outcome.cumulative, *outcome.cumulative_hard, Decimal(0)]
    axis = tuple(_ticks(float(min(every)), float(max(every))))
    scale = f"thousand {currency}" if any(abs(tick["value"]) >= 10 * _THOUSAND for tick in axis) else currency
    lines = (
        _line("as expected", _EXPECTED, outcome.cumulative, dashed=False),
        _line("soft savings at zero", _HARD_ONLY, outcome.cumulative_hard, dashed=True),
    )
    bars = tuple({"label": str(q.n), "value": float(q.net)} for q in outcome.quarters)
    alt = f"Cash by quarter, as expected: {', '.join(whole(value) for value in net)} {currency}"
    caption = f"Cash by quarter (bars, as expected) and together (lines), in {scale}"
    return Cash(caption, alt, bars, lines, axis)


def _line(label: str, look: dict[str, str], values: Sequence[Decimal], *, dashed: bool) -> dict[str, Any]:
    return {"label": label, "look": look, "dashed": dashed, "values": tuple(float(value) for value in values)}


def _ticks(lowest: float, highest: float) -> Iterator[dict[str, Any]]:
    step = nice_axis(max(highest, -lowest, 1.0), 3)[1]
    highest = max(highest, lowest + step)
    scaled = _THOUSAND if max(highest, -lowest) >= 10 * _THOUSAND else 1
    tick = -step * -(lowest // step)
    while tick < highest + step:
        yield {"value": tick, "label": figure(Decimal(str(round(tick / scaled, 6))))}
        tick += step


def _sensitivity(case: Case) -> Iterator[Block]:
    from pov.value.case import SHOWN  # noqa: PLC0415

    shown = case.swings[:SHOWN]
    if not shown:
        yield Text("No input has a range, so nothing says how sure the result is.")
        return
    rows = tuple(
        (
            swing.entry.label,
            f"{figure(swing.entry.low)} – {with_unit(swing.entry.high, swing.entry.unit)}",
            with_unit(swing.entry.expected, swing.entry.unit),
            f"{whole(min(swing.at_low, swing.at_high))} … {whole(max(swing.at_low, swing.at_high))}",
            f"{swing.entry.owner}; {swing.entry.origin}",
        )
        for swing in shown
    )
    head = ("Input", "Low – high", "Expected", "Net present value", "Owner; origin")
    yield Table("The inputs that move the result most, one at a time.", head, rows, "lrrrl", (1.5, 0, 0, 0, 1.1))


def _bad_buy(case: Case) -> Iterator[tuple[str, str]]:
    from pov.value.limits import latest, limits  # noqa: PLC0415

    currency = case.plan.value.currency
    if case.expected.npv < 0:
        yield "It is one on these figures.", f"Net present value {amount(case.expected.npv, currency)}."
    for limit in limits(case):
        side = "below" if limit.below else "above"
        told = f"is {side} {with_unit(limit.at, limit.entry.unit)} (expected {figure(limit.entry.expected)})."
        yield f"{limit.entry.label}", told
    if case.break_even is not None:
        yield "Savings", f"come to less than {figure(case.break_even)}{NARROW}% of what is expected."
    most = case.most_a_year
    if most > 0:
        yield "The price", f"is above {amount(most, currency)} a year."
    late = latest(case)
    if late is not None:
        yield "Every wave", f"is later by more than {plural(late, 'quarter')}."
    if case.expected.npv_hard < 0 <= case.expected.npv:
        yield "Freed hours", f"are not redeployed: then {amount(case.expected.npv_hard, currency)}."


def _way_out(given: Valued, case: Case) -> Iterator[tuple[str, str]]:
    currency = case.plan.value.currency
    years = case.doing_nothing
    each = ", ".join(whole(year) for year in years)
    yield "Doing nothing", f"costs {amount(sum(years, Decimal(0)), currency)} in three years, with growth ({each})."
    freed, idle = case.freed_hours
    if idle > 0:
        told = f"of {whole(freed)} freed hours a year: nobody is named to redeploy them."
        yield f"{whole(idle)}{NARROW}h count zero,", told
    stop = case.stop
    told = f"the end of quarter {stop.quarter}, after the first wave: {amount(stop.lost, currency)} lost by then"
    yield "A stop point:", told + (", leaving included." if stop.exit is not None else ", leaving not included.")
    if stop.exit is None:
        yield "Leaving", "again: nobody has given its cost."
    else:
        how = given.value.exit.how.strip().rstrip(".") if given.value.exit else ""
        yield "Leaving", f"costs {amount(stop.exit, currency)}{f': {how}' if how else ''}."
    if case.threats:
        yield "Less risks", f"by their weight: net present value {amount(case.adjusted, currency)}."
