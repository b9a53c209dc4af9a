"""How often the intervals cover the truth: simulated with the very code that makes them, no cluster, a few minutes.

    python -m tests.benchmarks.coverage [--draws N] [--seed N] [--write]

For n from 3 to 30 values an arm: logarithms that are normal or skewed (exponential), spreads that are equal or differ
by a factor, arms of one size or one of twice the other's. The truth is the median of the ratio of a value of the one
arm to one of the other, which the estimate estimates. `--write` keeps the figures where the report quotes them from.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pov.measure
from pov.measure.coverage import TOLERANCE
from pov.measure.inference import LEVEL, ratio

NUMBERS = (3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30)
SPREADS = (1.0, 2.0, 4.0, 8.0)
_SIGMA = 0.1
"""About how far deployments of one arm lie apart on a quiet machine; the smaller spread of the two."""


def _normal(draw: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return draw.standard_normal(shape)


def _skewed(draw: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return draw.standard_exponential(shape)


SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]] = {
    "even": _normal,
    "skewed": _skewed,
}


@dataclass(frozen=True)
class Case:
    """`n` values in the smaller arm; `sizes`: equal, or whether, of n and 2 n, the n spread `spread` times as much."""

    sizes: str
    spread: float
    shape: str
    n: int

    @property
    def name(self) -> str:
        """As a column's head."""
        return f"{self.sizes}, x{self.spread:g}, {self.shape}"

    def coverage(self, draws: int, seed: int) -> float | None:
        """The share of `draws` intervals that hold the truth; None where intervals are withheld."""
        values = SHAPES[self.shape]
        draw = np.random.default_rng([seed, self.n, round(self.spread), *map(ord, self.sizes + self.shape)])
        more = self.n if self.sizes == "equal" else 2 * self.n
        first, second = (1.0, self.spread) if self.sizes == "half spreads less" else (self.spread, 1.0)
        one = np.exp(_SIGMA * first * values(draw, (draws, self.n)))
        other = np.exp(_SIGMA * second * values(draw, (draws, more)))
        truth = self._truth(first, second)
        seen = [ratio(*pair).interval for pair in zip(one, other, strict=True)]
        if seen[0] is None:
            return None
        return sum(interval is not None and interval.holds(truth) for interval in seen) / draws

    def _truth(self, first: float, second: float) -> float:
        if self.shape == "even" or first == second:
            return 1.0
        # Exponentials of scales a and b: the median of the difference, from its distribution in closed form.
        low, high = sorted((first, second))
        median = high * math.log(2 * high / (low + high)) * _SIGMA
        return math.exp(median if second > first else -median)


def cases() -> Iterator[Case]:
    """Every case, row by row of the printed table."""
    for n in NUMBERS:
        for sizes in ("equal", "half spreads more", "half spreads less"):
            for spread in SPREADS:
                for shape in SHAPES:
                    yield Case(sizes, spread, shape, n)


def main(arguments: Sequence[str]) -> int:
    """Simulate, print a table for each kind of sizes; exit code 0: what falls short is a finding, not a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coverage")
    parser.add_argument("--draws", type=int, default=10_000, help="intervals of each case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the figures for the report")
    chosen = parser.parse_args(arguments)
    found = {case: case.coverage(chosen.draws, chosen.seed) for case in cases()}
    for sizes in dict.fromkeys(case.sizes for case in found):
        print(_table(sizes, {case: value for case, value in found.items() if case.sizes == sizes}))
    short = sorted(
        ((value, case) for case, value in found.items() if value is not None and value < 1 - LEVEL - TOLERANCE),
        key=lambda pair: pair[0],
    )
    print(f"{len(short)} of {len(found)} cases fall short of 95 % by more than {TOLERANCE:.1%}")
    if short:
        print(f"worst: {short[0][0]:.1%}, n {short[0][1].n}, {short[0][1].name}")
    if chosen.write:
        rows = [asdict(case) | {"coverage": value} for case, value in found.items()]
        document = {"draws": chosen.draws, "seed": chosen.seed, "cases": rows}
        path = Path(pov.measure.__file__).with_name("coverage.json")
        lines = ",\n".join(json.dumps(row) for row in rows)
        head = json.dumps({key: value for key, value in document.items() if key != "cases"})[:-1]
        path.write_text(f'{head}, "cases": [\n{lines}\n]}}\n')
    return 0


def _table(sizes: str, found: dict[Case, float | None]) -> str:
    columns = list(dict.fromkeys((case.spread, case.shape) for case in found))
    lines = [f"\nArms: {sizes}", "   n  " + "  ".join(f"x{spread:g} {shape:6}" for spread, shape in columns)]
    for n in dict.fromkeys(case.n for case in found):
        cells = (found[Case(sizes, spread, shape, n)] for spread, shape in columns)
        lines.append(f"{n:4}  " + "  ".join("withheld " if cell is None else f"{cell:9.1%}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
