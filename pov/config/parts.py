"""The parts of a scenario file that stand for themselves: each is checked without the others."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pov.config.explaining import Faults
from pov.config.loading import Model
from pov.config.names import Name
from pov.config.units import Cpu, Duration, Memory, Whole, mebibytes, millicores, seconds

MAX_SERVICES = 1000
_ROOM = 6


class Metadata(Model):
    """Names for people."""

    name: Name
    title: str = Field(min_length=1, max_length=120)
    description: str = ""


class Resources(Model):
    """Requests of one service pod; there is no CPU limit, since throttling would distort what is measured.

    `cpuRequest` is the mean: a service asks for its part by the number of edges that end at it.
    """

    cpu_request: Cpu = "5m"
    memory_request: Memory = "16Mi"
    memory_limit: Memory = "64Mi"

    @model_validator(mode="after")
    def _limit_holds_request(self) -> Self:
        if mebibytes(self.memory_limit) < mebibytes(self.memory_request):
            raise Faults([(("memoryLimit",), "is below memoryRequest", "raise it")])
        if millicores(self.cpu_request) < 1:
            raise Faults([(("cpuRequest",), "must be at least 1m", "5m is enough")])
        return self


class Services(Model):
    """How many, drawn from which seed, with how many replicas each."""

    count: Whole = Field(ge=1, le=MAX_SERVICES)
    seed: Whole = Field(default=35, ge=0, le=2**32)
    replicas: Whole = Field(default=1, ge=1, le=5)
    resources: Resources = Resources()


class Stage(Model):
    """One GitOps stage: a namespace with all services, the services under proof, or those named."""

    name: Literal["dev", "staging", "prod"]
    services: Literal["all", "pov"] | tuple[str, ...] = "all"


class Pki(Model):
    """Lifetimes: of a service's certificate, the issuing CA, the root; each at least six times the one before.

    Then two lives of a service's certificate fit into the third of its life with which an issuing CA is renewed.
    """

    ttl: Duration = "24h"
    ca_ttl: Duration = "720h"
    root_ttl: Duration = "8760h"

    @model_validator(mode="after")
    def _each_outlives_the_next(self) -> Self:
        faults: list[tuple[tuple[int | str, ...], str, str]] = []
        if seconds(self.ttl) < 30:
            faults.append((("ttl",), f"{self.ttl} is too short to renew in", "at least 30s"))
        # An issuing CA issues nothing that would outlive it, and is renewed with a third of its life left.
        for name, long, short, what in (
            ("caTtl", self.ca_ttl, self.ttl, "ttl"),
            ("rootTtl", self.root_ttl, self.ca_ttl, "caTtl"),
        ):
            if seconds(long) < _ROOM * seconds(short):
                fault = f"{long} leaves no room for what it signs: less than {_ROOM} times {what} ({short})"
                faults.append(((name,), fault, f"at least {_ROOM} times {what}"))
        if faults:
            raise Faults(faults)
        return self


class Engines(Model):
    """Which engine serves Vault's API."""

    vault: Literal["openbao", "vault"] = "openbao"


class Traffic(Model):
    """The prober's fixed schedule for each edge, in milliseconds: kept connections and new ones apart.

    `timeout_ms` holds for experiments none of whose criteria says otherwise.
    """

    interval_ms: Whole = Field(default=1000, ge=50, le=60_000)
    new_connection_interval_ms: Whole = Field(default=2000, ge=50, le=60_000)
    timeout_ms: Whole = Field(default=1000, ge=50, le=30_000)


class Legacy(Model):
    """Hosts of the legacy estate that the manual arm works on; 0 leaves it out."""

    hosts: Whole = Field(default=5, ge=0, le=20)
