from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from pov.cli.measure import _in_words
from pov.cli.tables import duration, pairs, remaining, table

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

    def as_json(self) -> dict[str, object]:
        good = {
            "seconds": 10.0,
            "ok": True,
            "requests": 100,
            "failed_requests": 1,
            "handshakes": 9,
            "failed_handshakes": 0,
        }
        bad = {"seconds": None, "ok": False, "error": "timed out"}
        arm = {"name": "automated", "trials": [good, {**good, "seconds": 30.0}, bad], "median": 20.0}
        return {
            "run": {"id": "20261124-120000-abcd"},
            "experiments": [
                {
                    "name": "deploy",
                    "arms": [arm, {"name": "manual", "trials": [], "median": None}],
                    "comparisons": [{"arms": ["manual", "automated"], "ratio": 2.5}, {"arms": ["x"], "ratio": None}],
                    "warnings": [{"message": "few trials", "remedy": "--trials 6"}],
                }
            ],
            "criteria": [{"id": "deploy-time", "threshold": 180, "observed": 20.0, "outcome": "pass"}],
        }


def test_the_summary_shows_failed_trials_and_never_averages_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        hint = ""

    monkeypatch.setattr("pov.cli.measure.settings", Here)
    text = _in_words(Measured())
    row = next(line for line in text.splitlines() if line.startswith("deploy  "))
    assert "2 of 3" in row
    assert "20.0 s" in row
    assert "10.0 s to 30.0 s" in row
    assert "2 of 200" in row
    assert "0 of 18" in row
    assert "deploy: manual / automated = 2.50 (ratio of medians)" in text
    assert "few trials (--trials 6)" in text
    assert "deploy-time" in text
