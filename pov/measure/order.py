"""The order of trials: arms interleaved at random, from a seed that is recorded, so that drift hits every arm alike."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """One trial to come: which experiment, which arm, and its number within the arm, from 1."""

    experiment: str
    arm: str
    trial: int


def new_seed() -> int:
    """A seed to record, below 2**32."""
    return secrets.randbits(32)


def interleave(plan: Mapping[tuple[str, str], int], seed: int) -> tuple[Slot, ...]:
    """Every trial of `plan` ((experiment, arm) to number of trials) in rounds, each round shuffled from `seed`.

    A round holds at most one trial of each arm: no arm runs far ahead of another, as it could in a plain shuffle.
    """
    draw = random.Random(seed)  # noqa: S311 - an order to repeat, not a secret
    slots: list[Slot] = []
    for number in range(1, max(plan.values(), default=0) + 1):
        members = [Slot(experiment, arm, number) for (experiment, arm), trials in sorted(plan.items())]
        members = [slot for slot in members if slot.trial <= plan[slot.experiment, slot.arm]]
        draw.shuffle(members)
        slots.extend(members)
    return tuple(slots)
