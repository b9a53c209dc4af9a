"""What benchmarks read of their figures; their figures themselves are for people who run them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks import prober


def found(*windows: dict[str, Any]) -> dict[str, Any]:
    kept = {
        "asked_per_s": 1000.0,
        "answered_per_s": 1000.0,
        "requests": 10_000,
        "hard": 0,
        "late": 0,
        "p99_ms": 4.0,
        "processors": {"prober": 0.1},
    }
    return {"processors": 2, "load_1min": 0.5, "windows": [{**kept, **one} for one in windows]}


@pytest.mark.parametrize(
    ("windows", "kept"),
    [
        ([{}], True),
        ([{"answered_per_s": 989.0}], False),
        ([{"late": 100}], True),
        ([{"late": 101}], False),
        ([{"hard": 1}], False),
        ([{"late": 4000, "answered_per_s": 600.0}, {}], True),
    ],
)
def test_a_rate_is_kept_where_one_window_kept_it(windows: list[dict[str, Any]], kept: bool) -> None:
    rows = prober.told(found(*windows))
    assert rows[-1][3] == ("met" if kept else "NOT MET")
    assert len(rows) == len(windows) + 1
