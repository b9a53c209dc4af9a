"""The inputs of a value section as one list of figures, and what does not vary: waves, flags, discount rate.

Everything in `pov.value` is a function of these. Units: times in minutes a piece, volumes in pieces a week, month,
quarter or year, shares and growth in percent, money in the model's one currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pov.base import money
from pov.config.inputs import Input, Measured, Minutes, Volume
from pov.config.value import QUARTERS, Activity, Freed, Value

A_QUARTER: Mapping[str, Decimal] = {
    "week": Decimal(13),
    "month": Decimal(3),
    "quarter": Decimal(1),
    "year": Decimal("0.25"),
}
"""How many of each a quarter has; a year has 52 weeks."""
EXECUTED = "executed"


@dataclass(frozen=True)
class Executed:
    """A figure of a run in seconds, and over how many trials."""

    seconds: float
    trials: int


Find = Callable[[Measured], Executed | None]


def nothing_measured(_wanted: Measured) -> Executed | None:
    """Where no run is at hand."""
    return None


@dataclass(frozen=True)
class Entry:
    """One input with its bounds, who answers for it, and where it comes from.

    `origin` is executed, person, stated or modelled; `basis` is its source in words.
    """

    key: str
    label: str
    unit: str
    low: Decimal
    expected: Decimal
    high: Decimal
    origin: str
    owner: str
    when: str
    basis: str

    @property
    def varies(self) -> bool:
        """Whether it has a range."""
        return self.low < self.high


@dataclass(frozen=True)
class Plan:
    """A whole value section, flattened. Only where `value.missing` is empty."""

    value: Value
    entries: tuple[Entry, ...]

    @property
    def expected(self) -> dict[str, Decimal]:
        """Every input as expected, by key."""
        return {entry.key: entry.expected for entry in self.entries}

    @property
    def digits(self) -> int:
        """Digits of the currency's minor unit: every line of money is rounded to it."""
        return money.digits(self.value.currency)

    @property
    def priced(self) -> bool:
        """Whether a price was given. Without one every result is before the price."""
        return self.value.price.given()

    @property
    def discount(self) -> Decimal:
        """A year's rate in percent."""
        return self.value.discount.percent or Decimal(0)

    @property
    def waits(self) -> int:
        """Quarters in which both ways run side by side after a wave, before anything is saved."""
        return self.value.parallel.quarters if self.value.parallel else 0

    @property
    def first(self) -> int:
        """The quarter in which the first wave is live."""
        return min(wave.quarter for wave in self.value.waves)

    @property
    def stop(self) -> int:
        """The last quarter before it is decided whether to go on: the first wave has then saved for a quarter."""
        return min(self.first + self.waits, QUARTERS)


def plan(value: Value, find: Find = nothing_measured) -> Plan:
    """Flatten a section. A measured figure that `find` knows takes the place of what was expected."""
    return Plan(value, tuple(_entries(value, find)))


def counted(freed: Freed) -> str:
    """How much of a saving counts: `hard`, `soft` (by the redeployed part), or `none`: nobody is named."""
    if freed.frees == "hard":
        return "hard"
    return "soft" if freed.redeployed is not None and freed.redeployed.given() else "none"


def _entries(value: Value, find: Find) -> Iterator[Entry]:
    for activity in value.activities:
        yield from _activity(activity, find)
    for rate in value.rates:
        yield _entry(f"rates.{rate.id}", f"{rate.title}: an hour", value.currency, rate.hour)
    for incident in value.incidents:
        key = f"incidents.{incident.id}"
        yield _entry(f"{key}.perYear", f"{incident.title}: how often", "a year", incident.per_year)
        yield _entry(f"{key}.cost", f"{incident.title}: what one costs", value.currency, incident.cost)
        yield _entry(f"{key}.avoided", f"{incident.title}: avoided", "%", incident.avoided)
        yield from _redeployed(key, incident.title, incident)
    for cost in value.costs:
        found = cost.once if cost.once is not None else cost.yearly
        if found is not None:
            unit = value.currency + ("" if cost.once is not None else " a year")
            yield _entry(f"costs.{cost.id}", cost.title, unit, found)
    yield _entry("growth", "Growth of volumes", "% a year", value.growth)
    if value.training_dip is not None:
        yield _entry("trainingDip", "Training: savings lost in a wave's first quarter", "%", value.training_dip)
    if value.parallel is not None:
        label = "Both ways side by side: a quarter"
        yield _entry("parallel", label, value.currency, value.parallel.per_quarter)
    for risk in value.risks:
        yield _entry(f"risks.{risk.id}.probability", f"{risk.title}: how likely", "%", risk.probability)
        yield _entry(f"risks.{risk.id}.cost", f"{risk.title}: what it costs", value.currency, risk.cost)
    if value.exit is not None:
        yield _entry("exit", "Leaving the platform again", value.currency, value.exit.cost)


def _activity(activity: Activity, find: Find) -> Iterator[Entry]:
    key = f"activities.{activity.id}"
    volume: Volume = activity.volume
    yield _entry(f"{key}.volume", f"{activity.title}: how often", f"a {volume.per}", volume)
    yield _timed(f"{key}.before", f"{activity.title}: time today", activity.before, find)
    yield _timed(f"{key}.after", f"{activity.title}: time then", activity.after, find)
    yield from _redeployed(key, activity.title, activity)


def _redeployed(key: str, title: str, freed: Freed) -> Iterator[Entry]:
    if counted(freed) == "soft" and freed.redeployed is not None:
        yield _entry(f"{key}.redeployed", f"{title}: put to other use", "%", freed.redeployed)


def _timed(key: str, label: str, minutes: Minutes, find: Find) -> Entry:
    entry = _entry(key, label, "min", minutes)
    if minutes.measured is None:
        return entry
    wanted = minutes.measured
    name = f"{wanted.experiment}/{wanted.arm}/{wanted.metric}"
    found = find(wanted)
    if found is None:
        return Entry(**{**vars(entry), "basis": f"{entry.basis}; {name} was not measured in this run".strip("; ")})
    measured = Decimal(str(found.seconds)) / 60 / wanted.per
    told = f"{name} of this run, {found.trials} trials" + (f", over {wanted.per} services" if wanted.per > 1 else "")
    low, high = min(entry.low, measured), max(entry.high, measured)
    given = {"low": low, "expected": measured, "high": high, "origin": EXECUTED, "basis": f"{told}; machine time"}
    return Entry(**{**vars(entry), **given})


def _entry(key: str, label: str, unit: str, given: Input) -> Entry:
    low, expected, high = given.bounds
    when = given.when.isoformat() if given.when else ""
    return Entry(key, label, unit, low, expected, high, given.origin, given.by, when, given.source)
