"""What a proof of value is agreed on beside its criteria: owners, what is touched, when it stops, what follows."""

from __future__ import annotations

from pydantic import Field

from pov.config.loading import Model
from pov.config.units import Day


class Owner(Model):
    """Who answers for what, on either side."""

    role: str = Field(min_length=1)
    name: str = Field(min_length=1)


class Terms(Model):
    """Nothing of it is made up where it is missing: the sheet leaves a line to fill in by hand.

    `touches` is what is touched on the customer's side, an item each. `stop_rule` says when measuring ends, whatever
    the figures are by then. `decision_on` is the day of the decision; `if_passed` and `if_missed` what happens then.
    """

    owners: tuple[Owner, ...] = ()
    touches: tuple[str, ...] = ()
    stop_rule: str = ""
    decision_on: Day | None = None
    if_passed: str = ""
    if_missed: str = ""
