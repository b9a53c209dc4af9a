"""The engagement file: the customer, the services under proof, the figures that the customer states (who, when)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from pov.config.expansions import Expansion
from pov.config.experiments import Criterion
from pov.config.explaining import Faults, Location
from pov.config.loading import Model, load
from pov.config.names import ExperimentName, Name
from pov.config.offering import load_offering
from pov.config.own import CustomerRunbook, OwnArm, declaring
from pov.config.references import absolute
from pov.config.scope import Scope
from pov.config.terms import Terms
from pov.config.units import Day, Flag, Real
from pov.config.value import Value

FILE = "engagement.yaml"


class Customer(Model):
    """Whose proof of value it is."""

    name: str = Field(min_length=1)
    industry: str = Field(default="", description="Kept with every run for the record; nothing is worked out from it.")


class Proof(Model):
    """The services under proof, and where."""

    services: tuple[str, ...] = Field(min_length=1, max_length=20)
    stage: Literal["staging"] = "staging"


class Stated(Model):
    """A figure that somebody stated. It is shown beside what was measured, never in the same statistic.

    Without a value nobody has stated it yet, and it is printed nowhere. `example` marks what was made up to show the
    form: the report says so.
    """

    id: Name
    figure: str = Field(min_length=1)
    value: Real | None = Field(default=None, ge=0)
    unit: str
    origin: Literal["stated"]
    by: str = ""
    when: Day | None = None
    experiment: ExperimentName | None = None
    example: Flag = False

    @model_validator(mode="after")
    def _says_who_and_when(self) -> Self:
        if self.value is None:
            return self
        faults: list[tuple[Location, str, str]] = []
        if not self.by.strip():
            faults.append((("by",), "a value needs the name of who stated it", "or leave `value` empty until then"))
        if self.when is None:
            faults.append((("when",), "a value needs the day on which it was stated", "such as 2026-10-01"))
        if faults:
            raise Faults(faults)
        return self


class Engagement(Model):
    """`kind: Engagement`, `apiVersion: pov.dev/v1`."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Engagement"]
    name: Name
    customer: Customer
    scenario: str = "gitops-35"
    proof: Proof
    baseline: tuple[Stated, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    value: Value | None = None
    scope: Scope | None = None
    terms: Terms = Terms()
    expansions: tuple[Expansion, ...] = Field(default=(), max_length=50)
    arms: tuple[OwnArm, ...] = ()
    runbooks: tuple[CustomerRunbook, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _knows_its_own_arms(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        with declaring(value):
            return read(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        lists = {
            "arms": [arm.name for arm in self.arms],
            "runbooks": [book.experiment for book in self.runbooks],
            "expansions": [wish.id for wish in self.expansions],
        }
        faults: list[tuple[Location, str, str]] = [
            ((key, index), f"`{name}` is named twice", "keep one")
            for key, names in lists.items()
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        takes_part = {arm.name: arm.experiments for arm in self.arms}
        faults += [
            (("criteria", index, "arm"), f"{c.arm} takes no part in {c.experiment}", "add it to the arm's experiments")
            for index, c in enumerate(self.criteria)
            if c.experiment not in takes_part.get(c.arm, (c.experiment,))
        ]
        if faults:
            raise Faults(faults)
        return self

    @property
    def stated(self) -> tuple[Stated, ...]:
        """The figures that somebody has stated by now."""
        return tuple(figure for figure in self.baseline if figure.value is not None)


def load_engagement(folder: Path) -> Engagement:
    """Read `engagement.yaml` of the folder. Raises `InvalidInput` with all problems by file and line.

    Its scenario comes out as a shipped one's name or as an absolute path: a relative one starts at the folder, as does
    the offering of its scope.
    """
    engagement = load(folder / FILE, Engagement)
    scope = engagement.scope
    if scope is not None and scope.offering:
        scope = scope.model_copy(update={"offering": str(folder.absolute() / scope.offering)})
        load_offering(Path(scope.offering))  # told before anything is changed, as all that is wrong
    return engagement.model_copy(update={"scenario": absolute(engagement.scenario, folder), "scope": scope})
