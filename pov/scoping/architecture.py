"""Which topology a deal needs, and what the next nine costs: the offering's topologies, from plain to safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.offering import Offering, Size, Topology
from pov.config.scope import Scope
from pov.scoping.availability import Computed, computed
from pov.scoping.terms import minutes_down, next_nine, percent


@dataclass(frozen=True)
class Proposal:
    """What is proposed: the topology that gives what is asked, or why none does.

    `standard` is the size's own; `unmet` says in words what the standard one lacks; `none` why no topology will do;
    `next` is the first that has one more nine, `next_percent` that nine.
    """

    chosen: Computed | None
    standard: Computed | None
    unmet: tuple[str, ...]
    none: str
    next_percent: float | None
    next: Computed | None

    @property
    def extra(self) -> bool:
        """Whether another topology than the size's own is proposed."""
        if self.chosen is None or self.standard is None:
            return False
        return self.chosen.topology.name != self.standard.topology.name

    @property
    def priced(self) -> Topology | None:
        """The topology whose price is on top of the size's; None where what is proposed is in the size's price."""
        if self.chosen is None or (self.standard is not None and not self.extra):
            return None
        topology = self.chosen.topology
        return topology if self.extra or topology.price is not None else None

    @property
    def base(self) -> str:
        """What the next nine is on top of, in words."""
        return self.priced.title.lower() if self.priced is not None else "the size"

    @property
    def rule(self) -> str:
        """What is asked that the size's own topology does not give, shortly."""
        return ", ".join(text.partition(" is asked")[0] for text in self.unmet)

    def as_json(self) -> dict[str, Any]:
        """The proposal as a JSON object."""
        return {
            "chosen": self.chosen.as_json() if self.chosen is not None else None,
            "standard": self.standard.as_json() if self.standard is not None else None,
            "unmet": list(self.unmet),
            "none": self.none,
            "next_percent": self.next_percent,
            "on_top_of": self.base,
            "next": self.next.as_json() if self.next is not None else None,
        }


def propose(offering: Offering, size: Size | None, scope: Scope, today: date) -> Proposal:
    """The size's own topology if it gives what is asked, else the first of the offering that does."""
    every = [computed(offering, topology, today) for topology in offering.topologies]
    own = next((one for one in every if size is not None and one.topology.name == size.topology), None)
    unmet = tuple(_unmet(own, scope)) if own is not None else ()
    chosen = own if own is not None and not unmet else next((one for one in every if not _unmet(one, scope)), None)
    none = "" if chosen is not None else _why_none(every, scope)
    base = chosen or own
    if base is None or base.share is None:
        return Proposal(chosen, own, unmet, none, None, None)
    wanted = next_nine(base.share)
    return Proposal(chosen, own, unmet, none, wanted, next((one for one in every if one.reaches(wanted)), None))


def _unmet(one: Computed, scope: Scope) -> list[str]:
    """What a topology does not give of what is asked, in words."""
    found = []
    asked = scope.availability
    if asked is not None and one.share is None:
        found.append(f"{one.topology.title}: availability not computed ({'; '.join(one.missing)})")
    elif asked is not None and one.share is not None and not one.reaches(asked):
        found.append(
            f"availability {asked:.10g} % is asked ({minutes_down(asked / 100):,.0f} min a year down), "
            f"{one.topology.title.lower()} gives {percent(one.share)} ({minutes_down(one.share):,.0f} min){one.label}"
        )
    found += _late(one.topology, scope)
    return found


def _late(topology: Topology, scope: Scope) -> list[str]:
    pairs = (
        ("recovery in", scope.recovery.time_minutes, topology.recovery_minutes),
        ("loss of at most", scope.recovery.point_minutes, topology.recovery_point_minutes),
    )
    found = []
    for what, asked, given in pairs:
        if asked is None:
            continue
        if given is None:
            found.append(f"{what} {asked:g} min is asked, and the offering does not say what {topology.name} gives")
        elif given > asked:
            found.append(f"{what} {asked:g} min is asked, {topology.title.lower()} gives {given:g} min")
    return found


def _why_none(every: Sequence[Computed], scope: Scope) -> str:
    best = max((one for one in every if one.share is not None), key=lambda one: one.share or 0, default=None)
    if best is None or best.share is None or scope.availability is None or best.reaches(scope.availability):
        return "no topology of the offering gives all that is asked"
    return (
        f"no topology of the offering gives {scope.availability:.10g} %: the best, {best.topology.title.lower()}, "
        f"gives {percent(best.share)}{best.label}"
    )
