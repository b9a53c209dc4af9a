"""What a change asks for, stage by stage: the request that the gate hands to Terraform's guardrail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from pov.config.loading import Model, load

_MOST = 1_000_000
Name = Annotated[str, StringConstraints(pattern="^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Asked(Model):
    """One stage: CPU in cores, memory and storage in GiB, storage speed in IOPS."""

    cpu: float = Field(gt=0, le=_MOST, strict=True, allow_inf_nan=False)
    memory_gib: float = Field(gt=0, le=_MOST, strict=True, allow_inf_nan=False)
    pods: int = Field(ge=1, le=_MOST, strict=True)
    services: int = Field(ge=1, le=_MOST, strict=True)
    iops: float = Field(default=0, ge=0, le=1e9, strict=True, allow_inf_nan=False)
    storage_gib: float = Field(default=0, ge=0, le=1e9, strict=True, allow_inf_nan=False)


class Stages(Model):
    """`kind: Stages`, `apiVersion: pov.dev/v1`: every stage by its name, which becomes a namespace."""

    api_version: Literal["pov.dev/v1"]
    kind: Literal["Stages"]
    stages: dict[Name, Asked] = Field(min_length=1, max_length=50, json_schema_extra={"additionalProperties": False})


def load_stages(path: Path) -> dict[str, dict[str, Any]]:
    """A file's stages as Terraform takes them. Raises `InvalidInput` with all problems by file and line."""
    return {name: asked.model_dump() for name, asked in load(path, Stages).stages.items()}
