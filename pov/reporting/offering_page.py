"""The standard offering on one page: what fits a size, what needs a review, what a constraint costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pov.config.offering import Item, Offering, Price, Range, Size
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table, Text
from pov.reporting.page import Page
from pov.scoping.availability import FORMULA, Computed, computed
from pov.scoping.figures import Worth, amount, worth
from pov.scoping.sizing import faults, stretches
from pov.scoping.terms import RESOURCES, Standing, percent

_WORDS = {"cpu": "CPU", "memoryGib": "memory", "storageGib": "storage", "iops": "IOPS", "services": "services"}


def page(offering: Offering, today: date) -> Page:
    """The page for a day."""
    foot = (offering.metadata.name, f"Sizes and quotas: {offering.metadata.source or 'no source is given'}")
    subtitle = "What fits a size needs no review. What does not is looked at by an engineer before it is promised."
    return Page(offering.metadata.title, subtitle, today, foot, tuple(_blocks(offering, today)))


def _blocks(offering: Offering, today: date) -> Iterator[Block]:
    yield Table(
        f"Sizes. Availability is computed from the size's own topology. Prices in {offering.currency} a month.",
        ("Size", "Users", "Infrastructure", "Component", "Availability", "A month", "Review"),
        tuple(_size(offering, size, today) for size in offering.sizes),
        "lllmrrl",
        (0, 0, 1, 0, 0, 0, 0),
    )
    open_ = faults(offering)
    if open_:
        text = f"{'; '.join(stretch.fault for stretch in open_)}. Such a deal needs an engineer's review."
        yield Callout("Gaps and overlaps", text[0].upper() + text[1:], "warning")
    yield Heading("Hard quotas, over all stages of a deal")
    yield Bullets(_quotas(offering))
    yield Heading("What more costs")
    yield Table(
        f"Constraints, each priced. {offering.currency}, expected (low to high).",
        ("What", "When", "Once", "A month", "Weeks", "Source"),
        tuple(_dear(offering, today)),
        "llrrrl",
        (1.35, 1.25, 0, 0, 0, 0.8),
    )
    up = [part for part in offering.parts if part.scales == "up"]
    if up:
        yield Heading("What only scales up")
        told = "a deal on it is reviewed"
        yield Bullets(tuple((part.name, f"to {part.ceiling or 'one machine'}: {told}.") for part in up))
    yield from _limits(offering, today)
    examples = "Figures marked EXAMPLE were made up to show the form: no total holds one."
    yield Text(f"Availability: {FORMULA}. {examples}", "note")


def _size(offering: Offering, size: Size, today: date) -> tuple[str, ...]:
    one = computed(offering, offering.topology(size.topology), today)
    value = worth(size.price, offering.ageing, today)
    monthly = size.price.monthly if size.price is not None and value.shown else None
    share = "not computed" if one.share is None else percent(one.share) + _computed(one)
    price = "–" if monthly is None else amount(monthly) + _mark(value)
    held = " and ".join(
        stretch.in_words.replace(" users", "") for stretch in stretches(offering) if size in stretch.sizes
    )
    return (size.name, held, size.infrastructure, size.component, share, price, "yes" if size.review else "no")


def _quotas(offering: Offering) -> tuple[tuple[str, str], ...]:
    quotas = offering.quotas
    return (
        ("CPU.", f"{quotas.cpu_standard:,} cores without an approved scope, {quotas.cpu_scoped:,} with one."),
        ("IOPS.", f"{quotas.iops_approval:,} and more need the approval of the engineering VP."),
        ("Override.", "Explicit, by name, with a reason; it is recorded."),
    )


def _dear(offering: Offering, today: date) -> Iterator[tuple[str, ...]]:
    for topology in offering.topologies:
        if topology.price is not None:
            one = computed(offering, topology, today)
            gives = "not computed" if one.share is None else f"up to {percent(one.share)}{_computed(one)}"
            yield (topology.title, f"availability {gives}", *_price(topology.price, offering, today))
    for item in offering.items:
        yield (item.title, when(item), *_price(item.price, offering, today))


def _price(price: Price | None, offering: Offering, today: date) -> tuple[str, ...]:
    value = worth(price, offering.ageing, today)
    if price is None or not value.shown:
        return ("–", "–", "–", f"absent: {value.why}")
    word = {Standing.EXAMPLE: "EXAMPLE", Standing.OLD: f"old: {value.why}"}.get(value.standing, value.why)
    return (*(_range(one) for one in (price.once, price.monthly, price.lead_weeks)), word)


def _range(one: Range | None) -> str:
    return "–" if one is None else amount(one)


def when(item: Item) -> str:
    """The rule that calls for an item, in words."""
    rule = item.when
    if rule.over is not None:
        return f"{_WORDS[rule.over]} above the size's"
    if rule.compliance is not None:
        return rule.compliance
    return f"{rule.component} is used" if rule.component is not None else f"more than {rule.regions_above} region"


def _limits(offering: Offering, today: date) -> Iterator[Block]:
    platform = offering.platform
    value = worth(platform, offering.ageing, today)
    yield Heading("Capacity is finite")
    if platform is None or not value.shown:
        yield Text(f"What the platform has for all deals together is not known: {value.why}.")
        return
    has = [
        f"{getattr(platform, resource):,.10g} {unit}"
        for resource, unit in RESOURCES.items()
        if getattr(platform, resource) is not None
    ]
    mark = value.mark or f" ({value.why})"
    yield Text(f"For all deals together: {', '.join(has)}{mark}. Approved scopes are summed against it.")


def _mark(value: Worth) -> str:
    return {Standing.EXAMPLE: " EXAMPLE", Standing.OLD: " old"}.get(value.standing, "")


def _computed(one: Computed) -> str:
    """What follows an availability: what it is computed from may be an example, or old."""
    if one.examples:
        return " EXAMPLE"
    return " from old figures" if one.old else ""
