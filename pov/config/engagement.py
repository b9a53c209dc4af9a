"""The engagement file: the customer, the services under proof, the figures that the customer states (who, when)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from pov.config.loading import Model, load
from pov.config.scenario import Criterion, Name

FILE = "engagement.yaml"


class Customer(Model):
    """Whose proof of value it is."""

    name: str = Field(min_length=1)
    industry: str = ""


class Proof(Model):
    """The services under proof, and where."""

    services: tuple[str, ...] = Field(min_length=1, max_length=20)
    stage: Literal["staging"] = "staging"


class Stated(Model):
    """A figure that somebody stated. It is shown beside what was measured, never in the same statistic."""

    id: Name
    figure: str = Field(min_length=1)
    value: float = Field(strict=True, allow_inf_nan=False)
    unit: str
    origin: Literal["stated"]
    by: str = Field(min_length=1)
    when: date
    experiment: Literal["deploy", "rotate"] | None = None


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


def load_engagement(folder: Path) -> Engagement:
    """Read `engagement.yaml` of the folder. Raises `InvalidInput` with all problems by file and line."""
    return load(folder / FILE, Engagement)
