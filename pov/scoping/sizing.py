"""Which size holds how many users; where the sizes leave a gap, and where two of them claim the same users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.config.offering import Offering, Size


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


def storage_limit(offering: Offering, users: int | None) -> tuple[str, float] | None:
    """The storage that a deal's size includes, in GiB, and whose it is in words; None where nothing bounds it.

    Without a number of users, the most that any size includes which needs no review.
    """
    sizes = offering.sizes if users is None else stretch_of(offering, users).sizes
    found = [
        (size.limits.storage_gib, size.name)
        for size in sizes
        if size.limits.storage_gib is not None and (users is not None or not size.review)
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
    found = storage_limit(offering, users)
    included: dict[str, Any] | None = {"gib": found[1], "of": found[0]} if found else None
    limits: list[Mapping[str, Any]] = [limit for limit in (included, approved.get("storage")) if limit is not None]
    return {"storage": max(limits, key=lambda limit: float(limit["gib"]))} if limits else {}


def _holds(size: Size, users: int) -> bool:
    return size.users.at_least <= users and (size.users.below is None or users < size.users.below)
