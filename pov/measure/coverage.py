"""How often intervals cover the truth where their assumption does not hold: one arm spreads more than the other.

The figures are those that `python -m tests.benchmarks.coverage --write` found by simulation, with the very code that
makes the intervals; a test repeats some of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

TOLERANCE = 0.005
"""What a simulation of so many draws cannot tell from 95 %."""
_WANTED = 0.95
_TWICE = 1.5
"""From so many times as many values on, an arm counts as one of twice the other's size."""


def spread(values: Sequence[float]) -> float:
    """How far positive values lie apart on a logarithmic scale: the standard deviation of their logarithms."""
    logs = [math.log(value) for value in values]
    middle = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((log - middle) ** 2 for log in logs) / max(1, len(logs) - 1))


def shortfall(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The coverage that was seen where arms of such sizes spread as unequally; None where it was 95 % or more.

    Sizes and spreads are those of the nearest case that was simulated, the worse of two shapes.
    """
    fewer, more = sorted((one, other), key=len)
    small, large = spread(fewer), spread(more)
    unequal = max(small, large) / min(small, large) if min(small, large) > 0 else math.inf
    sizes = "half spreads more" if small >= large else "half spreads less"
    sizes = sizes if len(more) >= _TWICE * len(fewer) else "equal"
    table = simulated()["cases"]
    cases = [case for case in table if case["sizes"] == sizes]
    # A spread of none at all is told by what was tried last; the nearest is by factor, not by difference.
    factor = min({case["spread"] for case in cases}, key=lambda tried: abs(math.log(min(unequal, 1e6) / tried)))
    of_factor = [case for case in cases if case["spread"] == factor]
    n = min({case["n"] for case in of_factor}, key=lambda tried: (abs(tried - len(fewer)), tried))
    seen = min(case["coverage"] for case in of_factor if case["n"] == n and case["coverage"] is not None)
    return seen if seen < _WANTED - TOLERANCE else None


@lru_cache(maxsize=1)
def simulated() -> dict[str, Any]:
    """What was simulated: `draws`, `seed`, and `cases` with `n`, `sizes`, `spread`, `shape`, `coverage`."""
    found: dict[str, Any] = json.loads(files("pov.measure").joinpath("coverage.json").read_text())
    return found
