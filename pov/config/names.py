"""Names in files that people write: free ones, and those that must be in the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pov.base.names import PATTERN
from pov.config.explaining import Faults, nearest
from pov.model import catalogue

Name = Annotated[str, Field(pattern=f"^{PATTERN}$")]

declared: ContextVar[tuple[str, ...]] = ContextVar("declared", default=())
"""Names of arms that the file which is being read brings itself."""


def _known(what: str, names: Callable[[], Iterable[str]]) -> tuple[AfterValidator, Any]:
    """A check against the catalogue as it is when a file is read, and the same names for the JSON Schema."""

    def check(name: str) -> str:
        known = tuple(names())
        if name not in known:
            raise Faults([((), f"no {what} `{name}`", nearest(name, known))])
        return name

    return AfterValidator(check), Field(json_schema_extra=lambda schema: schema.update(enum=list(names())))


_EXPERIMENT = _known("experiment", lambda: catalogue.EXPERIMENTS)
_ARM = _known("arm", lambda: (*catalogue.measurable(), *declared.get()))
_METRIC = _known("metric", lambda: catalogue.METRICS)
ExperimentName = Annotated[str, _EXPERIMENT[0], _EXPERIMENT[1]]
ArmName = Annotated[str, _ARM[0], _ARM[1]]
MetricName = Annotated[str, _METRIC[0], _METRIC[1]]
