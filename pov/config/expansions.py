"""Wishes outside the agreed scope, written down when somebody has one: they are neither lost nor slipped in."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pov.config.explaining import Faults
from pov.config.inputs import Cost, Owner
from pov.config.loading import Model
from pov.config.names import Name
from pov.config.units import Day


class Expansion(Model):
    """A wish, of whom and when, and why it is `outside` what was agreed.

    `takes` says in words what it would take, `cost` what that is estimated to cost, `decides` and `until` who decides
    on it and by when; each may still be open.
    """

    id: Name
    title: str = Field(min_length=1, max_length=120)
    by: Owner = Field(min_length=1)
    when: Day
    outside: str = Field(min_length=1, max_length=300)
    takes: str = Field(default="", max_length=300)
    cost: Cost = Cost()
    decides: Owner = ""
    until: Day | None = None

    @model_validator(mode="after")
    def _is_told_in_full(self) -> Self:
        faults = [(("cost", *keys), told, fix) for keys, told, fix in self.cost.faults()]
        amounts = [amount for amount in (self.cost.low, self.cost.expected, self.cost.high) if amount is not None]
        if len({amount.currency for amount in amounts}) > 1:
            faults.append((("cost",), "mixes currencies", "one currency for low, expected and high"))
        if self.until is not None and self.until < self.when:
            faults.append((("until",), f"{self.until} is before the wish, {self.when}", "which of the two counts?"))
        if faults:
            raise Faults(faults)
        return self
