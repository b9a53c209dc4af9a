"""Which size holds how many users; where the sizes leave a gap, and where two of them claim the same users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.config.offering import Offering, Size
from pov.config.scope import Scope
from pov.scoping.figures import worth
from pov.scoping.terms import RESOURCES

PLATFORM_HAS = "the platform has"
"""Whose figure a bound is that nothing lifts but a larger platform: the policies on a plan know it by these words."""


@dataclass(frozen=True)
class Stretch:
    """Numbers of users from `first` to `last`, both of them in it; `last` is None where it has no end.

    Without sizes it is a gap, with several an overlap.
    """

    first: int
    last: int | None
    sizes: tuple[Size, ...]

    @property
    def in_words(self) -> str:
        """`100,000 to 999,999 users`."""
        if self.last is None:
            return f"{self.first:,} users and more"
        return f"{self.first:,} to {self.last:,} users" if self.last > self.first else f"{self.first:,} users"

    @property
    def fault(self) -> str:
        """What is wrong with it, in words; empty where exactly one size holds it."""
        if not self.sizes:
            return f"no size holds {self.in_words}"
        if len(self.sizes) > 1:
            return f"{' and '.join(size.name for size in self.sizes)} both claim {self.in_words}"
        return ""

    def holds(self, users: int) -> bool:
        """Whether a number of users lies in it."""
        return self.first <= users and (self.last is None or users <= self.last)


def stretches(offering: Offering) -> tuple[Stretch, ...]:
    """All numbers of users from 1 on, cut where a size begins or ends, each with the sizes that hold it."""
    cuts = {1}
    for size in offering.sizes:
        cuts.add(max(1, size.users.at_least))
        if size.users.below is not None:
            cuts.add(size.users.below)
    starts = sorted(cuts)
    ends: Sequence[int | None] = [*(start - 1 for start in starts[1:]), None]
    found: list[Stretch] = []
    for first, last in zip(starts, ends, strict=True):
        sizes = tuple(size for size in offering.sizes if _holds(size, first))
        if found and found[-1].sizes == sizes:
            found[-1] = Stretch(found[-1].first, last, sizes)
        else:
            found.append(Stretch(first, last, sizes))
    return tuple(found)


def faults(offering: Offering) -> tuple[Stretch, ...]:
    """The gaps and overlaps of an offering."""
    return tuple(stretch for stretch in stretches(offering) if stretch.fault)


def stretch_of(offering: Offering, users: int) -> Stretch:
    """Where a number of users lies."""
    return next(stretch for stretch in stretches(offering) if stretch.holds(users))


def included(offering: Offering, users: int | None, resource: str) -> tuple[str, float] | None:
    """What a deal's size includes of a resource, and whose it is in words; None where no size bounds it.

    Without a number of users, the most that any size includes which needs no review.
    """
    sizes = offering.sizes if users is None else stretch_of(offering, users).sizes
    found = [
        (limit, size.name)
        for size in sizes
        if (limit := getattr(size.limits, resource)) is not None and (users is not None or not size.review)
    ]
    # Where two sizes claim the same users, it is the smaller one that was surely sold.
    chosen = (max if users is None else min)(found, default=None)
    return (f"size {chosen[1]}", chosen[0]) if chosen else None


def storage_variable(
    offering: Offering, users: int | None, approved: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The guardrail's variable `storage`: what the deal's size includes, or more if that was approved.

    Empty where nothing bounds it.
    """
    found = included(offering, users, "storage_gib")
    own: dict[str, Any] | None = {"gib": found[1], "of": found[0]} if found else None
    limits: list[Mapping[str, Any]] = [limit for limit in (own, approved.get("storage")) if limit is not None]
    return {"storage": max(limits, key=lambda limit: float(limit["gib"]))} if limits else {}


def bounds_variable(offering: Offering, scope: Scope | None, deal: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The guardrail's variable `bounds`: the most of each resource that all stages together may take, and whose it is.

    What the scope of `deal` names; where it is silent, what the size includes; and never more than the platform has.
    Capacity sums what scopes name: so what is built is never more than what was summed. Empty where nothing bounds
    anything.
    """
    found = {resource: _bound(offering, scope, deal, resource) for resource in RESOURCES}
    known = {resource: bound for resource, bound in found.items() if bound is not None}
    return {"bounds": known} if known else {}


def _bound(offering: Offering, scope: Scope | None, deal: str, resource: str) -> dict[str, Any] | None:
    told = (_promised(offering, scope, deal, resource), _there(offering, resource))
    return min((bound for bound in told if bound is not None), key=lambda bound: float(bound["most"]), default=None)


def _promised(offering: Offering, scope: Scope | None, deal: str, resource: str) -> dict[str, Any] | None:
    named = getattr(scope, resource) if scope is not None else None
    if named is not None:
        return {"most": named, "of": f"the scope of {deal} names"}
    own = included(offering, scope.users if scope is not None else None, resource)
    return {"most": own[1], "of": f"{own[0]} includes"} if own is not None else None


def _there(offering: Offering, resource: str) -> dict[str, Any] | None:
    platform = offering.platform
    # An old figure of it bounds all the same: more than there ever was is there for nobody.
    if platform is None or platform.as_of is None or not worth(platform, offering.ageing, platform.as_of).shown:
        return None
    has = getattr(platform, resource)
    return {"most": has, "of": PLATFORM_HAS} if has is not None else None


def _holds(size: Size, users: int) -> bool:
    return size.users.at_least <= users and (size.users.below is None or users < size.users.below)
