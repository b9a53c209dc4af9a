"""Why a deal is looked at before it is promised: each reason with figure, limit, and who may approve it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.explaining import nearest
from pov.config.offering import Item, Offering, Sourced
from pov.config.scope import Scope
from pov.scoping.architecture import Proposal
from pov.scoping.availability import Computed
from pov.scoping.capacity import Capacity
from pov.scoping.figures import worth
from pov.scoping.sizing import Stretch
from pov.scoping.terms import minutes_down, percent


@dataclass(frozen=True)
class Reason:
    """One reason for a review. `needs` is the kind of approval that answers it: scope, iops or override."""

    id: str
    text: str
    figure: str = ""
    limit: str = ""
    needs: str = "scope"

    def as_json(self) -> dict[str, Any]:
        """The reason as a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True)
class Match:
    """An item that a scope calls for: what is asked, and what is there without it where that is a figure."""

    item: Item
    asked: str
    there: str

    @property
    def rule(self) -> str:
        """The rule in words."""
        return ", ".join(filter(None, (self.asked, self.there)))


def of_size(stretch: Stretch | None, scope: Scope) -> Iterator[Reason]:
    """The size: none, several, one that is always reviewed, another than was promised."""
    if stretch is None or scope.users is None:
        yield Reason("users", "how many users is open: no size follows", "not said", "a number of users")
        return
    users = f"{scope.users:,} users"
    if stretch.fault:
        yield Reason("users", f"{stretch.fault}: {users} lie there", users, stretch.in_words)
        return
    size = stretch.sizes[0]
    if size.review:
        yield Reason("size", f"every {size.name} deal is reviewed ({size.infrastructure})", users, stretch.in_words)
    if scope.promised and scope.promised.casefold() != size.name.casefold():
        text = f"{scope.promised} was promised, and {users} need {size.name}"
        yield Reason("promised", text, users, scope.promised)


def of_quotas(offering: Offering, scope: Scope) -> Iterator[Reason]:
    """The hard quotas, with the words of Terraform's guardrail."""
    quotas = offering.quotas
    if scope.cpu is not None and scope.cpu > quotas.cpu_scoped:
        text = f"{scope.cpu:g} CPU cores are asked for and {quotas.cpu_scoped} are allowed even with an approved scope"
        yield Reason("cpu", text, f"{scope.cpu:g} cores", f"{quotas.cpu_scoped} cores", "override")
    elif scope.cpu is not None and scope.cpu > quotas.cpu_standard:
        text = f"{scope.cpu:g} CPU cores are asked for and {quotas.cpu_standard} are allowed without an approved scope"
        yield Reason("cpu", text, f"{scope.cpu:g} cores", f"{quotas.cpu_standard} cores")
    if scope.iops is not None and scope.iops >= quotas.iops_approval:
        text = f"{scope.iops:,.10g} IOPS are asked for: {quotas.iops_approval:,} and more need the engineering VP"
        yield Reason("iops", text, f"{scope.iops:,.10g} IOPS", f"below {quotas.iops_approval:,} IOPS", "iops")


def of_places(offering: Offering, scope: Scope) -> Iterator[Reason]:
    """Regions that the platform does not run in, and a residency that none of its regions gives."""
    known = [region.name for region in offering.regions]
    for name in scope.regions or ():
        if known and name not in known:
            yield Reason("region", f"{name} is no region of the offering", name, ", ".join(known))
    lies = dict.fromkeys(region.residency for region in offering.regions)
    asked = scope.residency
    if asked is not None and lies and asked.casefold() not in map(str.casefold, lies):
        text = f"data must stay in {asked}, and no region of the offering lies there"
        yield Reason("residency", text, asked, ", ".join(lies))


def of_components(offering: Offering, scope: Scope) -> Iterator[Reason]:
    """Components that only scale up, and those that the offering does not know."""
    for name in scope.components or ():
        part = offering.part(name)
        if part is None:
            names = [part.name for part in offering.parts]
            text = f"{name} is no component of the offering ({nearest(name, names)})"
            yield Reason("component", text, name, ", ".join(names))
        elif part.scales == "up":
            ceiling = part.ceiling or "one machine"
            text = f"{name} only scales up, to {ceiling}: no number of copies makes it larger"
            yield Reason("scales-up", text, name, ceiling)


def of_items(matched: Sequence[Match], offering: Offering, scope: Scope) -> Iterator[Reason]:
    """Constraints off the standard, and standards that the offering has no item for."""
    for one in matched:
        if not one.item.standard:
            limit = one.there or "not in the standard"
            yield Reason(one.item.id, f"{one.item.title}: {one.rule}", one.asked, limit)
    priced = [item.when.compliance for item in offering.items if item.when.compliance is not None]
    for name in scope.compliance or ():
        if name.casefold() not in map(str.casefold, priced):
            text = f"{name} is asked for, and the offering has no line for it"
            yield Reason("compliance", text, name, ", ".join(priced) or "no standard")


def of_architecture(proposal: Proposal, scope: Scope) -> Iterator[Reason]:
    """Another topology than the size's own, or none at all."""
    limit = _given(proposal.standard, scope) if proposal.standard is not None else "no topology of the offering"
    if proposal.none:
        yield Reason("availability", "; ".join([*proposal.unmet, proposal.none]), _asked(scope), limit)
    elif proposal.extra and proposal.chosen is not None:
        text = f"{'; '.join(proposal.unmet)}. It takes {proposal.chosen.topology.title.lower()}"
        yield Reason("availability", text, _asked(scope), limit)


def _asked(scope: Scope) -> str:
    """What is asked of the topology: `99.99 %, recovery in 10 min`."""
    time, point = scope.recovery.time_minutes, scope.recovery.point_minutes
    told = (
        f"{scope.availability:.10g} %" if scope.availability is not None else "",
        f"recovery in {time:g} min" if time is not None else "",
        f"loss of at most {point:g} min" if point is not None else "",
    )
    return ", ".join(filter(None, told))


def _given(standard: Computed, scope: Scope) -> str:
    """What the size's own topology gives of that."""
    topology, told = standard.topology, []
    if scope.availability is not None:
        told.append(percent(standard.share) if standard.share is not None else "not computed")
    if scope.recovery.time_minutes is not None:
        told.append(f"recovery in {_minutes(topology.recovery_minutes)}")
    if scope.recovery.point_minutes is not None:
        told.append(f"loss of at most {_minutes(topology.recovery_point_minutes)}")
    return ", ".join(told)


def _minutes(given: float | None) -> str:
    return f"{given:g} min" if given is not None else "minutes that the offering does not say"


def of_recovery(scope: Scope) -> Iterator[Reason]:
    """One recovery that takes longer than a whole year may be down: the two answers do not agree."""
    asked, time = scope.availability, scope.recovery.time_minutes
    if asked is not None and time is not None and time > minutes_down(asked / 100):
        down = f"{minutes_down(asked / 100):,.1f} min"
        text = f"availability {asked:.10g} % leaves {down} a year, one recovery may take {time:g} min: which counts?"
        yield Reason("recovery", text, f"{time:g} min", down)


def of_capacity(found: Capacity) -> Iterator[Reason]:
    """Resources that are not there any more."""
    for use in found.uses:
        if use.over:
            text = f"the platform has not enough: {use.in_words}"
            yield Reason(f"capacity-{use.resource}", text, f"{use.asked:g}", f"{use.left:g}")


def of_dates(scope: Scope, weeks: float | None, refused: str) -> Iterator[Reason]:
    """A due date that comes before what is asked for can stand, or may: where weeks that it takes are `refused`."""
    if scope.start is None or scope.due is None:
        return
    there = (scope.due - scope.start).days / 7
    begins = f"it must stand {there:.1f} weeks after the start, and"
    if weeks is not None and there < weeks:
        yield Reason("dates", f"{begins} takes {weeks:g} weeks", f"{there:.1f} weeks", f"{weeks:g} weeks")
    elif refused:
        text = f"{begins} nobody knows how many it takes: {refused}"
        yield Reason("dates", text, f"{there:.1f} weeks", "weeks that count")


def of_figures(offering: Offering, scope: Scope, today: date) -> Iterator[Reason]:
    """What limits deals, was given, and is too old, or has no source or date: it must not fall away unsaid."""
    rule = offering.shadow if scope.deal_value is not None and not scope.architect.strip() else None
    named = (
        ("platform", "what the platform has", offering.platform),
        ("deal-value", "the deal value from which on an architect is named", rule),
    )
    for name, what, figure in named:
        value = worth(figure, offering.ageing, today)
        if figure is not None and not value.shown:
            limit = f"a source, and a date within {offering.ageing.refused_days} days"
            yield Reason(name, f"{what} needs a new figure: {value.why}", _dated(figure), limit)


def _dated(figure: Sourced) -> str:
    """Whose figure it is and of when, as far as it says."""
    return ", ".join((figure.source.strip() or "no source", str(figure.as_of or "no date")))
