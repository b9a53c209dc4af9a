"""The case for one buyer: low, expected and high, which inputs matter, the ceiling, and when it would be a bad buy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from pov.base.money import rounded
from pov.config.value import QUARTERS
from pov.value.evaluating import HUNDRED, Outcome, evaluate, grown, hours
from pov.value.plan import Entry, Plan, counted

WEEKS = 52
SHOWN = 3
"""How many inputs the sensitivity shows."""
_YEARLY = (1, 5, 9)
"""Quarters in which a yearly price is paid."""


@dataclass(frozen=True)
class Swing:
    """One input at its low and its high end, all others as expected: the net present value at each."""

    entry: Entry
    at_low: Decimal
    at_high: Decimal

    @property
    def size(self) -> Decimal:
        """How far the result moves."""
        return abs(self.at_high - self.at_low)

    @property
    def worse(self) -> Decimal:
        """The input at the end that is worse for the buyer."""
        return self.entry.low if self.at_low <= self.at_high else self.entry.high

    @property
    def better(self) -> Decimal:
        """The input at the other end."""
        return self.entry.high if self.at_low <= self.at_high else self.entry.low


@dataclass(frozen=True)
class Ceiling:
    """What it could be at most, before growth: every hour of the week gone on the first day, at the highest rate.

    `incidents` adds every counted incident. `year_one`, `later` and `all` are costs: of the first year, of the third,
    of three years.
    """

    hours: Decimal
    rate: Decimal
    worth: Decimal
    incidents: Decimal
    year_one: Decimal
    later: Decimal
    all: Decimal

    @property
    def pays_in_year_one(self) -> bool:
        """Whether hours alone would pay the first year."""
        return self.worth >= self.year_one

    @property
    def pays(self) -> bool:
        """Whether hours alone would pay three years."""
        return 3 * self.worth >= self.all

    @property
    def pays_with_incidents(self) -> bool:
        """Whether hours and every incident would pay three years."""
        return 3 * (self.worth + self.incidents) >= self.all


@dataclass(frozen=True)
class Threat:
    """A risk as arithmetic: how likely, times what it costs."""

    title: str
    owner: str
    percent: Decimal
    cost: Decimal
    weighed: Decimal


@dataclass(frozen=True)
class Stop:
    """Stopping after the first wave: at the end of which quarter, what is paid and saved by then, and the exit."""

    quarter: int
    paid: Decimal
    saved: Decimal
    exit: Decimal | None

    @property
    def lost(self) -> Decimal:
        """What is lost then at most; without an exit cost it is left out."""
        return self.paid - self.saved + (self.exit or 0)


@dataclass(frozen=True)
class Case:
    """Everything that follows from a plan."""

    plan: Plan

    @cached_property
    def expected(self) -> Outcome:
        """Every input as expected."""
        return evaluate(self.plan)

    @cached_property
    def swings(self) -> tuple[Swing, ...]:
        """Every input with a range, the one that moves the result most first."""
        found = (self._swing(entry) for entry in self.plan.entries if entry.varies)
        return tuple(sorted(found, key=lambda swing: -swing.size))

    @cached_property
    def low(self) -> Outcome:
        """Every input at its worse end: the one at which, all else as expected, the result is lower."""
        return evaluate(self.plan, self.plan.expected | {s.entry.key: s.worse for s in self.swings})

    @cached_property
    def high(self) -> Outcome:
        """Every input at its better end."""
        return evaluate(self.plan, self.plan.expected | {s.entry.key: s.better for s in self.swings})

    @property
    def ceiling(self) -> Ceiling:
        """What it could be at most, against what it costs."""
        given, value, outcome = self.plan.expected, self.plan.value, self.expected
        a_week = value.week.before
        told = a_week if a_week is not None else sum(hours(self.plan, given, "before").values(), Decimal(0)) / 13
        rate = max(given[f"rates.{activity.rate}"] for activity in value.activities)
        counts = (given[f"incidents.{i.id}.perYear"] * given[f"incidents.{i.id}.cost"] for i in value.incidents)
        return Ceiling(
            told * WEEKS,
            rate,
            self._money(told * WEEKS * rate),
            self._money(sum(counts, Decimal(0))),
            outcome.spent(last=4),
            outcome.spent(QUARTERS - 3),
            outcome.spent(),
        )

    @property
    def break_even(self) -> Decimal | None:
        """The percentage of the expected savings at which the net present value is zero; None where nothing is saved.

        (present savings - net present value) / present savings: the present costs over the present savings.
        """
        outcome = self.expected
        if outcome.present_savings <= 0:
            return None
        return rounded((outcome.present_savings - outcome.npv) / outcome.present_savings * HUNDRED, 1)

    @property
    def most_a_year(self) -> Decimal:
        """The yearly price, with the same price once, at which the expected net present value is zero; may be < 0."""
        paid = self.plan.value.price.yearly
        factors = sum((self.expected.quarters[n - 1].factor for n in _YEARLY), Decimal(0))
        return self._money((paid.amount if paid else 0) + self.expected.npv / factors)

    @property
    def threats(self) -> tuple[Threat, ...]:
        """Risks, the heaviest first."""
        given = self.plan.expected
        found = []
        for risk in self.plan.value.risks:
            percent, cost = given[f"risks.{risk.id}.probability"], given[f"risks.{risk.id}.cost"]
            weighed = self._money(percent * cost / HUNDRED)
            found.append(Threat(risk.title, risk.probability.by, percent, cost, weighed))
        return tuple(sorted(found, key=lambda threat: -threat.weighed))

    @property
    def adjusted(self) -> Decimal:
        """The expected net present value less every risk by its weight."""
        return self.expected.npv - sum((threat.weighed for threat in self.threats), Decimal(0))

    @property
    def doing_nothing(self) -> tuple[Decimal, Decimal, Decimal]:
        """What today's way costs in each year, with growth: hours within the stated week, and incidents."""
        given, value = self.plan.expected, self.plan.value
        before = hours(self.plan, given, "before")
        a_year = sum((4 * before[a.id] * given[f"rates.{a.rate}"] for a in value.activities), Decimal(0))
        a_year = a_year * self.expected.fit + self.ceiling.incidents
        first, second, third = (self._money(a_year * grown(given, quarter)) for quarter in _YEARLY)
        return first, second, third

    @property
    def stop(self) -> Stop:
        """What stopping after the first wave costs, in the expected case."""
        quarter = self.plan.stop
        exit_cost = self.plan.expected.get("exit")
        return Stop(quarter, self.expected.spent(last=quarter), self.expected.saved(last=quarter), exit_cost)

    @property
    def freed_hours(self) -> tuple[Decimal, Decimal]:
        """Hours a year that are freed at full use, and how many of those count zero: nobody is named for them."""
        given = self.plan.expected
        before, after = hours(self.plan, given, "before"), hours(self.plan, given, "after")
        freed = idle = Decimal(0)
        for activity in self.plan.value.activities:
            saved = max(before[activity.id] - after[activity.id], Decimal(0)) * self.expected.fit * 4
            freed += saved
            kind = counted(activity)
            used = (
                given[f"activities.{activity.id}.redeployed"] / HUNDRED if kind == "soft" else Decimal(kind == "hard")
            )
            idle += saved * (1 - used)
        return freed, idle

    def _swing(self, entry: Entry) -> Swing:
        ends = (evaluate(self.plan, self.plan.expected | {entry.key: end}).npv for end in (entry.low, entry.high))
        return Swing(entry, *ends)

    def _money(self, amount: Decimal) -> Decimal:
        return rounded(amount, self.plan.digits)
