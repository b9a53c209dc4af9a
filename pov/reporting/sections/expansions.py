"""Wishes outside the agreed scope: recorded, priced where somebody did, and in no other figure of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pov.base import money
from pov.model.reading import items, mapping, text
from pov.reporting.amounts import amount, whole
from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, plural
from pov.reporting.section import Section

_APART = (
    "Outside what was agreed: in no criterion, price, saving or other figure of this report. They are here so that "
    "none is lost, and none becomes part of the proof of value by being done."
)


def build(facts: Facts) -> Iterator[Block]:
    """Nothing where nobody wished for more."""
    wishes = [mapping(item) for item in items(facts.environment.get("expansions"))]
    if not wishes:
        return
    yield Text(_APART)
    rows = tuple(_row(wish) for wish in wishes)
    head = ("Wish", "Of whom, when", "Why it is outside", "What it would take", "Decides, until")
    yield Table(
        "As the engagement file had them before the first trial.", head, rows, "lllll", (1.1, 0.9, 1.2, 1.4, 0.9)
    )
    open_ones = sum(1 for wish in wishes if not text(wish.get("decides")) or not text(wish.get("until")))
    if open_ones:
        yield Text(f"For {plural(open_ones, 'wish', 'wishes')} nobody is named to decide, or no day is set.", "note")


SECTION = Section("expansions", "Wishes outside the agreed scope", build, opens_page=True)


def _row(wish: Mapping[str, Any]) -> tuple[str, ...]:
    takes = text(wish.get("takes")).strip().rstrip(".")
    told = [part for part in (takes, _cost(mapping(wish.get("cost")))) if part]
    decides = text(wish.get("decides")) or "nobody is named"
    return (
        text(wish.get("title")) or text(wish.get("id")) or "–",
        f"{text(wish.get('by')) or 'nobody is named'}, {text(wish.get('when')) or 'no date given'}",
        text(wish.get("outside")) or "–",
        ". ".join(told),
        f"{decides}, {text(wish.get('until')) or 'no date is set'}",
    )


def _cost(cost: Mapping[str, Any]) -> str:
    expected = _amount(cost.get("expected"))
    if expected is None:
        return "Not estimated"
    low, high = (_amount(cost.get(key)) or expected for key in ("low", "high"))
    span = "" if low == high else f" ({whole(low.amount)} – {whole(high.amount)})"
    source = "; ".join(part for part in (text(cost.get("source")), text(cost.get("by"))) if part)
    when = f",{NARROW}{text(cost.get('when'))}" if cost.get("when") else ""
    origin = text(cost.get("origin")) or "stated"
    return f"{amount(Decimal(expected.amount), expected.currency)}{span}, {origin} ({source}{when})"


def _amount(given: object) -> money.Money | None:
    try:
        return money.parse(given)
    except ValueError:
        return None
