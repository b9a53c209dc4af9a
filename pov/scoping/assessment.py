"""A deal, assessed: its size, why it is reviewed, what each constraint costs, what is open, and who must approve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.offering import Item, Offering, Price, Size
from pov.config.scope import Scope
from pov.scoping import reasons
from pov.scoping.architecture import Proposal, propose
from pov.scoping.capacity import Capacity, Commitment, capacity
from pov.scoping.figures import Total, Worth, deal_value, lead, step, total, worse, worth
from pov.scoping.questions import Question, checklist
from pov.scoping.reasons import Match, Reason
from pov.scoping.sizing import Stretch, stretch_of
from pov.scoping.terms import RESOURCES, Standing

SCHEMA = "pov.dev/scope/v1"
_LIMITED = {
    "cpu": "cpu",
    "memoryGib": "memory_gib",
    "storageGib": "storage_gib",
    "iops": "iops",
    "services": "services",
}
_NAMES = {**RESOURCES, "services": "services"}


@dataclass(frozen=True)
class Line:
    """A line item: what is built, the rule that calls for it, its price and what that is worth."""

    id: str
    title: str
    rule: str
    price: Price | None
    worth: Worth

    def as_json(self) -> dict[str, Any]:
        """The line as a JSON object. A price that may not be shown is left out."""
        shown = self.price if self.worth.shown else None
        amounts = {
            key: amount.model_dump(mode="json") if amount is not None else None
            for key, amount in (
                ("once", shown.once if shown else None),
                ("monthly", shown.monthly if shown else None),
                ("lead_weeks", shown.lead_weeks if shown else None),
            )
        }
        said = {"standing": str(self.worth.standing), "why": self.worth.why}
        return {"id": self.id, "title": self.title, "rule": self.rule, **amounts, **said}


@dataclass(frozen=True)
class Assessment:
    """Everything that follows from a scope and an offering on a day."""

    scope: Scope
    offering: Offering
    today: date
    stretch: Stretch | None
    proposal: Proposal
    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]
    once: Total
    monthly: Total
    weeks: Total
    next_nine: Line | None
    capacity: Capacity
    questions: tuple[Question, ...]
    shadow: str

    @property
    def size(self) -> Size | None:
        """The one size that holds the users."""
        return self.stretch.sizes[0] if self.stretch is not None and len(self.stretch.sizes) == 1 else None

    @property
    def review(self) -> bool:
        """Whether an engineer looks at it before it is promised."""
        return bool(self.reasons)

    @property
    def needs(self) -> tuple[str, ...]:
        """The kinds of approval that it takes, without a second of the same."""
        return tuple(dict.fromkeys(reason.needs for reason in self.reasons))

    @property
    def open(self) -> tuple[Question, ...]:
        """The questions that nobody has answered."""
        return tuple(question for question in self.questions if question.open)

    def as_json(self) -> dict[str, Any]:
        """The assessment as one JSON document, `pov.dev/scope/v1`."""
        size = self.size
        return {
            "schema": SCHEMA,
            "on": self.today.isoformat(),
            "offering": self.offering.metadata.title,
            "currency": self.offering.currency,
            "size": {"name": size.name, "infrastructure": size.infrastructure, "component": size.component}
            if size is not None
            else None,
            "review": self.review,
            "reasons": [reason.as_json() for reason in self.reasons],
            "needs": list(self.needs),
            "lines": [line.as_json() for line in self.lines],
            "once": self.once.as_json(),
            "monthly": self.monthly.as_json(),
            "weeks": self.weeks.as_json(),
            "availability": self.proposal.as_json(),
            "asked_percent": self.scope.availability,
            "next_nine": self.next_nine.as_json() if self.next_nine is not None else None,
            "capacity": self.capacity.as_json(),
            "questions": [question.as_json() for question in self.questions],
            "shadow": self.shadow,
            "architect": self.scope.architect,
        }


def assess(
    scope: Scope,
    offering: Offering,
    today: date,
    others: Sequence[Commitment] | None = None,
    stages: Mapping[str, Mapping[str, Any]] | None = None,
) -> Assessment:
    """Assess a scope, whose answers agree with the offering (`pov.scoping.agreement`), beside other approved deals.

    `others` is None where nobody looked at those, `stages` what is asked to be built, where that is known.
    """
    stretch = stretch_of(offering, scope.users) if scope.users is not None else None
    size = stretch.sizes[0] if stretch is not None and len(stretch.sizes) == 1 else None
    proposal = propose(offering, size, scope, today)
    matched = tuple(_matched(offering, size, scope))
    lines = tuple(_lines(offering, size, proposal, matched, today))
    priced = [(line.title, line.price, line.worth) for line in lines]
    weeks = total(priced, "lead_weeks", lead)
    found = capacity(offering, scope, others, today, stages)
    why = (
        *reasons.of_size(stretch, scope),
        *reasons.of_quotas(offering, scope),
        *reasons.of_places(offering, scope),
        *reasons.of_components(offering, scope),
        *reasons.of_architecture(proposal, scope),
        *reasons.of_recovery(scope),
        *reasons.of_items(matched, offering, scope),
        *reasons.of_capacity(found),
        *reasons.of_dates(scope, weeks.amount.expected if weeks.amount is not None else None, _refused(lines)),
        *reasons.of_figures(offering, scope, today),
    )
    return Assessment(
        scope=scope,
        offering=offering,
        today=today,
        stretch=stretch,
        proposal=proposal,
        reasons=why,
        lines=lines,
        once=total(priced, "once"),
        monthly=total(priced, "monthly"),
        weeks=weeks,
        next_nine=_next(offering, proposal, today),
        capacity=found,
        questions=checklist(scope),
        shadow=_shadow(scope, offering, bool(why), today),
    )


def _refused(lines: Sequence[Line]) -> str:
    """Which prices, and weeks with them, count no more, and why; empty where none is refused."""
    return "; ".join(f"{one.title}: {one.worth.why}" for one in lines if one.worth.standing is Standing.REFUSED)


def _matched(offering: Offering, size: Size | None, scope: Scope) -> Iterator[Match]:
    """The items that a scope calls for, each with what is asked and what is there without it."""
    for item in offering.items:
        asked, there = _rule(item, size, scope)
        if asked:
            yield Match(item, asked, there)


def _rule(item: Item, size: Size | None, scope: Scope) -> tuple[str, str]:
    when = item.when
    if when.over is not None:
        key = _LIMITED[when.over]
        asked, limit = getattr(scope, key), getattr(size.limits, key) if size is not None else None
        if asked is None or limit is None or asked <= limit:
            return "", ""
        return f"{asked:,.10g} {_NAMES[key]} asked", f"{limit:,.10g} in {size.name if size else ''}"
    if when.compliance is not None:
        return (when.compliance if when.compliance.casefold() in map(str.casefold, scope.compliance or ()) else ""), ""
    if when.component is not None:
        return (f"{when.component} is used" if when.component in (scope.components or ()) else ""), ""
    regions = len(scope.regions or ())
    above = when.regions_above or 0
    return (f"{regions} regions asked", f"{above} in the size") if regions > above else ("", "")


def _lines(
    offering: Offering, size: Size | None, proposal: Proposal, matched: Sequence[Match], today: date
) -> Iterator[Line]:
    def line(name: str, title: str, rule: str, price: Price | None) -> Line:
        return Line(name, title, rule, price, worth(price, offering.ageing, today))

    if size is not None:
        yield line("size", f"{size.name}: {size.infrastructure}, {size.component}", "the size", size.price)
    if proposal.priced is not None:
        yield line("topology", proposal.priced.title, proposal.rule, proposal.priced.price)
    for one in matched:
        yield line(one.item.id, one.item.title, one.rule, one.item.price)


def _next(offering: Offering, proposal: Proposal, today: date) -> Line | None:
    """What one more nine costs on top of what is proposed, as a line; its weeks are those in which it is built.

    None where no figure tells how many nines there are, or no topology has more.
    """
    if proposal.next is None or proposal.next_percent is None:
        return None
    topology = proposal.next.topology
    rule = f"{proposal.next_percent:.10g} %"
    price, value = topology.price, worth(topology.price, offering.ageing, today)
    if proposal.priced is None:
        return Line("next-nine", topology.title, rule, price, value)
    before = proposal.priced.price
    known = worth(before, offering.ageing, today)
    if price is None or before is None or not known.shown:
        why = value.why if price is None else f"{proposal.priced.title.lower()}: {known.why}"
        return Line("next-nine", topology.title, rule, price, Worth(Standing.ABSENT, why))
    return Line("next-nine", topology.title, rule, step(before, price), worse(known, value))


def _shadow(scope: Scope, offering: Offering, review: bool, today: date) -> str:
    """Whether a solutions architect must be named, and why; empty where none must, or one is."""
    if scope.architect.strip():
        return ""
    told = []
    above = deal_value(offering, today)
    if offering.shadow is not None and above and scope.deal_value is not None:
        told += [f"the deal is above {above}"] if scope.deal_value.amount > offering.shadow.deal_value else []
    if review:
        told.append("it needs a review")
    return f"name a solutions architect: {' and '.join(told)}" if told else ""
