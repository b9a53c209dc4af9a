"""What a change asks for, stage by stage: the request that the gate hands to Terraform's guardrail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from pov.config.loading import Model, load
from pov.config.units import Real, Whole

_MOST = 1_000_000
Name = Annotated[str, StringConstraints(pattern="^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Asked(Model):
    """One stage: CPU in cores, memory and storage in GiB, storage speed in IOPS."""

    cpu: Real = Field(gt=0, le=_MOST)
    memory_gib: Real = Field(gt=0, le=_MOST)
    pods: Whole = Field(ge=1, le=_MOST)
    services: Whole = Field(ge=1, le=_MOST)
    iops: Real = Field(default=0, ge=0, le=1e9)
    storage_gib: Real = Field(default=0, ge=0, le=1e9)


class Stages(Model):
    """`kind: Stages`, `apiVersion: pov.dev/v1`: every stage by its name, which becomes a namespace."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Stages"]
    stages: dict[Name, Asked] = Field(min_length=1, max_length=50, json_schema_extra={"additionalProperties": False})


def load_stages(path: Path) -> dict[str, dict[str, Any]]:
    """A file's stages as Terraform takes them. Raises `InvalidInput` with all problems by file and line."""
    return {name: asked.model_dump() for name, asked in load(path, Stages).stages.items()}
