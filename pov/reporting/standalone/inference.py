"""Ratios, order and rare events, computed again."""

from __future__ import annotations

import math
import statistics
from itertools import combinations

from pov.reporting.standalone.known import N
from pov.reporting.standalone.letters import count, percent


def ways(one: int, other: int) -> list[int]:
    """How many orders of `one` and `other` values have each number of pairs out of order (Mann and Whitney, 1947)."""
    top = one * other
    found = [1] + [0] * top
    for i in range(1, one + 1):
        for at in range(top, other + i - 1, -1):
            found[at] -= found[at - other - i]
        for at in range(i, top + 1):
            found[at] += found[at - i]
    return found


def ratio(base: list[float], other: list[float]) -> tuple[float, float | None, float | None, float]:
    """Hodges and Lehmann's ratio, both ends of its exact interval (None below 95 %), and the coverage of that."""
    ratios = sorted(math.log(y) - math.log(x) for x in base for y in other)
    value, total = math.exp(statistics.median(ratios)), math.comb(len(base) + len(other), len(base))
    if len(ratios) > 10_000:
        spread = math.sqrt(len(ratios) * (len(base) + len(other) + 1) / 12)
        k = math.floor((len(ratios) + 1) / 2 - 1.959963984540054 * spread)
        return (
            value,
            math.exp(ratios[k - 1]),
            math.exp(ratios[-k]),
            math.erf(((len(ratios) + 1) / 2 - k) / spread / 2**0.5),
        )
    counted, below, k = ways(len(base), len(other)), 0, 0
    while k < len(ratios) // 2 and 2 * (below + counted[k]) <= 0.05 * total:
        below += counted[k]
        k += 1
    if not k:
        return value, None, None, 1 - min(1.0, 2 / total)
    return value, math.exp(ratios[k - 1]), math.exp(ratios[-k]), 1 - 2 * below / total


def at_most(events: int, of: int) -> float:
    """The share p at which so few of `of` tries have 5 %: Clopper and Pearson's upper bound, by halving."""
    if events == of:
        return 1.0
    low, high = events / of, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(events, of, middle) > 0.05 else (low, middle)
    return (low + high) / 2


def below(events: int, of: int, p: float) -> float:
    """How often at most `events` of `of` tries happen at a share of p: the binomial sum, from its largest term down."""
    if not 0 < p < 1:
        return float(p <= 0 or events == of)
    log = math.lgamma(of + 1) - math.lgamma(events + 1) - math.lgamma(of - events + 1)
    term = total = 1.0
    for i in range(events, 0, -1):
        term *= i * (1 - p) / ((of - i + 1) * p)
        total += term
        if term < 1e-18 * total:
            break
    return math.exp(log + events * math.log(p) + (of - events) * math.log1p(-p)) * total


def bounded(events: int, of: int) -> list[str]:
    """A count and its bound as they are printed, with 3/n where nothing failed."""
    if not of:
        return ["", ""]
    three = f" ({percent(min(1.0, 3 / of))}{N}%)" if events == 0 else ""
    return [count(events), f"{percent(at_most(events, of))}{N}%{three}"]


DRAWN = ("equal values: drawn relabellings (9,999)", "normal approximation")  # numpy's draws, and an approximation


def ordered(base: list[float], other: list[float]) -> tuple[float | None, str]:
    """Two-sided p of the rank test and how it is found: exact, by all relabellings among equal values, or not here."""
    one, two = len(base), len(other)
    if not one or not two:
        return None, "one side has no value"
    total = math.comb(one + two, one)
    if 2 / total > 0.05:
        least = min(1.0, 2 / total)
        return None, f"{one} and {two} values: the smallest p that an exact rank test could give is {least:.2g}"
    every = [*base, *other]
    if one * two > 10_000:
        return None, DRAWN[1]
    if len(set(every)) == len(every):
        u = sum(1 for x in base for y in other if x > y)
        return min(1.0, 2 * sum(ways(one, two)[: min(u, one * two - u) + 1]) / total), "exact"
    if total > 9_999:
        return None, DRAWN[0]

    def pairs(chosen: set[int]) -> float:
        first, second = [every[i] for i in chosen], [every[i] for i in range(len(every)) if i not in chosen]
        return math.fsum((x > y) + (x == y) / 2 for x in first for y in second)

    found = [pairs(set(chosen)) for chosen in combinations(range(len(every)), one)]
    u_seen = pairs(set(range(one)))
    fewer, more = sum(1 for x in found if x <= u_seen), sum(1 for x in found if x >= u_seen)
    return min(1.0, 2 * min(fewer, more) / total), f"equal values: all relabellings ({total:,})"


def holm(found: list[float]) -> list[float]:
    """Each p corrected for all of them, in their order."""
    ranked = sorted(range(len(found)), key=lambda at: found[at])
    adjusted, least = [0.0] * len(found), 0.0
    for position, at in enumerate(ranked):
        least = max(least, min(1.0, (len(found) - position) * found[at]))
        adjusted[at] = least
    return adjusted


def spread(values: list[float]) -> float:
    """The standard deviation of logarithms."""
    logs = [math.log(value) for value in values]
    middle = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((log - middle) ** 2 for log in logs) / max(1, len(logs) - 1))
