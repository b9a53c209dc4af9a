from __future__ import annotations

import pytest

from pov.scoping.sizing import faults, stretch_of
from tests.unit.scoping.offerings import offering, sizes


@pytest.mark.parametrize(
    ("users", "names"),
    [
        (1, ["Small"]),
        (9_999, ["Small"]),
        (10_000, ["Medium"]),
        (99_999, ["Medium"]),
        (100_000, []),
        (999_999, []),
        (1_000_000, ["Enterprise"]),
        (8_000_000_000, ["Enterprise"]),
    ],
)
def test_the_reference_table(users: int, names: list[str]) -> None:
    assert [size.name for size in stretch_of(offering(), users).sizes] == names


def test_the_reference_tables_gap_is_found() -> None:
    assert [stretch.fault for stretch in faults(offering())] == ["no size holds 100,000 to 999,999 users"]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ([(1, None)], []),
        ([(1, 10), (10, None)], []),
        ([(0, 10), (10, None)], []),
        ([(5, 10), (10, None)], ["no size holds 1 to 4 users"]),
        ([(2, None)], ["no size holds 1 users"]),
        ([(1, 10)], ["no size holds 10 users and more"]),
        ([(1, 10), (11, None)], ["no size holds 10 users"]),
        ([(1, 20), (10, None)], ["A and B both claim 10 to 19 users"]),
        ([(1, None), (10, None)], ["A and B both claim 10 users and more"]),
        ([(10, None), (1, 10)], []),
        ([(1, 30), (5, 10), (8, None)], ["A and B both", "A and B and C both", "A and C both"]),
    ],
)
def test_gaps_and_overlaps(bounds: list[tuple[int, int | None]], told: list[str]) -> None:
    found = [stretch.fault for stretch in faults(offering(sizes=sizes(*bounds), items=[]))]
    assert len(found) == len(told)
    assert all(text.startswith(start) for text, start in zip(found, told, strict=True))
