"""A deal's scope as blocks, from what was saved of its assessment: in the report, and on a page of its own.

Read with care: what is missing or damaged is left out, never guessed. A saved EXAMPLE gives no total here either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pov.model.reading import items, mapping, number, text
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table, Text
from pov.reporting.page import Page
from pov.scoping.terms import RESOURCES, Standing, mark, minutes_down, percent

_STANDINGS = {str(one) for one in Standing}
_APPROVAL = {"scope": "Engineer", "iops": "Engineering VP", "override": "Engineering VP or CTO"}


def page(document: Mapping[str, Any], customer: str, day: date) -> Page:
    """The scope of one deal as a page."""
    title = f"Scope for {customer}" if customer else "Scope"
    foot = (text(document.get("offering")), "Nothing here is promised before it is approved")
    return Page(title, _verdict(document), day, foot, tuple(blocks(document, verdict=False)))


def blocks(document: Mapping[str, Any], *, verdict: bool = True) -> Iterator[Block]:
    """The verdict, the reasons, the lines with their totals, availability, capacity, what is open."""
    if verdict:
        yield Text(f"{_verdict(document)} As assessed on {text(document.get('on'))}, {text(document.get('offering'))}.")
    why = tuple(_reason(mapping(item)) for item in items(document.get("reasons")))
    if why:
        yield Heading("Why it is reviewed, and by whom")
        yield Bullets(why)
    shadow = text(document.get("shadow"))
    if shadow:
        yield Callout("Nobody is named", f"{shadow[0].upper()}{shadow[1:]}.", "warning")
    elif architect := text(document.get("architect")):
        yield Text(f"Solutions architect: {architect}.")
    yield from _lines(document)
    yield from _availability(document)
    yield from _capacity(document)
    yield from _open(document)


def _verdict(document: Mapping[str, Any]) -> str:
    size = mapping(document.get("size"))
    name = f"{text(size.get('name'))}: {text(size.get('infrastructure'))}" if size else "No size"
    count = len(items(document.get("reasons")))
    if not count:
        return f"{name}. No review needed."
    return f"{name}. Needs an engineer's review, for {'one reason' if count == 1 else f'{count} reasons'}."


def _reason(reason: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{_APPROVAL.get(text(reason.get('needs')), _APPROVAL['scope'])}:", f"{text(reason.get('text'))}.")


def _lines(document: Mapping[str, Any]) -> Iterator[Block]:
    found = [mapping(item) for item in items(document.get("lines"))]
    if not found:
        return
    currency = text(document.get("currency"))
    rows = [
        (
            text(line.get("title")),
            text(line.get("rule")),
            *(_range(line.get(key)) for key in ("once", "monthly", "lead_weeks")),
            _source(line),
        )
        for line in found
    ]
    totals = {key: mapping(document.get(key)) for key in ("once", "monthly", "weeks")}
    example = any(text(line.get("standing")) == Standing.EXAMPLE for line in found)
    amounts = ["–" if example else _range(total.get("amount")) for total in totals.values()]
    rows.append(("Total", "", *amounts, ""))
    yield Heading("What it takes")
    yield Table(
        f"Each constraint, the rule that calls for it, its price in {currency} and its weeks: expected (low to high).",
        ("What", "Rule", "Once", "A month", "Weeks", "Source"),
        tuple(rows),
        "llrrrl",
        (1.2, 1.4, 0, 0, 0, 0.8),
        strong=(len(rows) - 1,),
    )
    notes = dict.fromkeys(text(note) for total in totals.values() for note in items(total.get("notes")))
    if notes:
        yield Text(f"Total: {'; '.join(notes)}.", "note")
    yield Text("Weeks: low and expected if all is built side by side, high if one after the other.", "note")


def _availability(document: Mapping[str, Any]) -> Iterator[Block]:
    proposal = mapping(document.get("availability"))
    chosen = mapping(proposal.get("chosen")) or mapping(proposal.get("standard"))
    if not chosen:
        return
    yield Heading("Availability, computed")
    share, title = number(chosen.get("share")), text(chosen.get("title"))
    if share is None:
        missing = "; ".join(text(name) for name in items(chosen.get("missing")))
        yield Text(f"{title}: not computed, {missing}.")
        return
    asked = number(document.get("asked_percent"))
    wanted = "Nobody has said what is asked" if asked is None else f"Asked: {asked:.10g} %"
    example = " From EXAMPLE figures." if items(chosen.get("examples")) else ""
    old = "; ".join(text(name) for name in items(chosen.get("old")))
    yield Text(
        f"{title}: {percent(share)}, {minutes_down(share):,.1f} min a year down. {wanted}.{example}"
        + (f" Old figures: {old}." if old else "")
    )
    rows = tuple(
        (text(term.get("what")), text(term.get("how")), percent(value))
        for term in map(mapping, items(chosen.get("terms")))
        if (value := number(term.get("share"))) is not None
    )
    yield Table("All of these must work; the shares multiply.", ("Part", "Copies", "Share"), rows, "llr", (1, 1.6, 0))
    yield Text(f"Formula: {text(chosen.get('formula'))}. {_next(document, proposal)}", "note")


def _next(document: Mapping[str, Any], proposal: Mapping[str, Any]) -> str:
    wanted, line = number(proposal.get("next_percent")), mapping(document.get("next_nine"))
    if wanted is None:
        return ""
    if not line:
        return f"No topology of the offering has the next nine, {wanted:.10g} %: an engineer looks at it."
    currency = text(document.get("currency"))
    once, monthly, weeks = (_range(line.get(key)) for key in ("once", "monthly", "lead_weeks"))
    told = f"The next nine, {wanted:.10g} %, takes {text(line.get('title')).lower()}"
    if monthly == once == weeks == "–":
        return f"{told}; its price is absent: {text(line.get('why'))}."
    above = text(proposal.get("on_top_of")) or "the size"
    costs = f"{monthly} {currency} a month and {once} once on top of {above}; {weeks} weeks to build"
    return f"{told}: {costs}{_mark(line)}."


def _mark(line: Mapping[str, Any]) -> str:
    """What a figure is that is no given one, as the assessment said it; nothing where the record is damaged."""
    standing = text(line.get("standing"))
    return mark(Standing(standing), text(line.get("why"))) if standing in _STANDINGS else ""


def _capacity(document: Mapping[str, Any]) -> Iterator[Block]:
    found = mapping(document.get("capacity"))
    note = text(found.get("note"))
    # Nobody looked at other deals: that is not nothing approved.
    taken = "taken" if found.get("summed") is True else "not looked at"
    rows = tuple(
        (
            RESOURCES.get(text(use.get("resource")), text(use.get("resource"))),
            *(_amount(use.get(key)) for key in ("has", taken, "asked", "left")),
        )
        for use in map(mapping, items(found.get("uses")))
    )
    if not rows and not note:
        return
    yield Heading("Capacity is finite")
    if rows:
        head = ("Resource", "Platform has", "Approved for others", "Asked here", "Left for this deal")
        caption = "What other deals were approved for, and what is asked, against what the platform has."
        yield Table(caption, head, rows, "lrrrr")
    if note:
        yield Text(f"{note}.", "note")


def _open(document: Mapping[str, Any]) -> Iterator[Block]:
    asked = [mapping(item) for item in items(document.get("questions"))]
    still = tuple(("", text(q.get("text"))) for q in asked if q.get("open") is True)
    if not asked:
        return
    yield Heading(f"Discovery: {len(still)} of {len(asked)} questions open")
    yield Bullets(still) if still else Text("Everything that is asked was answered.")


def _source(line: Mapping[str, Any]) -> str:
    standing, why = text(line.get("standing")), text(line.get("why"))
    if standing == Standing.EXAMPLE:
        return "EXAMPLE"
    return why if standing == Standing.GIVEN else f"{standing}: {why}"


def _range(value: object) -> str:
    found = mapping(value)
    low, expected, high = (number(found.get(key)) for key in ("low", "expected", "high"))
    if low is None or expected is None or high is None:
        return "–"
    return f"{expected:,.10g}" if low == high else f"{expected:,.10g} ({low:,.10g} to {high:,.10g})"


def _amount(value: object) -> str:
    found = number(value)
    return "–" if found is None else f"{found:,.10g}"
