"""At which point of its work a deployment is killed: a share of the time that its arm usually takes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pov.config.explaining import Faults, nearest
from pov.model.catalogue import POINTS

LEAST, MOST = 5, 90
"""Below, hardly anything has begun; above, the work may have ended by itself before it is killed."""
_PERCENT = re.compile(r"(\d{1,3})%", re.ASCII)


def percent_of(point: str) -> int:
    """A point in percent, from its name or from such as `35%`. Raises `Faults` with the nearest name."""
    if point in POINTS:
        return POINTS[point]
    found = _PERCENT.fullmatch(point)
    if found is None:
        fix = nearest(point, tuple(POINTS))
        raise Faults([((), f"no point `{point}`", f"{fix} Or a share of the usual time, such as 35%")])
    percent = int(found[1])
    if not LEAST <= percent <= MOST:
        raise Faults([((), f"{percent}% is no point half-way", f"{LEAST}% to {MOST}%")])
    return percent


def _checked(point: str) -> str:
    percent_of(point)
    return point


Point = Annotated[str, AfterValidator(_checked), Field(description="early, half, late, or a share such as 35%")]
