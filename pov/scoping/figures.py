"""Whether a figure counts: who said so, when, and is it still so? And sums of those that do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.offering import Ageing, Offering, Price, Range, Sourced
from pov.scoping.terms import Standing, mark


@dataclass(frozen=True)
class Worth:
    """A figure's standing, and why in words."""

    standing: Standing
    why: str = ""

    @property
    def shown(self) -> bool:
        """Whether the figure may be shown at all."""
        return self.standing in {Standing.GIVEN, Standing.OLD, Standing.EXAMPLE}

    @property
    def mark(self) -> str:
        """What follows the figure where it is shown."""
        return mark(self.standing, self.why)

    @property
    def counts(self) -> bool:
        """Whether the figure enters a total."""
        return self.standing in {Standing.GIVEN, Standing.OLD}


def worth(figure: Sourced | None, ageing: Ageing, today: date) -> Worth:
    """What a figure is worth on a day. Examples do not age: they never count."""
    if figure is None:
        return Worth(Standing.ABSENT, "nobody gave a figure")
    if not figure.source.strip() or figure.as_of is None:
        lacking = "source" if not figure.source.strip() else "date"
        return Worth(Standing.ABSENT, f"it has no {lacking}")
    if figure.example:
        return Worth(Standing.EXAMPLE, figure.source)
    return _by_age(figure, figure.as_of, ageing, today)


def _by_age(figure: Sourced, as_of: date, ageing: Ageing, today: date) -> Worth:
    days = (today - as_of).days
    if days < 0:
        return Worth(Standing.REFUSED, f"it is dated {as_of}, which is still to come")
    if days > ageing.refused_days:
        return Worth(Standing.REFUSED, f"it is {days} days old; after {ageing.refused_days} none counts")
    if days > ageing.marked_days:
        return Worth(Standing.OLD, f"{figure.source}, {as_of}: {days} days old")
    return Worth(Standing.GIVEN, f"{figure.source}, {as_of}")


def deal_value(offering: Offering, today: date) -> str:
    """From which deal value on an architect is named, with its mark; empty where the offering has no such rule.

    A rule is no figure that is summed: it holds whatever its age. One without a source or a date is none.
    """
    rule = offering.shadow
    value = worth(rule, offering.ageing, today)
    if rule is None or rule.as_of is None or value.standing is Standing.ABSENT:
        return ""
    told = f"{rule.deal_value:,.10g} {offering.currency}"
    if value.shown:
        return told + value.mark
    return f"{told} ({'old' if rule.as_of <= today else 'refused'}: {value.why})"


def worse(one: Worth, other: Worth) -> Worth:
    """What a figure that comes from two is worth: no more than the one that is worth less."""
    order = (Standing.GIVEN, Standing.OLD, Standing.EXAMPLE, Standing.ABSENT, Standing.REFUSED)
    return max(other, one, key=lambda value: order.index(value.standing))


def step(before: Price, after: Price) -> Price:
    """What `after` costs more than `before`, end by end, once and monthly. Its weeks are those in which it is built.

    Below 0 where it costs less. What one of the two does not say is not known.
    """
    more = {key: _more(getattr(before, key), getattr(after, key)) for key in ("once", "monthly")}
    return after.model_copy(update=more)


def _more(before: Range | None, after: Range | None) -> Range | None:
    if before is None or after is None:
        return None
    ends = [getattr(after, end) - getattr(before, end) for end in ("low", "expected", "high")]
    # No price of an offering: it may be below 0, and its ends may cross.
    return Range.model_construct(low=min(ends), expected=ends[1], high=max(ends))


@dataclass(frozen=True)
class Total:
    """A sum, low, expected and high; None where it would claim what nobody said. `notes` tell what is not in it."""

    amount: Range | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The total as a JSON object."""
        amount = self.amount.model_dump(mode="json") if self.amount is not None else None
        return {"amount": amount, "notes": list(self.notes)}


def total(
    parts: Sequence[tuple[str, Price | None, Worth]],
    which: str,
    together: Callable[[Sequence[Range]], Range] | None = None,
) -> Total:
    """The sum of `which` (once, monthly, lead_weeks) over parts with their names. One example, and there is no total.

    A part that is absent, refused or silent about `which` is named as missing from it. `together` takes the place of
    the sum.
    """
    examples = [name for name, _, value in parts if value.standing is Standing.EXAMPLE]
    missing = [
        f"{name}: {value.why}" if not value.shown else f"{name}: its price says nothing about this"
        for name, price, value in parts
        if not value.shown or price is None or getattr(price, which) is None
    ]
    notes = tuple(f"not in it: {text}" for text in missing)
    if examples:
        of = f"{len(examples)} of {len(parts)} prices are EXAMPLE"
        return Total(None, (f"no total: {of}", *notes))
    known = [getattr(price, which) for _, price, value in parts if value.counts and price is not None]
    known = [amount for amount in known if amount is not None]
    if not known:
        return Total(None, ("no total: no price is known", *notes) if parts else ())
    old = [name for name, _, value in parts if value.standing is Standing.OLD]
    notes += tuple(f"old: {name}" for name in old)
    return Total((together or added)(known), notes)


def added(ranges: Sequence[Range]) -> Range:
    """The sum, end by end: as if all came out low, or all high. Real sums lie between."""
    low, expected, high = (sum(getattr(one, end) for one in ranges) for end in ("low", "expected", "high"))
    return Range(low=low, expected=expected, high=high)


def lead(weeks: Sequence[Range]) -> Range:
    """Weeks until all of it stands: low and expected if it is built side by side, high if one after the other."""
    low, expected = (max(getattr(one, end) for one in weeks) for end in ("low", "expected"))
    return Range(low=low, expected=expected, high=sum(one.high for one in weeks))


def amount(range_: Range) -> str:
    """`5,000 (4,000 to 6,500)`, or one figure where the ends are the same."""
    if range_.low == range_.high:
        return f"{range_.expected:,.10g}"
    return f"{range_.expected:,.10g} ({range_.low:,.10g} to {range_.high:,.10g})"
