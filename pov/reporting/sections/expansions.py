"""Wishes outside the agreed scope: recorded, priced where somebody did, and in no other figure of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

_KINDS = {
    "scope": "More than the agreed scope",
    "iops": "More operations a second than the offering allows by itself",
    "override": "An exception from a limit",
}


def build(facts: Facts) -> Iterator[Block]:
    """Nothing where nobody wished for more."""
    wishes = [mapping(item) for item in items(facts.environment.get("expansions"))]
    kept = mapping(facts.environment.get("refused"))
    refusals, left = [mapping(item) for item in items(kept.get("refusals"))], items(kept.get("left"))
    if not wishes and not refusals and not left:
        return
    yield Text(_APART)
    if wishes:
        yield from _wishes(wishes)
    if refusals:
        rows = tuple(_refused(refusal) for refusal in refusals)
        head = ("Asked for", "By which request", "Refused by, on, until", "Because")
        caption = "Requests for more that were refused: records that are signed by a role that may."
        yield Table(caption, head, rows, "llll", (1.3, 1.2, 1, 1.2))
        yield Text("Requests are signed by nobody: they tell what was asked for, and not for sure by whom.", "note")
    if left:
        told = "; ".join(text(one) for one in left)
        yield Text(
            f"{plural(len(left), 'refusal')} not counted, by this machine's own list of signers: {told}.", "note"
        )


def _wishes(wishes: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    rows = tuple(_row(wish) for wish in wishes)
    head = ("Wish", "Of whom, when", "Why it is outside", "What it would take", "Decides, until")
    yield Table(
        "As the engagement file had them before the first trial.", head, rows, "lllll", (1.1, 0.9, 1.2, 1.4, 0.9)
    )
    open_ones = sum(1 for wish in wishes if not text(wish.get("decides")) or not text(wish.get("until")))
    if open_ones:
        yield Text(f"For {plural(open_ones, 'wish', 'wishes')} nobody is named to decide, or no day is set.", "note")


SECTION = Section("expansions", "Wishes outside the agreed scope", build, opens_page=True)


def _refused(one: Mapping[str, Any]) -> tuple[str, ...]:
    agreed = mapping(one.get("agreed"))
    told = [
        f"{name.replace('_', ' ')} {_plain(value)} (agreed: {_plain(agreed.get(name)) or 'nothing'})"
        for name, value in mapping(one.get("figures")).items()
    ]
    what = _KINDS.get(text(one.get("kind")), text(one.get("kind")) or "–")
    asked = f"{text(one.get('requested'))[:10]}: {text(one.get('wished'))}" if one.get("requested") else "none is kept"
    who = f"{text(one.get('by')) or 'nobody'} ({text(one.get('role'))})"
    return (
        f"{what}: {', '.join(told)}" if told else what,
        asked,
        f"{who}, {text(one.get('on'))[:10]}, until {text(one.get('until'))[:10]}",
        text(one.get("why")) or "–",
    )


def _plain(value: object) -> str:
    """A figure of a scope: a number, a text, a list of them, or an amount with its currency."""
    if isinstance(value, Mapping):
        return " ".join(text(part) for part in value.values())
    return ", ".join(text(part) for part in value) if isinstance(value, list) else text(value)


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
