"""One evaluation of a plan: every input a number, twelve quarters of cash, what they come to.

Each line of each quarter is rounded to the currency's minor unit, a half away from zero, and cash of a quarter falls at
its end. A workbook with the same formulas agrees to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property
from itertools import accumulate

from pov.base.money import rounded
from pov.config.value import QUARTERS
from pov.value.plan import A_QUARTER, Plan, counted

HUNDRED = Decimal(100)
_PRECISION = 34
"""Digits of intermediate results: twice what a spreadsheet carries."""


@dataclass(frozen=True)
class Quarter:
    """Cash of one quarter, saved and spent, each positive; `factor` is what money at its end is worth at the start."""

    n: int
    hard: Decimal
    soft: Decimal
    extra: Decimal
    costs: Decimal
    price: Decimal
    parallel: Decimal
    factor: Decimal

    @property
    def spent(self) -> Decimal:
        """Price, costs, both ways side by side, and the hours that the platform itself takes."""
        return self.extra + self.costs + self.price + self.parallel

    @property
    def net(self) -> Decimal:
        """What is left with hard and soft savings."""
        return self.hard + self.soft - self.spent

    @property
    def net_hard(self) -> Decimal:
        """What is left with soft savings at zero."""
        return self.hard - self.spent


@dataclass(frozen=True)
class Outcome:
    """What an evaluation comes to. `hard`, `soft`, `extra` are money a quarter at full use, unrounded, before growth.

    `fit` (0 to 1) cuts activities that add up to more than the stated week down to it.
    """

    inputs: Mapping[str, Decimal]
    digits: int
    fit: Decimal
    hard: Decimal
    soft: Decimal
    extra: Decimal
    quarters: tuple[Quarter, ...]

    @cached_property
    def npv(self) -> Decimal:
        """Net present value over three years."""
        return self._present(q.net for q in self.quarters)

    @cached_property
    def npv_hard(self) -> Decimal:
        """The same with soft savings at zero."""
        return self._present(q.net_hard for q in self.quarters)

    @cached_property
    def present_savings(self) -> Decimal:
        """Present value of what is saved."""
        return self._present(q.hard + q.soft for q in self.quarters)

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """Cash up to each quarter's end."""
        return tuple(accumulate(q.net for q in self.quarters))

    @property
    def cumulative_hard(self) -> tuple[Decimal, ...]:
        """The same with soft savings at zero."""
        return tuple(accumulate(q.net_hard for q in self.quarters))

    @property
    def payback(self) -> int | None:
        """The first quarter from whose end on cash never is below zero again; None within three years."""
        return paid_back(self.cumulative)

    @property
    def payback_hard(self) -> int | None:
        """The same with soft savings at zero."""
        return paid_back(self.cumulative_hard)

    def spent(self, first: int = 1, last: int = QUARTERS) -> Decimal:
        """What is paid from a quarter to another, both counted."""
        return sum((q.spent for q in self.quarters[first - 1 : last]), Decimal(0))

    def saved(self, first: int = 1, last: int = QUARTERS) -> Decimal:
        """What is saved from a quarter to another, both counted."""
        return sum((q.hard + q.soft for q in self.quarters[first - 1 : last]), Decimal(0))

    def _present(self, cash: Iterable[Decimal]) -> Decimal:
        pairs = zip(cash, self.quarters, strict=True)
        return sum((rounded(amount * q.factor, self.digits) for amount, q in pairs), Decimal(0))


def evaluate(plan: Plan, inputs: Mapping[str, Decimal] | None = None, *, late: int = 0) -> Outcome:
    """What a plan comes to with these inputs (as expected where none are given), its waves `late` by quarters."""
    with localcontext() as context:
        context.prec = _PRECISION
        given = plan.expected if inputs is None else inputs
        fit = fitted(plan, given)
        hard, soft, extra = _quarterly(plan, given, fit)
        quarters = tuple(_quarter(plan, given, (hard, soft, extra), n, late) for n in range(1, QUARTERS + 1))
        return Outcome(given, plan.digits, fit, hard, soft, extra, quarters)


def hours(plan: Plan, inputs: Mapping[str, Decimal], time: str) -> dict[str, Decimal]:
    """Hours a quarter of each activity, by its id; `time` is before or after."""
    return {
        activity.id: inputs[f"activities.{activity.id}.volume"]
        * A_QUARTER[activity.volume.per]
        * inputs[f"activities.{activity.id}.{time}"]
        / 60
        for activity in plan.value.activities
    }


def fitted(plan: Plan, inputs: Mapping[str, Decimal]) -> Decimal:
    """The part of the activities that the stated week has room for: hours beyond it save nothing."""
    stated, told = plan.value.week.before, sum(hours(plan, inputs, "before").values(), Decimal(0)) / 13
    return Decimal(1) if stated is None or told <= stated else stated / told


def grown(inputs: Mapping[str, Decimal], quarter: int) -> Decimal:
    """How much more there is to do in a quarter's year than in the first."""
    return (1 + inputs["growth"] / HUNDRED) ** ((quarter - 1) // 4)


def in_use(plan: Plan, inputs: Mapping[str, Decimal], quarter: int, late: int = 0) -> Decimal:
    """The part of all services that saves in a quarter: those of a wave after both ways ran side by side.

    A wave's first quarter loses the training dip.
    """
    dip = inputs.get("trainingDip", Decimal(0)) / HUNDRED
    part = Decimal(0)
    for wave in plan.value.waves:
        starts = wave.quarter + plan.waits + late
        if quarter >= starts:
            part += wave.services * (1 - dip if quarter == starts else 1)
    return part / plan.value.services


def side_by_side(plan: Plan, quarter: int, late: int = 0) -> bool:
    """Whether both ways run in a quarter."""
    return any(0 <= quarter - wave.quarter - late < plan.waits for wave in plan.value.waves)


def paid_back(cumulative: tuple[Decimal, ...]) -> int | None:
    """The first quarter from which on no cumulative cash is negative."""
    below = [n for n, cash in enumerate(cumulative, 1) if cash < 0]
    first = (below[-1] if below else 0) + 1
    return first if first <= len(cumulative) else None


def _quarterly(plan: Plan, inputs: Mapping[str, Decimal], fit: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    hard = soft = extra = Decimal(0)
    before, after = hours(plan, inputs, "before"), hours(plan, inputs, "after")
    for activity in plan.value.activities:
        rate = inputs[f"rates.{activity.rate}"]
        saved = before[activity.id] - after[activity.id]
        extra += max(-saved, Decimal(0)) * rate
        worth = max(saved, Decimal(0)) * fit * rate
        kind = counted(activity)
        hard += worth if kind == "hard" else 0
        soft += worth * inputs[f"activities.{activity.id}.redeployed"] / HUNDRED if kind == "soft" else 0
    for incident in plan.value.incidents:
        key = f"incidents.{incident.id}"
        worth = inputs[f"{key}.perYear"] / 4 * inputs[f"{key}.cost"] * inputs[f"{key}.avoided"] / HUNDRED
        kind = counted(incident)
        hard += worth if kind == "hard" else 0
        soft += worth * inputs[f"{key}.redeployed"] / HUNDRED if kind == "soft" else 0
    return hard, soft, extra


def _quarter(
    plan: Plan, inputs: Mapping[str, Decimal], full: tuple[Decimal, Decimal, Decimal], n: int, late: int
) -> Quarter:
    hard, soft, extra = full
    growth, part = grown(inputs, n), in_use(plan, inputs, n, late)
    costs = sum((_cost(plan, inputs, index, n) for index in range(len(plan.value.costs))), Decimal(0))
    price = plan.value.price
    paid = price.once.amount if price.once is not None and n == 1 else Decimal(0)
    paid += price.yearly.amount if price.yearly is not None and n % 4 == 1 else 0
    live = n >= plan.first + late
    return Quarter(
        n,
        hard=rounded(hard * growth * part, plan.digits),
        soft=rounded(soft * growth * part, plan.digits),
        extra=rounded(extra * growth, plan.digits) if live else Decimal(0),
        costs=rounded(costs, plan.digits),
        price=rounded(paid, plan.digits),
        parallel=rounded(inputs["parallel"], plan.digits) if side_by_side(plan, n, late) else Decimal(0),
        factor=(1 + plan.discount / HUNDRED) ** (Decimal(-n) / 4),
    )


def _cost(plan: Plan, inputs: Mapping[str, Decimal], index: int, quarter: int) -> Decimal:
    cost = plan.value.costs[index]
    amount = inputs[f"costs.{cost.id}"]
    if cost.once is not None:
        return amount if quarter == cost.quarter else Decimal(0)
    return amount / 4 if quarter >= cost.quarter else Decimal(0)
