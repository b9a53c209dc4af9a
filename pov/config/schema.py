"""The published JSON Schemas of the files that people write."""

from __future__ import annotations

from typing import Any

from pov.config.engagement import Engagement
from pov.config.loading import Model
from pov.config.offering import Offering
from pov.config.scenario import Scenario
from pov.config.stages import Stages

_BASE = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[Model]] = {
    "scenario": Scenario,
    "engagement": Engagement,
    "offering": Offering,
    "stages": Stages,
}


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of `scenario`, `engagement`, `offering` or `stages`, draft 2020-12."""
    model = _MODELS[kind]
    return {"$schema": _BASE, "$id": f"https://pov.dev/schemas/{kind}/v1", **model.model_json_schema(by_alias=True)}
