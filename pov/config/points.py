"""What can be chosen of single experiments: a point of the time that work usually takes, a share, within bounds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pov.config.explaining import Faults, nearest
from pov.model.catalogue import AT
from pov.model.kinds import Option

_PERCENT = re.compile(r"(\d{1,3})%", re.ASCII)


def percent_of(point: str) -> int:
    """A point in percent, from its name or from such as `35%`. Raises `Faults` with the nearest name."""
    if point in AT.points:
        return AT.points[point]
    found = _PERCENT.fullmatch(point)
    if found is None:
        fix = nearest(point, tuple(AT.points))
        raise Faults([((), f"no point `{point}`", f"{fix} Or a share of the usual time, such as 35%")])
    percent = int(found[1])
    if not AT.least <= percent <= AT.most:
        raise Faults([((), f"{percent}% is no point half-way", f"{AT.least:g}% to {AT.most:g}%")])
    return percent


def check(option: Option, said: str | float) -> None:
    """Raise `Faults` where this cannot be chosen."""
    if isinstance(said, str):
        percent_of(said)
    elif not option.least <= said <= option.most:
        raise Faults([((), f"{said:g} is no such share", f"{option.least:g} to {option.most:g}")])


def _checked(point: str) -> str:
    percent_of(point)
    return point


Point = Annotated[str, AfterValidator(_checked), Field(description="early, half, late, or a share such as 35%")]
