"""The value section of an engagement file: what the work costs today, what the platform costs, and who says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pov.base.money import Money
from pov.config.explaining import Faults, Location, nearest
from pov.config.inputs import Amount, Cost, Growth, Input, Minutes, Number, Owner, Part, Percent, Sourced, Volume
from pov.config.loading import Model
from pov.config.names import Name
from pov.config.units import Day, Flag, Whole

QUARTERS = 12
"""How far the model looks: three years."""
FRESH = timedelta(days=180)
"""How old a price without an end of its own may be."""
Title = Annotated[str, Field(min_length=1, max_length=120)]


class Week(Sourced):
    """All hours of a week, as somebody stated them, before and after: what the activities are held against."""

    before: Number | None = None
    after: Number | None = None

    def given(self) -> bool:
        """Whether anybody stated them."""
        return self.before is not None or self.after is not None


class Freed(Part):
    """What becomes of what is saved. `hard`: a budget line that falls. `soft`: hours that somebody must redeploy."""

    frees: Literal["hard", "soft"] = "soft"
    budget_line: str = ""
    redeployed: Percent | None = None

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """A hard saving names no line."""
        if self.frees == "hard" and not self.budget_line.strip():
            fix = "name the line that falls, or say `frees: soft`"
            yield ("budgetLine",), "a hard saving is a budget line that falls", fix


class Activity(Freed):
    """Something that takes people's time: how often, how long today, how long then, at which rate."""

    id: Name
    title: Title
    volume: Volume
    before: Minutes
    after: Minutes
    rate: Name


class Rate(Model):
    """What an hour costs."""

    id: Name
    title: Title
    hour: Cost


class Incident(Freed):
    """Something that goes wrong, by the buyer's own count: how often a year, what one costs, how many are avoided."""

    id: Name
    title: Title
    per_year: Input
    cost: Cost
    avoided: Percent


class NotGiven(Model):
    """A price that is still to come: from whom, until when."""

    by: Owner = ""
    until: Day | None = None


class Price(Sourced):
    """What the platform is sold for: once in the first quarter, and yearly in advance. Or who gives it, until when."""

    once: Amount | None = None
    yearly: Amount | None = None
    valid_until: Day | None = None
    not_given: NotGiven | None = None

    def given(self) -> bool:
        """Whether there is one."""
        return self.once is not None or self.yearly is not None

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """No source, or both given and not given."""
        yield from super().faults()
        if not self.given():
            return
        if not self.source.strip():
            yield ("source",), "a price needs its source", "such as the quote's number"
        if self.not_given is not None:
            yield ("notGiven",), "there is a price", "take `notGiven` out"


class Spending(Part):
    """A cost beside the price: once in a quarter of the plan, or yearly from it on, by quarters."""

    id: Name
    title: Title
    kind: Literal["services", "training", "licences", "infrastructure", "running", "other"]
    once: Cost | None = None
    yearly: Cost | None = None
    quarter: Whole = Field(default=1, ge=1, le=QUARTERS)

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """It falls both once and yearly, or never."""
        if (self.once is None) == (self.yearly is None):
            yield (), "needs either `once` or `yearly`", "two costs where it has both"


class Wave(Model):
    """Services that are migrated together, and the quarter in whose first days they are live."""

    title: Title
    quarter: Whole = Field(ge=1, le=QUARTERS)
    services: Whole = Field(ge=1, le=100_000)


class Parallel(Model):
    """Both ways of working side by side, after each wave: nothing is saved yet, and the old one still costs."""

    quarters: Whole = Field(ge=0, le=4)
    per_quarter: Cost


class Discount(Sourced):
    """The buyer's rate, in percent a year, with its source."""

    percent: Number | None = None

    def given(self) -> bool:
        """Whether there is one."""
        return self.percent is not None

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """No source, or more than all of it."""
        yield from super().faults()
        if self.percent is None:
            return
        if not 0 <= self.percent <= 100:
            yield ("percent",), f"must be from 0 to 100, not {self.percent}", "in percent a year"
        if not self.source.strip():
            yield ("source",), "a discount rate needs its source", "such as the treasury's rate for projects"


class Risk(Model):
    """Something that may happen: how likely, what it would cost."""

    id: Name
    title: Title
    probability: Percent
    cost: Cost


class Exit(Model):
    """What leaving the platform again would cost, and how it is done."""

    cost: Cost
    how: str = ""


class Next(Model):
    """The step that is asked for, who decides on it, until when."""

    step: str = Field(default="", max_length=200)
    by: Owner = ""
    until: Day | None = None


class Value(Model):
    """`value:` of an engagement. All money is in one currency; `example` marks what was made up to show the form."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    as_of: Day | None = None
    example: Flag = False
    services: Whole = Field(ge=1, le=100_000)
    week: Week = Week()
    activities: tuple[Activity, ...] = Field(min_length=1, max_length=40)
    rates: tuple[Rate, ...] = Field(min_length=1, max_length=20)
    incidents: tuple[Incident, ...] = Field(default=(), max_length=20)
    price: Price
    costs: tuple[Spending, ...] = Field(default=(), max_length=40)
    waves: tuple[Wave, ...] = Field(min_length=1, max_length=QUARTERS)
    training_dip: Percent | None = None
    parallel: Parallel | None = None
    growth: Growth
    discount: Discount
    risks: tuple[Risk, ...] = Field(default=(), max_length=20)
    exit: Exit | None = None
    next: Next = Next()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = [
            ((*place, *keys), told, fix)
            for place, part in parts(self)
            if isinstance(part, Part)
            for keys, told, fix in part.faults()
        ]
        faults += [*self._names(), *self._amounts(), *self._free_work(), *self._plan(), *self._stale()]
        if faults:
            raise Faults(faults)
        return self

    @property
    def missing(self) -> tuple[str, ...]:
        """The figures that nobody has given yet, by their keys. A price may be one that is still to come."""
        found = [
            ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
            for place, part in parts(self)
            # What nobody redeploys counts zero: that is a figure, too.
            if isinstance(part, Input | Discount) and not part.given() and place[-1] != "redeployed"
        ]
        return (*found, *(("asOf",) if self.as_of is None else ()))

    def _names(self) -> Iterator[tuple[Location, str, str]]:
        for key in ("activities", "rates", "incidents", "costs", "risks"):
            ids = [item.id for item in getattr(self, key)]
            for index, name in enumerate(ids):
                if ids.index(name) < index:
                    yield (key, index, "id"), f"`{name}` is there twice", "another name"
        rates = [rate.id for rate in self.rates]
        for index, activity in enumerate(self.activities):
            if activity.rate not in rates:
                yield ("activities", index, "rate"), f"no rate `{activity.rate}`", nearest(activity.rate, rates)

    def _amounts(self) -> Iterator[tuple[Location, str, str]]:
        for key in ("once", "yearly"):
            amount = getattr(self.price, key)
            if amount is not None and amount.amount < 0:
                yield ("price", key), f"must not be less than nothing, not {amount}", "mend the figure"
        for place, amount in parts(self):
            if isinstance(amount, Money) and amount.currency != self.currency:
                fix = f"convert it, and say at which rate in `source`; or `currency: {amount.currency}` and all in that"
                yield place, f"is in {amount.currency}, the model is in {self.currency}", fix

    def _free_work(self) -> Iterator[tuple[Location, str, str]]:
        for index, rate in enumerate(self.rates):
            for key in ("low", "expected", "high"):
                amount = getattr(rate.hour, key)
                if amount is not None and amount.amount == 0:
                    yield (
                        ("rates", index, "hour", key),
                        "a rate of zero makes every hour worthless",
                        "what an hour costs",
                    )

    def _plan(self) -> Iterator[tuple[Location, str, str]]:
        planned = sum(wave.services for wave in self.waves)
        if planned > self.services:
            yield ("waves",), f"migrates {planned} services of {self.services}", "each service once"
        quarters = [wave.quarter for wave in self.waves]
        for index, quarter in enumerate(quarters):
            if index and quarter < quarters[index - 1]:
                yield ("waves", index, "quarter"), "is before the wave above it", "waves in the order of time"

    def _stale(self) -> Iterator[tuple[Location, str, str]]:
        price = self.price
        if self.as_of is None or not price.given():
            return
        if price.valid_until is not None:
            if price.valid_until < self.as_of:
                told = f"the price is stale: it was valid until {price.valid_until}, the model is of {self.as_of}"
                yield ("price", "validUntil"), told, "ask for a new quote"
        elif price.when is not None and self.as_of - price.when > FRESH:
            told = f"the price is stale: {(self.as_of - price.when).days} days old on {self.as_of}"
            yield ("price", "when"), told, "ask for a new quote, or say `validUntil`"


def parts(model: Any, place: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Every part of a section with its keys as in the file: models, amounts and texts alike."""
    if isinstance(model, Model):
        yield place, model
        for name, field in type(model).model_fields.items():
            yield from parts(getattr(model, name), (*place, field.alias or name))
    elif isinstance(model, tuple):
        for index, item in enumerate(model):
            yield from parts(item, (*place, index))
    else:
        yield place, model
