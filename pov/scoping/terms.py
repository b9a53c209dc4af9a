"""Words and conversions that assessments and what shows them share; nothing here reads a file."""

from __future__ import annotations

import math
from enum import StrEnum

RESOURCES = {"cpu": "CPU cores", "memory_gib": "GiB of memory", "storage_gib": "GiB of storage", "iops": "IOPS"}
MINUTES_A_YEAR = 525_600.0
_EXACT = 1e-12


class Standing(StrEnum):
    """What a figure is worth. Only given and old ones enter a total."""

    GIVEN = "given"
    OLD = "old"
    EXAMPLE = "example"
    ABSENT = "absent"
    REFUSED = "refused"


def mark(standing: Standing, why: str) -> str:
    """What follows a figure that is shown: that it is an example, or how old it is; nothing after any other."""
    if standing is Standing.EXAMPLE:
        return " (EXAMPLE)"
    return f" (old: {why})" if standing is Standing.OLD else ""


def nines(share: float) -> float:
    """How many nines a share of the time has: 0.999 has three."""
    return -math.log10(max(1 - share, _EXACT))


def minutes_down(share: float) -> float:
    """Minutes a year in which something of such a share does not work."""
    return (1 - share) * MINUTES_A_YEAR


def percent(share: float) -> str:
    """A share as percent, with as many digits as its nines have: `99.9902 %`. Never rounded up to a nine."""
    digits = min(9, max(2, math.floor(nines(share) + 1e-9)))
    return f"{math.floor(share * 100 * 10**digits + 1e-6) / 10**digits:.{digits}f}\N{NO-BREAK SPACE}%"


def next_nine(share: float) -> float:
    """The next whole number of nines above a share, in percent: 0.9995 gives 99.99."""
    count = math.floor(nines(share) + 1e-9) + 1
    return 100 - 10.0 ** (2 - count)
