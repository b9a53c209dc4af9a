"""The scenario file: what is brought up, how it is measured, when it counts as a success."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pov.base.errors import InvalidInput, Problem
from pov.base.paths import data
from pov.config.experiments import Criterion, Experiment, Smoke, conflicting_primaries, conflicting_timeouts
from pov.config.explaining import Faults, Location, nearest
from pov.config.loading import Model, load
from pov.config.parts import MAX_SERVICES, Engines, Legacy, Metadata, Pki, Services, Stage, Traffic
from pov.config.topology import WELL_KNOWN, generate
from pov.config.units import Flag
from pov.model.catalogue import ARMS

UNDER_PROOF = 5
MAX_UNDER_PROOF = 20
Fault = tuple[Location, str, str]


def _names_or_number(schema: dict[str, Any]) -> None:
    names = {key: schema.pop(key) for key in ("type", "items", "minItems", "maxItems")}
    schema["anyOf"] = [{"type": "integer", "minimum": 1, "maximum": MAX_UNDER_PROOF}, names]


class Scenario(Model):
    """`kind: Scenario`, `apiVersion: pov.dev/v1`."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Scenario"]
    metadata: Metadata
    services: Services
    stages: tuple[Stage, ...] = Field(min_length=1)
    pov_services: tuple[str, ...] = Field(
        default=WELL_KNOWN[:UNDER_PROOF],
        min_length=1,
        max_length=MAX_UNDER_PROOF,
        json_schema_extra=_names_or_number,
        description="Services under proof: their names, or how many to take from the best known ones.",
    )
    pki: Pki = Pki()
    engines: Engines = Engines()
    traffic: Traffic = Traffic()
    legacy: Legacy = Legacy()
    experiments: tuple[Experiment, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    smoke: Smoke = Smoke()
    gate: Flag = Field(
        default=False,
        description="Whether pull requests for the deal are judged by the gate in the cluster.",
    )

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.metadata.name

    @property
    def has_manual_arm(self) -> bool:
        """Whether there is a legacy estate that is like staging: it runs one replica of each service."""
        return self.legacy.hosts > 0 and self.services.replicas == 1

    @model_validator(mode="before")
    @classmethod
    def _count_to_names(cls, document: Any) -> Any:
        """`povServices: 3` means the three best-known services; left out, five, or all when there are fewer."""
        if not isinstance(document, dict):
            return document
        services = document.get("services")
        count = services.get("count") if isinstance(services, dict) else None
        if type(count) is not int or not 1 <= count <= MAX_SERVICES:
            return document
        wanted = document.get("povServices", min(UNDER_PROOF, count))
        if type(wanted) is int and 1 <= wanted <= MAX_UNDER_PROOF:
            if wanted > count:
                raise Faults([(("povServices",), f"{wanted} of {count} services", f"at most {count}")])
            # The generator puts the best-known services first, next to each other in the graph.
            return {**document, "povServices": list(generate(0, wanted).names())}
        return document

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = [*self._unknown_services(), *self._named_twice()]
        if "staging" not in {stage.name for stage in self.stages}:
            faults.append((("stages",), "staging is missing: it is where the proof of value runs", "add it"))
        faults += [*self._criteria_measured(), *self._legacy_there()]
        if faults:
            raise Faults(faults)
        return self

    def _criteria_measured(self) -> list[Fault]:
        measured = {experiment.name: experiment.arms for experiment in self.experiments}
        faults: list[Fault] = [
            ((*("criteria", index), "timeoutMs"), told, fix)
            for index, told, fix in conflicting_timeouts(self.criteria, self.traffic.timeout_ms)
        ]
        faults += [
            ((*("criteria", index), "primaryAgainst"), told, fix)
            for index, told, fix in conflicting_primaries(self.criteria)
        ]
        for index, criterion in enumerate(self.criteria):
            other = criterion.primary_against
            if other is not None and other not in measured.get(criterion.experiment, (other,)):
                place = ("criteria", index, "primaryAgainst")
                faults.append((place, f"{criterion.experiment} is not measured in arm {other}", "add the arm"))
            if criterion.arm not in measured.get(criterion.experiment, (criterion.arm,)):
                place = ("criteria", index, "arm")
                faults.append((place, f"{criterion.experiment} is not measured in arm {criterion.arm}", "add the arm"))
        return faults

    def _legacy_there(self) -> list[Fault]:
        """An arm that works on hosts needs an estate of them that is like staging."""
        needing = {
            index: arm
            for index, experiment in enumerate(self.experiments)
            for arm in experiment.arms
            if ARMS[arm].legacy
        }
        faults: list[Fault] = []
        if not self.legacy.hosts:
            faults += [
                (("experiments", index, "arms"), f"the {arm} arm needs a legacy estate", "legacy: {hosts: 5}")
                for index, arm in needing.items()
            ]
        if self.services.replicas > 1 and needing:
            arm = next(iter(needing.values()))
            unlike = f"the legacy estate of the {arm} arm runs one replica: the arms would not be alike"
            faults.append((("services", "replicas"), unlike, f"1, or leave the {arm} arm out"))
        return faults

    def _unknown_services(self) -> list[Fault]:
        known = generate(self.services.seed, self.services.count).names()
        places: list[tuple[Location, tuple[str, ...]]] = [(("povServices",), self.pov_services)]
        for index, stage in enumerate(self.stages):
            if not isinstance(stage.services, str):
                places.append((("stages", index, "services"), stage.services))
        return [
            ((*place, index), f"no service `{name}` with N = {len(known)}", nearest(name, known))
            for place, names in places
            for index, name in enumerate(names)
            if name not in known
        ]

    def _named_twice(self) -> list[Fault]:
        lists: dict[str, list[str]] = {
            "povServices": list(self.pov_services),
            "stages": [stage.name for stage in self.stages],
            "criteria": [criterion.id for criterion in self.criteria],
            "experiments": [experiment.name for experiment in self.experiments],
        }
        return [
            ((key, index), f"`{name}` is named twice", "keep one")
            for key, names in lists.items()
            for index, name in enumerate(names)
            if name in names[:index]
        ]

    def with_services(self, count: int) -> Scenario:
        """The same with another N. Raises `InvalidInput` outside 1..1000; those under proof shrink to what is left."""
        if not 1 <= count <= MAX_SERVICES:
            raise InvalidInput(
                [Problem("--services", f"N = {count} is not in 1 to {MAX_SERVICES}", "choose another N")]
            )
        known = generate(self.services.seed, count).names()
        under_proof = tuple(name for name in self.pov_services if name in known) or known[:1]
        services = self.services.model_copy(update={"count": count})
        stages = tuple(
            stage
            if isinstance(stage.services, str)
            else stage.model_copy(update={"services": tuple(n for n in stage.services if n in known)})
            for stage in self.stages
        )
        return self.model_copy(update={"services": services, "pov_services": under_proof, "stages": stages})

    def with_under_proof(self, names: tuple[str, ...], *, where: str = "proof.services") -> Scenario:
        """The same with other services under proof. Raises `InvalidInput` for unknown ones; `where` names the place."""
        known = generate(self.services.seed, self.services.count).names()
        problems = [
            Problem(where, f"no service `{name}` with N = {len(known)}", nearest(name, known))
            for name in names
            if name not in known
        ]
        if problems:
            raise InvalidInput(problems)
        return self.model_copy(update={"pov_services": names})


def list_scenarios() -> tuple[str, ...]:
    """Names of the shipped scenarios."""
    return tuple(sorted(path.parent.name for path in data("scenarios").glob("*/scenario.yaml")))


def scenario_path(name: str) -> Path:
    """Where a scenario lies, by shipped name or by path of its file or folder."""
    if name in list_scenarios():
        return data("scenarios", name, "scenario.yaml")
    path = Path(name)
    try:
        if path.is_dir():
            return path / "scenario.yaml"
        unknown = not name or (path.suffix not in {".yaml", ".yml"} and not path.exists())
    except OSError as error:
        raise InvalidInput([Problem(name, str(error.strerror), "check the path")]) from error
    if unknown:
        known = ", ".join(list_scenarios())
        raise InvalidInput([Problem(name, "no such scenario", f"shipped ones: {known}; or give a path")])
    return path


def load_scenario(name: str) -> Scenario:
    """Load by name or path. Raises `InvalidInput` with all problems by file and line."""
    return load(scenario_path(name), Scenario)
