"""What a deal asks for: the answers of discovery. What nobody has answered is left out, and becomes a question."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pov.config.explaining import Faults, Location
from pov.config.loading import Model
from pov.config.offering import MOST_MONEY
from pov.config.units import Day, Real, Whole

PEOPLE = 8_500_000_000
"""More users than people who live (United Nations, World Population Prospects 2024: 8.2 thousand million)."""
_MOST = 1_000_000.0
_MINUTES_A_YEAR = 525_600.0


def _percent(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        raise Faults([((), f"{value} looks like a share, not percent", f"write {value * 100:g} if that is meant")])
    return value


Availability = Annotated[Real, BeforeValidator(_percent), Field(ge=90, lt=100)]


def _one_line(text: str) -> str:
    # It is printed among the gate's own lines: another one could be made to look like theirs.
    if len(text.splitlines()) > 1:
        raise Faults([((), "must be one line", "a list has a line for each")])
    return text


Line = Annotated[str, AfterValidator(_one_line)]
Text = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_line)]


class Recovery(Model):
    """Recovery objectives, in minutes: until it works again, and how much work may be lost."""

    time_minutes: Real | None = Field(default=None, ge=0, le=_MINUTES_A_YEAR)
    point_minutes: Real | None = Field(default=None, ge=0, le=_MINUTES_A_YEAR)


class Money(Model):
    """An amount with its currency."""

    amount: Real = Field(ge=0, le=MOST_MONEY)
    currency: str = Field(pattern="^[A-Z]{3}$")


class Scope(Model):
    """The answers. `promised` is the size that was told to the customer, `architect` the solutions architect."""

    offering: str = ""
    promised: Line = ""
    users: Whole | None = Field(default=None, ge=1, le=PEOPLE)
    availability: Availability | None = None
    recovery: Recovery = Recovery()
    regions: tuple[Text, ...] | None = Field(default=None, min_length=1, max_length=20)
    residency: Text | None = None
    cpu: Real | None = Field(default=None, gt=0, le=_MOST)
    memory_gib: Real | None = Field(default=None, gt=0, le=_MOST)
    storage_gib: Real | None = Field(default=None, ge=0, le=1e9)
    iops: Real | None = Field(default=None, ge=0, le=1e9)
    services: Whole | None = Field(default=None, ge=1, le=10_000)
    compliance: tuple[Text, ...] | None = Field(default=None, max_length=20)
    components: tuple[Text, ...] | None = Field(default=None, max_length=50)
    deal_value: Money | None = None
    start: Day | None = None
    due: Day | None = None
    architect: Line = ""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults: list[tuple[Location, str, str]] = []
        if self.start is not None and self.due is not None and self.due < self.start:
            faults.append((("due",), f"{self.due} is before the start, {self.start}", "which of the two counts?"))
        if self.iops and self.storage_gib == 0:
            faults.append((("iops",), f"{self.iops:g} IOPS on no storage", "say how much storage, or no IOPS"))
        for key in ("regions", "compliance", "components"):
            names = [name.casefold() for name in getattr(self, key) or ()]
            faults += [
                ((key, index), f"{name} is there twice", "take one out")
                for index, name in enumerate(names)
                if name in names[:index]
            ]
        if faults:
            raise Faults(faults)
        return self
