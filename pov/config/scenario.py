"""The scenario file: what is brought up, how it is measured, when it counts as a success."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pov.base.errors import InvalidInput, Problem
from pov.base.paths import data
from pov.config.loading import Model, load
from pov.config.topology import WELL_KNOWN_SCOPE, generate
from pov.config.units import Cpu, Duration, Memory, mebibytes, millicores, seconds

MAX_SERVICES = 1000
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]


class Metadata(Model):
    """Names for people."""

    name: Name
    title: str = Field(min_length=1, max_length=120)
    description: str = ""


class Resources(Model):
    """Requests of one service pod; there is no CPU limit, since throttling would distort what is measured."""

    cpu_request: Cpu = "5m"
    memory_request: Memory = "16Mi"
    memory_limit: Memory = "64Mi"

    @model_validator(mode="after")
    def _limit_holds_request(self) -> Self:
        if mebibytes(self.memory_limit) < mebibytes(self.memory_request):
            raise ValueError("memoryLimit is below memoryRequest")
        if millicores(self.cpu_request) < 1:
            raise ValueError("cpuRequest must be at least 1m")
        return self


class Services(Model):
    """How many, drawn from which seed, with how many replicas each."""

    count: int = Field(ge=1, le=MAX_SERVICES)
    seed: int = Field(default=35, ge=0, le=2**32)
    replicas: int = Field(default=1, ge=1, le=5)
    resources: Resources = Resources()


class Environment(Model):
    """One GitOps environment: a namespace with all services, the scope of the proof of value, or those named."""

    name: Literal["dev", "staging", "prod"]
    services: Literal["all", "pov"] | tuple[str, ...] = "all"


class Pki(Model):
    """Lifetimes: of a service's certificate, the issuing CA, the root."""

    ttl: Duration = "24h"
    ca_ttl: Duration = "720h"
    root_ttl: Duration = "8760h"

    @model_validator(mode="after")
    def _each_outlives_the_next(self) -> Self:
        if not 30 <= seconds(self.ttl) < seconds(self.ca_ttl) < seconds(self.root_ttl):
            raise ValueError("30s <= ttl < caTtl < rootTtl must hold")
        return self


class Engines(Model):
    """Which engine serves Vault's API."""

    vault: Literal["openbao", "vault"] = "openbao"


class Traffic(Model):
    """The prober's fixed schedule for each edge, in milliseconds: kept connections and new ones apart."""

    interval_ms: int = Field(default=1000, ge=50, le=60_000)
    new_connection_interval_ms: int = Field(default=2000, ge=50, le=60_000)
    timeout_ms: int = Field(default=1000, ge=50, le=30_000)


class Legacy(Model):
    """Hosts of the legacy estate that the manual arm works on; 0 leaves it out."""

    hosts: int = Field(default=5, ge=0, le=20)


class Experiment(Model):
    """What is measured, how often, in which arms."""

    name: Literal["deploy", "rotate"]
    trials: int = Field(default=3, ge=1, le=100)
    arms: tuple[Literal["automated", "automated-poll", "manual"], ...] = ("automated", "manual")


class Criterion(Model):
    """A bound agreed beforehand on one figure of one arm."""

    id: Name
    title: str
    experiment: Literal["deploy", "rotate"]
    arm: Literal["automated", "automated-poll", "manual"] = "automated"
    metric: Literal["median_seconds", "max_seconds", "failed_requests", "failed_handshakes"]
    at_most: float = Field(ge=0)


class Smoke(Model):
    """What the smoke test does with this scenario."""

    trials: int = Field(default=1, ge=1, le=3)
    experiments: tuple[Literal["deploy", "rotate"], ...] = ("deploy", "rotate")


class Scenario(Model):
    """`kind: Scenario`, `apiVersion: pov.dev/v1`."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Scenario"]
    metadata: Metadata
    services: Services
    environments: tuple[Environment, ...] = Field(min_length=1)
    pov_services: tuple[str, ...] = WELL_KNOWN_SCOPE
    pki: Pki = Pki()
    engines: Engines = Engines()
    traffic: Traffic = Traffic()
    legacy: Legacy = Legacy()
    experiments: tuple[Experiment, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    smoke: Smoke = Smoke()

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.metadata.name

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = set(generate(self.services.seed, self.services.count).names())
        asked = {
            *self.pov_services,
            *(n for e in self.environments if not isinstance(e.services, str) for n in e.services),
        }
        unknown = sorted(asked - known)
        if unknown:
            raise ValueError(f"no such services with N = {self.services.count}: {', '.join(unknown)}")
        for what, names in (
            ("environments", [environment.name for environment in self.environments]),
            ("criteria", [criterion.id for criterion in self.criteria]),
            ("experiments", [experiment.name for experiment in self.experiments]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} name one twice")
        if "staging" not in {environment.name for environment in self.environments}:
            raise ValueError("environments must hold staging: it is where the proof of value runs")
        return self

    def with_services(self, count: int) -> Scenario:
        """The same with another N. Raises `InvalidInput` outside 1..1000; the scope shrinks to what is left."""
        if not 1 <= count <= MAX_SERVICES:
            raise InvalidInput(
                [Problem("--services", f"N = {count} is not in 1 to {MAX_SERVICES}", "choose another N")]
            )
        known = generate(self.services.seed, count).names()
        scope = tuple(name for name in self.pov_services if name in known) or known[:1]
        services = self.services.model_copy(update={"count": count})
        environments = tuple(
            environment
            if isinstance(environment.services, str)
            else environment.model_copy(update={"services": tuple(n for n in environment.services if n in known)})
            for environment in self.environments
        )
        return self.model_copy(update={"services": services, "pov_services": scope, "environments": environments})

    def with_scope(self, names: tuple[str, ...]) -> Scenario:
        """The same with another scope of the proof of value. Raises `InvalidInput` for services that do not exist."""
        known = generate(self.services.seed, self.services.count).names()
        unknown = [name for name in names if name not in known]
        if unknown:
            problem = f"no such services with N = {self.services.count}: {', '.join(unknown)}"
            raise InvalidInput([Problem("scope.services", problem, "pov scenarios show " + self.name)])
        return self.model_copy(update={"pov_services": names})


def list_scenarios() -> tuple[str, ...]:
    """Names of the shipped scenarios."""
    return tuple(sorted(path.parent.name for path in data("scenarios").glob("*/scenario.yaml")))


def scenario_path(name: str) -> Path:
    """Where a scenario lies, by shipped name or by path of its file or folder."""
    shipped = data("scenarios", name, "scenario.yaml")
    if "/" not in name and shipped.is_file():
        return shipped
    path = Path(name)
    if path.is_dir():
        return path / "scenario.yaml"
    if path.suffix not in {".yaml", ".yml"} and not path.exists():
        known = ", ".join(list_scenarios())
        raise InvalidInput([Problem(name, "no such scenario", f"shipped ones: {known}; or give a path")])
    return path


def load_scenario(name: str) -> Scenario:
    """Load by name or path. Raises `InvalidInput` with all problems by file and line."""
    return load(scenario_path(name), Scenario)
