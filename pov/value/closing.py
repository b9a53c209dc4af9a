"""Whether what a buyer states closes: a week against its activities, and times a piece against both weeks.

What a run measured is no statement: here the times count that were stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pov.value.evaluating import hours
from pov.value.plan import Plan
from pov.value.plan import plan as stated

TOLERANCE = Decimal("0.05")
"""Part of the stated figure by which people round; less is no gap."""


@dataclass(frozen=True)
class Gap:
    """A stated week, and the hours that its activities come to. `time` is before or after."""

    time: str
    stated: Decimal
    told: Decimal


@dataclass(frozen=True)
class Apart:
    """A week that held nothing but one activity would hold it so often before, and so often after."""

    title: str
    week_before: Decimal
    minutes_before: Decimal
    often_before: Decimal
    week_after: Decimal
    minutes_after: Decimal
    often_after: Decimal


def gaps(plan: Plan) -> tuple[Gap, ...]:
    """Stated weeks that their activities do not come to."""
    return tuple(_gaps(stated(plan.value)))


def apart(plan: Plan) -> Apart | None:
    """The activity with most hours, where the two stated weeks cannot both be made of it."""
    plan = stated(plan.value)
    week, given = plan.value.week, plan.expected
    before = hours(plan, given, "before")
    if week.before is None or week.after is None or not any(before.values()):
        return None
    largest = max(plan.value.activities, key=lambda activity: before[activity.id])
    first, then = (given[f"activities.{largest.id}.{time}"] for time in ("before", "after"))
    if not then:
        return None
    often, often_then = week.before * 60 / first, week.after * 60 / then
    if abs(often - often_then) <= TOLERANCE * often:
        return None
    return Apart(largest.title, week.before, first, often, week.after, then, often_then)


def _gaps(plan: Plan) -> Iterator[Gap]:
    week = plan.value.week
    for time, all_of_it in (("before", week.before), ("after", week.after)):
        told = sum(hours(plan, plan.expected, time).values(), Decimal(0)) / 13
        if all_of_it is not None and abs(all_of_it - told) > TOLERANCE * all_of_it:
            yield Gap(time, all_of_it, told)
