"""Inputs of a value model: low, expected and high, with who answers for them and where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from pov.base import money
from pov.base.money import Money
from pov.config.explaining import Faults, Location
from pov.config.loading import Model
from pov.config.names import ArmName, ExperimentName, MetricName
from pov.config.units import Day, Whole
from pov.model import catalogue


def _number(given: object) -> object:
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise Faults([((), f"must be a number, not {given!r}", "without quotes and unit, such as 43 or 1.5")])
    return str(given)


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _amount(given: object) -> Money:
    if isinstance(given, Money):
        return given
    try:
        return money.parse(given)
    except ValueError as error:
        raise Faults([((), str(error), "such as `95.50 EUR`")]) from error


_AS_NUMBER = (BeforeValidator(_number), PlainSerializer(_plain))
Number = Annotated[Decimal, *_AS_NUMBER]
Amount = Annotated[
    Money,
    PlainValidator(_amount),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? [A-Z]{3}$", "examples": ["95.50 EUR"]}),
]
"""Money with its currency."""
Owner = Annotated[str, Field(max_length=200)]


class Measured(Model):
    """A figure of this run that takes the place of `expected`: one metric of one arm, over `per` services."""

    experiment: ExperimentName
    arm: ArmName
    metric: MetricName = "median_seconds"
    per: Whole = Field(default=1, ge=1, le=1000)


class Part(Model):
    """A part of the section that can say what is wrong with it.

    The section asks all of them at once: one fault must not hide another.
    """

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """The keys, message and remedy of everything that is wrong here."""
        yield from ()


class Sourced(Part):
    """Who answers for something, and where it comes from: `stated` needs the day, `modelled` what it rests on."""

    origin: Literal["stated", "modelled", "person"] = "stated"
    by: Owner = ""
    when: Day | None = None
    source: str = ""

    def given(self) -> bool:
        """Whether anything was put in for which somebody has to answer."""
        raise NotImplementedError

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """An owner, and a day or what it rests on, are missing."""
        if not self.given():
            return
        if not self.by.strip():
            yield ("by",), "has no owner", "name who answers for it"
        if self.origin == "modelled" and not self.source.strip():
            yield ("source",), "a modelled figure needs what it rests on", "say it in a sentence"
        if self.origin != "modelled" and self.when is None:
            yield ("when",), f"needs the day of what is {self.origin}", "such as 2026-10-01"


class Input(Sourced):
    """A number that is not sure: `low` and `high` bound it, and are `expected` where nothing is said.

    Without `expected` nobody has given it yet.
    """

    LEAST: ClassVar[int] = 0
    MOST: ClassVar[int] = 10**9

    low: Number | None = None
    expected: Number | None = None
    high: Number | None = None

    def given(self) -> bool:
        """Whether there is a figure."""
        return any(bound is not None for bound in (self.low, self.expected, self.high))

    @property
    def bounds(self) -> tuple[Decimal, Decimal, Decimal]:
        """Low, expected and high; only where it is given."""
        expected = _figure(self.expected)
        low, high = (expected if bound is None else _figure(bound) for bound in (self.low, self.high))
        return low, expected, high

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """Bounds in the wrong order or out of range come on top."""
        yield from super().faults()
        for key in ("low", "expected", "high"):
            if getattr(self, key) is not None and not self.LEAST <= _figure(getattr(self, key)) <= self.MOST:
                yield (key,), f"must be from {self.LEAST} to {self.MOST}, not {getattr(self, key)}", "mend the figure"
        if self.expected is None:
            if self.given():
                yield ("expected",), "a range needs what is expected", "or leave all three empty"
            return
        low, expected, high = self.bounds
        if low > expected:
            yield ("low",), f"must be at most `expected`, which is {expected:f}", "the smaller number is the low one"
        if high < expected:
            yield ("high",), f"must be at least `expected`, which is {expected:f}", "the greater number is the high one"


class Volume(Input):
    """How often something happens."""

    per: Literal["week", "month", "quarter", "year"] = "week"


class Minutes(Input):
    """Somebody's time for doing it once, in minutes. A measured one takes the place of `expected`."""

    measured: Measured | None = None

    def faults(self) -> Iterator[tuple[Location, str, str]]:
        """What is measured is no time."""
        yield from super().faults()
        if self.measured is not None and catalogue.METRICS[self.measured.metric].unit != "s":
            yield ("measured", "metric"), f"{self.measured.metric} is no time", "such as median_seconds"


class Percent(Input):
    """A part of something: it cannot be more than all of it."""

    MOST: ClassVar[int] = 100


class Growth(Input):
    """Percent a year by which volumes grow; less than 0 where they shrink."""

    LEAST: ClassVar[int] = -50
    MOST: ClassVar[int] = 100


class Cost(Input):
    """Money. A range of amounts in one currency."""

    MOST: ClassVar[int] = 10**12

    low: Amount | None = None  # type: ignore[assignment]
    expected: Amount | None = None  # type: ignore[assignment]
    high: Amount | None = None  # type: ignore[assignment]


def _figure(value: Any) -> Decimal:
    return value.amount if isinstance(value, Money) else Decimal(value)
