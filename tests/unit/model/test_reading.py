from __future__ import annotations

from typing import Any

import pytest

from pov.model.reading import V1, read_sample
from pov.model.sample import SCHEMA, Cause, Counts, Sample, Stalls, Step, Traffic

WHOLE = Sample(
    "rotate",
    "automated",
    1,
    started="2026-03-09T00:00:00Z",
    seconds=2.5,
    ok=True,
    steps=(Step("commit", 1.0),),
    figures={"distribution_seconds": 1.5},
    traffic=Traffic(
        2.5,
        Counts(100, 1, 2, 1, 50, 1, 1, 0),
        Counts(20, 0, 1),
        Counts(40),
        (Cause("a → b", "hard", "refused", 1, True),),
        Stalls(900.0, 900.0, 1),
        Stalls(500.0, 500.0, 1),
        {"cpu_pressure": 0.5, "steal": None},
        30.0,
        1000,
        {"p50": 2.0},
        {"edges": 3},
    ),
    details={"estate": "staging"},
    n=1,
)


def test_a_sample_reads_back_as_it_was_written() -> None:
    problems: list[str] = []
    assert read_sample({"schema": SCHEMA, "n": 1, **WHOLE.as_json()}, 1, problems) == WHOLE
    assert problems == []


OLD = {"schema": V1, "n": 4, "experiment": "rotate", "arm": "control", "origin": "stopwatch", "seconds": 2, "ok": True}
FLAT = {"requests": 100, "failed_requests": 3, "handshakes": 50, "failed_handshakes": 2}


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ({**OLD, **FLAT}, Counts(100, 3, 0, 0, 50, 2, 0)),
        ({**OLD, **FLAT, "details": {"traffic": {"late": 2, "seconds": 9}}}, Counts(100, 3, 0, 0, 50, 2, 0)),
        ({**OLD, **FLAT, "details": {"traffic": WHOLE.as_json()["traffic"]}}, Counts(100, 1, 2, 1, 50, 1, 1, 0)),
        ({**OLD, "requests": None}, None),
    ],
)
def test_version_1_is_read_for_what_it_was(record: dict[str, Any], counts: Counts | None) -> None:
    sample = read_sample(record, 1, [])
    assert (sample.arm, sample.origin, sample.n) == ("placebo", "person", 4)
    assert (None if sample.traffic is None else sample.traffic.operation) == counts


def test_a_figure_that_was_called_otherwise_has_its_name_of_today() -> None:
    record = {"schema": SCHEMA, "n": 1, "figures": {"failed_gates": 2, "hands_on_seconds": 48.5}}
    assert read_sample(record, 1, []).figures == {"failed_checks": 2.0, "hands_on_seconds": 48.5}


@pytest.mark.parametrize("damage", [7, [], "x", None, {"operation": []}, {"causes": [1], "node": 3}])
def test_damage_becomes_nothing(damage: object) -> None:
    record = {"seconds": 1, "ok": True, "traffic": damage, "steps": damage, "figures": damage, "details": damage}
    assert read_sample(record, 3, []).n == 3
