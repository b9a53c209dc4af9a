from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import pytest

from pov.cli.measure import in_words
from pov.cli.tables import duration, pairs, remaining, table
from pov.measure.scoring import Criterion
from pov.measure.summary import summarise
from pov.model.reading import read_sample

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_table_is_aligned_and_never_cut() -> None:
    shown = table(["name", "n"], [["a", "1"], ["long" * 50, "100"]], right=(1,)).splitlines()
    assert shown[1] == "a" + " " * 199 + "  " + "  1"
    assert "long" * 50 in shown[2]
    assert click.unstyle(table(["only"], [])) == "only"
    assert pairs({"a": "1", "bcd": ""}) == "  a    1\n  bcd"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.123, "0.12 s"), (42.12, "42.1 s"), (119.9, "119.9 s"), (185.2, "3 min 05 s")]
)
def test_durations_read_well(value: float | None, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("2026-11-24T11:59:59Z", "expired"),
        ("2026-11-24T12:05:07Z", "5 min 07 s"),
        ("2026-11-25T11:30:00+00:00", "23 h 30 min"),
        ("2026-12-24T12:00:00", "30 d"),
        ("", "–"),
        ("soon", "–"),
    ],
)
def test_certificates_tell_how_long_they_last(end: str, text: str) -> None:
    assert remaining(end, NOW) == text


class Measured:
    """A result as `measure` gives it."""

    def as_json(self) -> dict[str, Any]:
        traffic = {"operation": {"requests": 100, "hard": 1, "late": 2, "excused": 1}}
        record = {"experiment": "deploy", "arm": "automated", "trial": 1, "ok": True, "traffic": traffic}
        seconds = [("automated", 10.0), ("automated", 30.0), ("automated", None), ("manual", 50.0)]
        records = [
            {**record, "arm": arm, "seconds": s, "ok": s is not None, "error": "timed out"} for arm, s in seconds
        ]
        criterion = Criterion("deploy-time", "In time", "deploy", "automated", "median_seconds", 180)
        planned = [{"experiment": "deploy", "arm": arm, "trials": 3} for arm in ("automated", "manual")]
        samples = [read_sample(item, n, []) for n, item in enumerate(records, 1)]
        return summarise({"id": "20261124-120000-abcd", "planned": planned}, samples, [criterion])


def test_the_summary_shows_failed_trials_and_never_averages_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        hint = ""

    monkeypatch.setattr("pov.cli.measure.settings", Here)
    text = in_words(Measured())
    row = next(line for line in text.splitlines() if line.startswith("deploy  "))
    assert "2 of 3" in row
    assert "20.0 s" in row
    assert "10.0 s to 30.0 s" in row
    assert row.split()[-4:] == ["300", "3", "6", "3"]
    told = (
        "deploy: manual / automated = 2.89, no interval: 2 and 1 values: the widest interval would cover 33% (primary;"
    )
    assert f"{told} no p: 2 and 1 values" in text
    assert "1 of 3 trials failed" in text
    assert "deploy-time" in text
