"""The order of trials: completely randomised from a seed that is recorded, so that drift hits no arm by design.

Tests and intervals count every order as equally likely, so every one is: no round is kept whole, and chance alone
keeps one arm from running ahead of another.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

COMPLETE = "complete"
"""How the order was drawn, as a run records it. Runs that recorded nothing drew it in rounds of one trial an arm."""


@dataclass(frozen=True)
class Slot:
    """One trial to come: which experiment, which arm, and its number within the arm, from 1."""

    experiment: str
    arm: str
    trial: int


def new_seed() -> int:
    """A seed to record, below 2**32."""
    return secrets.randbits(32)


def shuffled(plan: Mapping[tuple[str, str], int], seed: int) -> tuple[Slot, ...]:
    """Every trial of `plan` ((experiment, arm) to number of trials), all of them shuffled at once from `seed`.

    Within an arm trials keep their numbers' order.
    """
    keys = [key for key, trials in sorted(plan.items()) for _ in range(trials)]
    random.Random(seed).shuffle(keys)  # noqa: S311 - an order to repeat, not a secret
    seen: Counter[tuple[str, str]] = Counter()
    slots = []
    for key in keys:
        seen[key] += 1
        slots.append(Slot(*key, seen[key]))
    return tuple(slots)
