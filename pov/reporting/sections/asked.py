"""What is asked for, of whom, until when; the price; the risks: page one's parts that stem from the value section.

Every run of this toolkit is on mock services. Such a run asks for the next step and never for a purchase, whatever the
value model comes to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pov.reporting.amounts import amount
from pov.reporting.blocks import Block, Bullets, Heading
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, plural, short
from pov.reporting.valued import Valued

_NOT_A_PURCHASE = "Mock services cannot carry a purchase, and none is asked for."
_USUAL_STEP = "the same measurements on services of your own"
_RISKS = 3
_SHOWN = 3
_NAME, _TITLE = 60, 80
"""So many characters of a name, and of a title or source: pages two and three have them in full."""


def asked(facts: Facts) -> Iterator[Block]:
    """The decision that this run can carry."""
    yield Heading("The decision")
    yield Bullets(tuple(_items(facts)))


def _items(facts: Facts) -> Iterator[tuple[str, str]]:
    given = facts.valued
    if given is None:
        yield "The next step.", f"{_NOT_A_PURCHASE} Asked: {_USUAL_STEP}. Nobody is named to decide, and no date."
        yield "Price.", "No value model was given with this run: it says nothing of price, hours or money."
        return
    following = given.value.next
    who = short(following.by, _NAME) or "nobody is named"
    until = f"until {following.until}" if following.until else "no date is set"
    step = following.step.strip().rstrip(".") or _USUAL_STEP
    yield "The next step.", f"{_NOT_A_PURCHASE} Asked: {step}. To decide: {who}, {until}."
    yield "Price.", given.example + price(given, facts.finished[:10] or facts.started[:10])
    if given.case is None:
        yield "What it is worth.", _missing(given.missing)
    elif given.case.threats:
        threats = given.case.threats
        named = [f"{short(threat.title, _TITLE)} ({short(threat.owner, _NAME)})" for threat in threats[:_RISKS]]
        more = f"; {len(threats) - _RISKS} more further back" if len(threats) > _RISKS else ""
        yield "Risks, with owners.", f"{given.example}{'; '.join(named)}{more}."
    else:
        yield "Risks.", "None was named, and nobody answers for any."


def _missing(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    told = ", ".join(keys[:_SHOWN])
    return f"Nobody has given {plural(len(keys), 'figure')} of the value section ({told}{more}): no result is told."


def price(given: Valued, today: str) -> str:
    """The price with its source and date, or who gives it until when; told as stale after its last day."""
    found, currency = given.value.price, given.value.currency
    if not found.given():
        coming = found.not_given
        who = short(coming.by, _NAME) if coming is not None else ""
        until = f"until {coming.until}" if coming is not None and coming.until else "no date is set"
        return f"Not given: {who or 'nobody is named to give it'}, {until}."
    parts = []
    if found.once is not None:
        parts.append(f"{amount(found.once.amount, currency)} once")
    if found.yearly is not None:
        parts.append(f"{amount(found.yearly.amount, currency)} a year, in advance")
    stale = ""
    if found.valid_until is not None and today > found.valid_until.isoformat():
        stale = f" It was valid until {found.valid_until}: ask for a new one."
    source = f"{short(found.source, _TITLE)}; {short(found.by, _NAME)},{NARROW}{found.when}"
    return f"{' and '.join(parts)} ({source}).{stale}"
