"""What an engagement brings to be measured: arms of its own, as scripts, and the customer's runbooks.

Files are checked when something is measured, by `pov/workflows/brought.py`: here is what an engagement file may say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from pov.config.explaining import Faults, nearest
from pov.config.loading import Model
from pov.config.names import ExperimentName, Name, declared
from pov.config.units import Day, Duration, seconds
from pov.model import catalogue

MOST_S = 1800
"""As long as a runbook may run."""


def taking_own() -> tuple[str, ...]:
    """Names of the experiments that take arms of one's own."""
    return tuple(experiment.name for experiment in catalogue.EXPERIMENTS.values() if experiment.own)


def with_own_work() -> tuple[str, ...]:
    """Those of them with work of their own: they take runbooks of a customer's, and every arm that names none."""
    return tuple(name for name in taking_own() if not catalogue.EXPERIMENTS[name].work_of)


def _takes_own(name: str) -> str:
    if not catalogue.EXPERIMENTS[name].own:
        raise Faults([((), f"{name} takes no arm of one's own", f"one of {', '.join(taking_own())}")])
    return name


def _limited(text: str) -> str:
    if not 1 <= seconds(text) <= MOST_S:
        raise ValueError(f"{text} is not between 1s and {MOST_S // 60}m")
    return text


def _free(name: str) -> str:
    if name in catalogue.ARMS:
        raise Faults([((), f"`{name}` is an arm of this toolkit", "choose another name")])
    return name


class OwnArm(Model):
    """An arm that somebody brings: a script that works on the legacy estate, told what to do by variables.

    `command` is an argument list; its first item is a file, its path relative to the engagement file's folder. Within
    `time_limit` it has to end; then the prober has `seen_within` to see its work.
    """

    name: Annotated[Name, AfterValidator(_free)]
    label: str = Field(min_length=1, max_length=40)
    note: str = Field(default="", max_length=60)
    command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    experiments: tuple[Annotated[ExperimentName, AfterValidator(_takes_own)], ...] = Field(
        default_factory=with_own_work, min_length=1
    )
    time_limit: Annotated[Duration, AfterValidator(_limited)] = "10m"
    seen_within: Annotated[Duration, AfterValidator(_limited)] = "2m"

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        if any("\0" in item for item in self.command):
            raise Faults([(("command",), "holds a character that no argument can have", "take it out")])
        return self


class CustomerRunbook(Model):
    """The customer's runbook for one experiment: a playbook, its path relative to the engagement file's folder.

    `by` and `when` say who gave it and on which day: only then are its steps called the customer's.
    """

    experiment: ExperimentName
    path: str = Field(min_length=1)
    by: str = Field(min_length=1)
    when: Day

    @model_validator(mode="after")
    def _where_a_runbook_runs(self) -> Self:
        if of := catalogue.EXPERIMENTS[self.experiment].work_of:
            raise Faults([(("experiment",), f"{self.experiment} runs the runbook of {of}", f"experiment: {of}")])
        if not catalogue.EXPERIMENTS[self.experiment].own:
            known = ", ".join(with_own_work())
            raise Faults([(("experiment",), f"{self.experiment} runs no runbook of a customer's", f"one of {known}")])
        if not self.by.strip():
            raise Faults([(("by",), "a runbook needs the name of who gave it", "such as Erika Muster, operations")])
        return self


@contextmanager
def declaring(document: Any) -> Iterator[None]:
    """While it lasts, names of arms that `document` (an engagement as read) brings are known beside the catalogue's."""
    arms = document.get("arms") if isinstance(document, Mapping) else None
    items = arms if isinstance(arms, list | tuple) else ()
    names = tuple(str(item["name"]) for item in items if isinstance(item, Mapping) and "name" in item)
    token = declared.set(names)
    try:
        yield
    finally:
        declared.reset(token)


def no_such_arm(name: str, known: tuple[str, ...]) -> str:
    """The remedy for an arm that is not known."""
    return f"{nearest(name, known)}; one of your own: --arm {name}=./script.sh"
