"""Capacity is finite: what was approved for other deals, and what is asked for, against what the platform has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pov.config.offering import Offering
from pov.config.scope import Scope
from pov.scoping.figures import worth
from pov.scoping.terms import RESOURCES, Standing

_FEW = 3
_UNSUMMED = "no register of their approvals is at hand (--register DIR), or nobody who may sign them (--signers FILE)"


@dataclass(frozen=True)
class Commitment:
    """What an approved scope of another deal takes; None where it did not say.

    `doubt` says why no approval of it counts, although one is at hand that is not over: nobody knows what it takes.
    """

    engagement: str
    doubt: str = ""
    cpu: float | None = None
    memory_gib: float | None = None
    storage_gib: float | None = None
    iops: float | None = None


@dataclass(frozen=True)
class Use:
    """One resource: what there is, what approved scopes took, what is asked.

    `unsaid` names the deals that gave no figure.
    """

    resource: str
    has: float
    taken: float
    asked: float | None
    unsaid: tuple[str, ...] = ()

    @property
    def left(self) -> float:
        """What is there for this deal; below 0 where too much is approved already."""
        return self.has - self.taken

    @property
    def over(self) -> bool:
        """Whether this deal asks for more than is left."""
        return self.asked is not None and self.asked > self.left

    @property
    def in_words(self) -> str:
        """`CPU cores: 96 asked, 1,952 of 2,048 left`."""
        asked = "not said yet" if self.asked is None else f"{self.asked:,.10g} asked"
        unsaid = f"; {', '.join(self.unsaid)} did not say" if self.unsaid else ""
        return f"{RESOURCES[self.resource]}: {asked}, {self.left:,.10g} of {self.has:,.10g} left{unsaid}"

    def as_json(self) -> dict[str, Any]:
        """The use as a JSON object."""
        return {**vars(self), "unsaid": list(self.unsaid), "left": self.left, "over": self.over}


@dataclass(frozen=True)
class Capacity:
    """Every resource that the platform says it has; `note` says what could not be checked and why, or EXAMPLE.

    `summed` tells whether other deals were looked at: where not, what is left is what there is at most. `unknown` says
    what of the platform is not known, `doubted` which approvals of other deals do not count, each with the reason.
    """

    uses: tuple[Use, ...]
    note: str = ""
    summed: bool = False
    unknown: str = ""
    doubted: tuple[str, ...] = ()

    @property
    def not_checked(self) -> Mapping[str, str]:
        """What nobody could sum up or compare, each with why; empty where all was."""
        told = (("capacity", self.unknown), ("capacity over other deals", self._of_others() if self.uses else ""))
        return {name: why for name, why in told if why}

    def _of_others(self) -> str:
        if not self.summed:
            return _UNSUMMED
        silent = [
            f"{_few(use.unsaid)} did not say {RESOURCES[use.resource]}"
            for use in self.uses
            if use.unsaid and use.asked is not None
        ]
        return "; ".join([*([f"not counted: {_few(self.doubted)}"] if self.doubted else []), *silent])

    def as_json(self) -> dict[str, Any]:
        """The capacity as a JSON object."""
        return {"uses": [use.as_json() for use in self.uses], "note": self.note, "summed": self.summed}


def capacity(
    offering: Offering,
    scope: Scope,
    others: Sequence[Commitment] | None,
    today: date,
    stages: Mapping[str, Mapping[str, Any]] | None = None,
) -> Capacity:
    """Sum what other deals were approved for, and set it against the platform; None where nobody looked at them.

    Asked is what the scope names, or what its `stages` take together where that is more, or the scope is silent.
    """
    platform = offering.platform
    value = worth(platform, offering.ageing, today)
    if platform is None or not value.shown:
        unknown = f"what the platform has is not known, {value.why}"
        return Capacity((), f"not checked: {unknown}", unknown=unknown)
    doubted = tuple(f"{other.engagement} ({other.doubt})" for other in others or () if other.doubt)
    known = tuple(other for other in others or () if not other.doubt)
    uses, unsaid_of = [], []
    for resource, name in RESOURCES.items():
        has = getattr(platform, resource)
        if has is None:
            unsaid_of.append(name)
            continue
        taken = sum(getattr(other, resource) or 0 for other in known)
        unsaid = tuple(sorted({other.engagement for other in known if getattr(other, resource) is None}))
        uses.append(Use(resource, has, taken, _asked(scope, stages, resource), unsaid))
    note = {Standing.EXAMPLE: "EXAMPLE: nobody measured what this platform has", Standing.OLD: f"old: {value.why}"}
    told = [note[value.standing]] if value.standing in note else []
    unknown = f"what the platform has of {', '.join(unsaid_of)} is not known" if unsaid_of else ""
    told += [f"not checked: {unknown}"] if unknown else []
    told += [f"not counted: {_few(doubted)}"] if doubted else []
    told += [] if others is not None else ["other deals' approvals were not looked at: at most this is left"]
    return Capacity(tuple(uses), "; ".join(told), others is not None, unknown, doubted)


def _few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _asked(scope: Scope, stages: Mapping[str, Mapping[str, Any]] | None, resource: str) -> float | None:
    named: float | None = getattr(scope, resource)
    if not stages:
        return named
    built = sum(float(stage.get(resource) or 0) for stage in stages.values())
    return max(named, built) if named is not None else built or None
