"""The standard offering: sizes, limits, prices and what the platform has, in one file that a company makes its own.

Terraform's guardrail, `pov scope` and the approvals read their numbers from it. Availability and deal values are what
people write: percent, and whole amounts of the offering's currency.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pov.base.paths import data
from pov.config.explaining import Faults, Location, nearest
from pov.config.loading import Model, load
from pov.config.units import Day, Flag, Real, Whole

MOST_USERS = 10_000_000_000
MOST_MONEY = 1e12
_POSITIVE = 1e9
"""Above any real figure: what lies beyond is a slip of the keyboard."""


class Sourced(Model):
    """A figure that somebody can be asked about. Without source or date it counts as absent, whatever its value.

    An `example` was made up to show the form: it is shown as one, and enters no total.
    """

    source: str = ""
    as_of: Day | None = None
    example: Flag = False


class Range(Model):
    """Low, expected, high: none below 0, in this order."""

    low: Real = Field(ge=0, le=MOST_MONEY)
    expected: Real = Field(ge=0, le=MOST_MONEY)
    high: Real = Field(ge=0, le=MOST_MONEY)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.expected <= self.high:
            raise Faults([((), "low, expected and high must not fall", "put them in order")])
        return self


class Price(Sourced):
    """What something costs once and monthly, and the weeks until it stands. What is left out is not known."""

    once: Range | None = None
    monthly: Range | None = None
    lead_weeks: Range | None = None
    currency: str = Field(default="", pattern="^([A-Z]{3})?$")


class Percent(Sourced):
    """An availability in percent of the time."""

    percent: Real = Field(gt=0, lt=100)


class Part(Model):
    """Something the platform is built of. What `scales: up` alone cannot be multiplied: a deal on it is reviewed."""

    name: str = Field(min_length=1)
    availability: Percent | None = None
    scales: Literal["out", "up"] = "out"
    ceiling: str = ""


class Block(Model):
    """Copies of a part, of which `needed` must work. `common_cause` is the share of failures that hits all at once.

    Copies without such a share are refused: two of anything are never quite independent.
    """

    part: str
    copies: Whole = Field(default=1, ge=1, le=1000)
    needed: Whole = Field(default=1, ge=1, le=1000)
    common_cause: Real | None = Field(default=None, ge=0, le=1)
    why: str = ""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _refuse_impossible(self.copies, self.needed, self.common_cause)
        return self


class Sites(Model):
    """Whole regions, each with the chain: `copies` of them, of which `needed` must work."""

    copies: Whole = Field(ge=1, le=20)
    needed: Whole = Field(default=1, ge=1, le=20)
    common_cause: Real | None = Field(default=None, ge=0, le=1)
    why: str = ""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _refuse_impossible(self.copies, self.needed, self.common_cause)
        return self


def _refuse_impossible(copies: int, needed: int, common_cause: float | None) -> None:
    """Raises `Faults` where copies cannot be: more needed than there are, or no word on what hits them all."""
    faults: list[tuple[Location, str, str]] = []
    if needed > copies:
        faults.append((("needed",), f"{needed} of {copies} copies cannot work", f"at most {copies}"))
    if copies > 1 and common_cause is None:
        fix = "state the share of failures that hits all copies at once, 0 to 1"
        faults.append((("copies",), "several copies without `commonCause`", fix))
    if faults:
        raise Faults(faults)


class Topology(Model):
    """How a deal is built: a chain of blocks in each region, and what all regions share. All of it must work.

    `price` is on top of the size's, in place of that of the size's own topology, which is in the size's price.
    """

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    regions: Sites
    chain: tuple[Block, ...] = Field(min_length=1)
    shared: tuple[Block, ...] = ()
    recovery_minutes: Real | None = Field(default=None, ge=0, le=_POSITIVE)
    recovery_point_minutes: Real | None = Field(default=None, ge=0, le=_POSITIVE)
    price: Price | None = None


class Users(Model):
    """How many users a size is for: `at_least`, and `below`, which is open where nothing is said."""

    at_least: Whole = Field(default=1, ge=0, le=MOST_USERS)
    below: Whole | None = Field(default=None, ge=1, le=MOST_USERS)

    @model_validator(mode="after")
    def _holds_somebody(self) -> Self:
        if self.below is not None and self.below <= self.at_least:
            raise Faults([(("below",), f"{self.below} leaves nobody from {self.at_least} on", "raise it")])
        return self


class Limits(Model):
    """What a size includes at most; what is left out is bounded by the quotas alone."""

    cpu: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    memory_gib: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    storage_gib: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    iops: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    services: Real | None = Field(default=None, gt=0, le=_POSITIVE)


class Size(Model):
    """A T-shirt size. With `review`, every deal of it is looked at by an engineer."""

    name: str = Field(min_length=1)
    users: Users
    infrastructure: str = Field(min_length=1)
    component: str
    review: Flag = False
    topology: str
    limits: Limits = Limits()
    price: Price | None = None


class Quotas(Model):
    """Hard quotas, over all stages: cores without and with an approved scope, and IOPS from which on a VP approves."""

    cpu_standard: Whole = Field(ge=1, le=1_000_000)
    cpu_scoped: Whole = Field(ge=1, le=1_000_000)
    iops_approval: Whole = Field(ge=1, le=1_000_000_000)

    @model_validator(mode="after")
    def _scope_allows_more(self) -> Self:
        if self.cpu_scoped < self.cpu_standard:
            raise Faults([(("cpuScoped",), f"is below cpuStandard ({self.cpu_standard})", "raise it")])
        return self


class When(Model):
    """What calls for a line item: exactly one of these."""

    over: Literal["cpu", "memoryGib", "storageGib", "iops", "services"] | None = None
    compliance: str | None = None
    component: str | None = None
    regions_above: Whole | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [key for key in ("over", "compliance", "component", "regions_above") if getattr(self, key) is not None]
        if len(given) != 1:
            fix = "over, compliance, component or regionsAbove"
            raise Faults([((), f"needs exactly one rule, not {len(given)}", fix)])
        return self


class Item(Model):
    """A constraint with its price and lead time, and the rule that calls for it."""

    id: str = Field(min_length=1)
    title: str = Field(min_length=1)
    when: When
    standard: Flag = False
    price: Price | None = None


class Region(Model):
    """Where the platform runs, and under whose law data lies there."""

    name: str = Field(min_length=1)
    residency: str = Field(min_length=1)


class Platform(Sourced):
    """What there is for all deals together. What is left out is not known."""

    cpu: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    memory_gib: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    storage_gib: Real | None = Field(default=None, gt=0, le=_POSITIVE)
    iops: Real | None = Field(default=None, gt=0, le=_POSITIVE)


class Shadow(Sourced):
    """From which deal value on a solutions architect must be named."""

    deal_value: Real = Field(gt=0, le=MOST_MONEY)


class Ageing(Model):
    """After how many days a figure is marked as old, and after how many it counts no more."""

    marked_days: Whole = Field(default=90, ge=1, le=3650)
    refused_days: Whole = Field(default=180, ge=1, le=3650)

    @model_validator(mode="after")
    def _marked_first(self) -> Self:
        if self.refused_days <= self.marked_days:
            raise Faults([(("refusedDays",), f"is not after markedDays ({self.marked_days})", "raise it")])
        return self


class Metadata(Model):
    """What the offering is called, and who answers for its numbers."""

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    source: str = ""


class Offering(Model):
    """`kind: Offering`, `apiVersion: pov.dev/v1`."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Offering"]
    metadata: Metadata
    currency: str = Field(pattern="^[A-Z]{3}$")
    ageing: Ageing = Ageing()
    quotas: Quotas
    parts: tuple[Part, ...] = Field(min_length=1)
    topologies: tuple[Topology, ...] = Field(min_length=1)
    sizes: tuple[Size, ...] = Field(min_length=1, max_length=20)
    items: tuple[Item, ...] = ()
    regions: tuple[Region, ...] = ()
    platform: Platform | None = None
    shadow: Shadow | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults = [*self._twice(), *self._unknown(), *self._other_currencies()]
        if faults:
            raise Faults(faults)
        return self

    def topology(self, name: str) -> Topology:
        """A topology by its name; the file's own names always are there."""
        return next(topology for topology in self.topologies if topology.name == name)

    def part(self, name: str) -> Part | None:
        """A part by its name."""
        return next((part for part in self.parts if part.name == name), None)

    def _twice(self) -> list[tuple[Location, str, str]]:
        faults: list[tuple[Location, str, str]] = []
        lists = {
            "parts": [part.name for part in self.parts],
            "topologies": [topology.name for topology in self.topologies],
            "sizes": [size.name.casefold() for size in self.sizes],
            "items": [item.id for item in self.items],
            "regions": [region.name for region in self.regions],
        }
        for key, names in lists.items():
            faults += [
                ((key, index), f"{name} is there twice", "take one out")
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        return faults

    def _unknown(self) -> list[tuple[Location, str, str]]:
        parts, topologies = [part.name for part in self.parts], [topology.name for topology in self.topologies]
        faults: list[tuple[Location, str, str]] = []
        for number, topology in enumerate(self.topologies):
            for key, blocks in (("chain", topology.chain), ("shared", topology.shared)):
                faults += [
                    (("topologies", number, key, index, "part"), f"no part {block.part}", nearest(block.part, parts))
                    for index, block in enumerate(blocks)
                    if block.part not in parts
                ]
        for number, size in enumerate(self.sizes):
            if size.component not in parts:
                place: Location = ("sizes", number, "component")
                faults.append((place, f"no part {size.component}", nearest(size.component, parts)))
            if size.topology not in topologies:
                place = ("sizes", number, "topology")
                faults.append((place, f"no topology {size.topology}", nearest(size.topology, topologies)))
        return faults

    def _other_currencies(self) -> list[tuple[Location, str, str]]:
        lists: dict[str, tuple[Topology | Size | Item, ...]] = {
            "topologies": self.topologies,
            "sizes": self.sizes,
            "items": self.items,
        }
        return [
            (
                (key, index, "price", "currency"),
                f"{entry.price.currency} beside {self.currency}: no sum mixes currencies",
                f"convert it, or leave `currency` out for {self.currency}",
            )
            for key, entries in lists.items()
            for index, entry in enumerate(entries)
            if entry.price is not None and entry.price.currency not in {"", self.currency}
        ]


def shipped() -> Path:
    """The reference offering that comes along: its sizes and quotas are real, its prices are EXAMPLE."""
    return data("offering", "standard.yaml")


def load_offering(path: Path | None = None) -> Offering:
    """Read an offering, the shipped one if none is named. Raises `InvalidInput` with all problems by file and line."""
    return load(path or shipped(), Offering)
