"""How long a plan takes: learnt from earlier trials on this machine, or guessed; and what fits a budget.

A trial is more than its operation: set-up, warm-up, verification and clean-up belong to its time here, and to no
other figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pov.model.reading import mapping, number, text

Key = tuple[str, str]
"""An experiment and one of its arms."""
Plan = Mapping[Key, int]
"""Trials by experiment and arm."""
WHOLE = "whole_seconds"
"""In a sample's details: the whole trial's time."""
AROUND_S = 15.0
"""About what set-up, warm-up, verification and clean-up take where no trial has told yet; a guess, and told as one."""
_NEWEST = 10
_ENOUGH = 3
"""Rounds below which an arm that may be spared goes: three trials an arm are what a gain needs."""


@dataclass(frozen=True)
class Cost:
    """About how long one trial takes in seconds, and from how many earlier ones that is known; 0 means guessed."""

    seconds: float
    trials: int


def learnt(runs: Iterable[Iterable[Mapping[str, object]]]) -> dict[Key, Cost]:
    """Medians of the newest trials of each arm, out of saved samples, oldest run first. Failed ones take time too."""
    found: dict[Key, list[float]] = {}
    for samples in runs:
        for sample in samples:
            whole = number(mapping(sample.get("details")).get(WHOLE))
            if whole is not None:
                found.setdefault((text(sample.get("experiment")), text(sample.get("arm"))), []).append(whole)
    return {key: Cost(statistics.median(times[-_NEWEST:]), len(times[-_NEWEST:])) for key, times in found.items()}


def costs(plan: Plan, known: Mapping[Key, Cost], guess: Callable[[Key], float]) -> dict[Key, Cost]:
    """What one trial of each arm of `plan` costs; `guess` gives the seconds of an operation that nobody timed yet."""
    return {key: known.get(key) or Cost(guess(key) + AROUND_S, 0) for key in plan}


def total(plan: Plan, each: Mapping[Key, Cost]) -> float:
    """Seconds that all trials take, one after the other."""
    return sum(trials * each[key].seconds for key, trials in plan.items())


def fit(
    plan: Plan, each: Mapping[Key, Cost], budget_s: float, spare: Callable[[Key], bool]
) -> tuple[dict[Key, int], list[str]]:
    """As much of `plan` as takes at most `budget_s`: before any trial ran, so that no result can have a say in it.

    Every arm is cut to the same number of rounds, so that all keep being compared alike. Before there are fewer than
    three, arms that may be spared go, the longest first. Returns the plan and in words what was left out; the plan is
    empty where one round of what must stay takes longer.
    """
    rest, reasons = dict(plan), list[str]()
    while True:
        most = max(rest.values(), default=0)
        rounds = next((n for n in range(most, 0, -1) if total(_cut(rest, n), each) <= budget_s), 0)
        spared = [key for key in rest if spare(key)]
        if rounds >= min(_ENOUGH, most) or not spared:
            break
        longest = max(spared, key=lambda key: each[key].seconds)
        reasons.append(f"{' '.join(longest)} is left out: one trial takes about {each[longest].seconds:.0f} s")
        del rest[longest]
    if 0 < rounds < most:
        reasons.append(f"the budget holds {rounds} of {most} rounds")
    return _cut(rest, rounds) if rounds else {}, reasons


def _cut(plan: Plan, rounds: int) -> dict[Key, int]:
    return {key: min(trials, rounds) for key, trials in plan.items()}
