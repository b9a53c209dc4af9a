"""The standard offering on one page: what fits a size, what needs a review, what a constraint costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pov.config.offering import Item, Offering, Price, Range, Size, Topology
from pov.reporting.blocks import Block, Bullets, Callout, Columns, Heading, Table, Text
from pov.reporting.page import Page
from pov.scoping.availability import FORMULA, Computed, computed
from pov.scoping.figures import Worth, amount, deal_value, worth
from pov.scoping.sizing import faults, stretches
from pov.scoping.terms import RESOURCES, Standing, percent

_WORDS = {"cpu": "CPU", "memoryGib": "memory", "storageGib": "storage", "iops": "IOPS", "services": "services"}
_INCLUDED = RESOURCES | {"services": "services"}
_SHORT, _LONGEST = 17, 45
"""Characters: a column of shorter texts is as wide as they are, and no longer text makes its column any wider."""


def page(offering: Offering, today: date) -> Page:
    """The page for a day: one, however much the offering holds, or none (`pov.reporting.page.TooLong`)."""
    foot = (offering.metadata.name, f"Sizes and quotas: {offering.metadata.source or 'no source is given'}")
    subtitle = "What fits a size needs no review. What does not is looked at by an engineer before it is promised."
    return Page(offering.metadata.title, subtitle, today, foot, tuple(_blocks(offering, today)), one=True)


def _blocks(offering: Offering, today: date) -> Iterator[Block]:
    yield _table(
        f"Sizes. Availability is computed from the size's own topology. Prices in {offering.currency} a month.",
        ("Size", "Users", "Infrastructure", "Component", "Availability", "A month", "Review"),
        [_size(offering, size, today) for size in offering.sizes],
        "llllrrl",
    )
    yield _table(
        f"What a size includes at most, and its price otherwise. {offering.currency}, expected (low to high).",
        ("Size", "Includes at most", "Back after", "Once", "Weeks", "Source"),
        [_included(offering, size, today) for size in offering.sizes],
        "lllrrl",
    )
    open_ = faults(offering)
    if open_:
        text = f"{'; '.join(stretch.fault for stretch in open_)}. Such a deal needs an engineer's review."
        yield Callout("Gaps and overlaps", text[0].upper() + text[1:], "warning")
    quotas: tuple[Block, ...] = (Bullets(tuple(_quotas(offering, today))),)
    yield from _beside("Hard quotas, over all stages of a deal", quotas, "Where it runs", tuple(_regions(offering)))
    yield Heading("What more costs")
    yield _table(
        f"Constraints, each priced. {offering.currency}, expected (low to high).",
        ("What", "When", "Once", "A month", "Weeks", "Source"),
        list(_dear(offering, today)),
        "llrrrl",
    )
    platform = (_platform(offering, today),)
    up = tuple((part.name, f"to {part.ceiling or 'one machine'}.") for part in offering.parts if part.scales == "up")
    yield from _beside("Capacity is finite", platform, "Only scales up: reviewed if used", (Bullets(up),) if up else ())
    ages = offering.ageing
    yield Text(
        f"Availability: {FORMULA}. Figures marked EXAMPLE were made up to show the form: no total holds one. A figure "
        f"older than {ages.marked_days} days is marked, one older than {ages.refused_days} counts no more.",
        "note",
    )


def _beside(title: str, left: tuple[Block, ...], other: str, right: tuple[Block, ...]) -> Iterator[Block]:
    """Two groups side by side; the first alone where there is nothing in the other."""
    if right:
        yield Columns(title, left, other, right)
    else:
        yield Heading(title)
        yield from left


def _table(caption: str, head: tuple[str, ...], rows: list[tuple[str, ...]], align: str) -> Table:
    """A table whose columns of long texts share the width by their longest text; all others take what they need."""
    longest = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    shares = [
        float(min(length, _LONGEST)) if kind == "l" and length > _SHORT else 0
        for length, kind in zip(longest, align, strict=True)
    ]
    return Table(caption, head, tuple(rows), align, tuple(shares) if any(shares) else ())


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


def _included(offering: Offering, size: Size, today: date) -> tuple[str, ...]:
    limits = {unit: getattr(size.limits, resource) for resource, unit in _INCLUDED.items()}
    most = ", ".join(f"{limit:,.10g} {unit}" for unit, limit in limits.items() if limit is not None)
    once, _, weeks, source = _price(size.price, offering, today)
    return (size.name, most or "–", _recovery(offering.topology(size.topology)) or "–", once, weeks, source)


def _recovery(topology: Topology) -> str:
    """How long until it is back, and how much is lost at most, as far as the offering says."""
    back, lost = topology.recovery_minutes, topology.recovery_point_minutes
    told = [f"{back:,.10g} min"] if back is not None else []
    return ", ".join([*told, f"losing {lost:,.10g} min"] if lost is not None else told)


def _quotas(offering: Offering, today: date) -> Iterator[tuple[str, str]]:
    quotas = offering.quotas
    yield ("CPU.", f"{quotas.cpu_standard:,} cores without an approved scope, {quotas.cpu_scoped:,} with one.")
    yield ("IOPS.", f"{quotas.iops_approval:,} and more need the approval of the engineering VP.")
    yield ("Override.", "Explicit, by name, with a reason; it is recorded.")
    if above := deal_value(offering, today):
        yield ("Solutions architect.", f"Named for a deal above {above}, and for any that needs a review.")


def _regions(offering: Offering) -> Iterator[Block]:
    by_law: dict[str, list[str]] = {}
    for region in offering.regions:
        by_law.setdefault(region.residency, []).append(region.name)
    if by_law:
        yield Bullets(tuple((f"{residency}.", f"{', '.join(names)}.") for residency, names in by_law.items()))


def _dear(offering: Offering, today: date) -> Iterator[tuple[str, ...]]:
    for topology in offering.topologies:
        if topology.price is not None:
            one = computed(offering, topology, today)
            gives = "not computed" if one.share is None else f"up to {percent(one.share)}{_computed(one)}"
            recovery = _recovery(topology)
            back = f"; back after {recovery}" if recovery else ""
            yield (topology.title, f"availability {gives}{back}", *_price(topology.price, offering, today))
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


def _platform(offering: Offering, today: date) -> Text:
    platform = offering.platform
    value = worth(platform, offering.ageing, today)
    if platform is None or not value.shown:
        return Text(f"What the platform has for all deals together is not known: {value.why}.")
    has = [
        f"{getattr(platform, resource):,.10g} {unit}"
        for resource, unit in RESOURCES.items()
        if getattr(platform, resource) is not None
    ]
    mark = value.mark or f" ({value.why})"
    return Text(f"For all deals together: {', '.join(has)}{mark}. Approved scopes are summed against it.")


def _mark(value: Worth) -> str:
    return {Standing.EXAMPLE: " EXAMPLE", Standing.OLD: " old"}.get(value.standing, "")


def _computed(one: Computed) -> str:
    """What follows an availability: what it is computed from may be an example, or old."""
    if one.examples:
        return " EXAMPLE"
    return " from old figures" if one.old else ""
