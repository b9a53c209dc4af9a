"""A run's value section as a case: read with care, with the run's own medians where the section asks for them.

Models of files are imported only when there is a section: a report without one needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pov.measure.results import Results

if TYPE_CHECKING:
    from pov.config.inputs import Measured
    from pov.config.value import Value
    from pov.value.case import Case
    from pov.value.plan import Executed


@dataclass(frozen=True)
class GivenValue:
    """A section that was read when the report was written, in place of the recorded one.

    `changed` says that it is not what the run recorded before its first trial.
    """

    section: Mapping[str, Any] | None
    changed: bool


@dataclass(frozen=True)
class Valued:
    """A value section with what follows from it: no case where figures are `missing`."""

    value: Value
    case: Case | None
    changed: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The figures that nobody has given yet."""
        return self.value.missing

    @property
    def example(self) -> str:
        """A mark in front of what was made up to show the form."""
        return "EXAMPLE. " if self.value.example else ""


def valued(given: GivenValue, results: Results, problems: list[str]) -> Valued | None:
    """The section's case; None without one. One that cannot be read is told in `problems`."""
    if given.section is None:
        return None
    from pydantic import ValidationError  # noqa: PLC0415

    from pov.config.value import Value  # noqa: PLC0415
    from pov.value.case import Case  # noqa: PLC0415
    from pov.value.plan import Executed, plan  # noqa: PLC0415

    def find(wanted: Measured) -> Executed | None:
        arm = results.arm(wanted.experiment, wanted.arm)
        seconds = arm.observe(results.words.metric(wanted.metric))
        return Executed(seconds, arm.n) if seconds is not None and arm.n else None

    try:
        value = Value.model_validate(given.section)
    except ValidationError as error:
        problems.append(f"the recorded value section does not read: {error.errors()[0]['msg']}")
        return None
    return Valued(value, None if value.missing else Case(plan(value, find)), given.changed)
