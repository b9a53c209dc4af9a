"""When it would be a bad buy: how far inputs that matter may be off, and how late it may be, before it loses money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pov.config.value import QUARTERS
from pov.value.case import SHOWN, Case
from pov.value.evaluating import HUNDRED, evaluate
from pov.value.plan import Entry

_STEPS = 32
"""Halvings of the interval: beyond any digit that is shown."""
_FARTHEST = 10
"""How many times what is expected an input is followed."""


@dataclass(frozen=True)
class Limit:
    """An input, and the figure beyond which the expected net present value is negative, all else as expected."""

    entry: Entry
    at: Decimal
    below: bool
    """Whether it is bad below that figure; else above."""


def limits(case: Case) -> tuple[Limit, ...]:
    """For the inputs that matter most, whichever side of its limit each is on now.

    An input that alone cannot turn the result within its bounds, or ten times what is expected, is left out.
    """
    return tuple(_limits(case))


def latest(case: Case) -> int | None:
    """By how many quarters all waves may be late before it loses money; None where it never does, or does as it is."""
    if case.expected.npv < 0:
        return None
    for late in range(1, QUARTERS + 1):
        if evaluate(case.plan, late=late).npv < 0:
            return late - 1
    return None


def _limits(case: Case) -> Iterator[Limit]:
    for swing in case.swings[:SHOWN]:
        entry, below = swing.entry, swing.at_low <= swing.at_high
        ends = _farthest(entry)
        bad, good = ends if below else ends[::-1]
        if _npv(case, entry, bad) < 0 <= _npv(case, entry, good):
            yield Limit(entry, _turn(case, entry, bad, good), below)


def _farthest(entry: Entry) -> tuple[Decimal, Decimal]:
    most = HUNDRED if entry.unit.startswith("%") else max(entry.high, entry.expected * _FARTHEST)
    return min(Decimal(0), entry.low), most


def _turn(case: Case, entry: Entry, bad: Decimal, good: Decimal) -> Decimal:
    for _ in range(_STEPS):
        middle = (good + bad) / 2
        if _npv(case, entry, middle) < 0:
            bad = middle
        else:
            good = middle
    return good


def _npv(case: Case, entry: Entry, at: Decimal) -> Decimal:
    return evaluate(case.plan, case.plan.expected | {entry.key: at}).npv
