from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import InvalidInput, PovError
from pov.model.events import silent
from pov.workflows.smoke import Phases, SmokeOptions, run

GOOD: Mapping[str, Any] = {
    "experiments": [{"name": "deploy", "arms": [{"name": "automated", "trials": [{"ok": True, "seconds": 1.0}]}]}],
    "criteria": [{"id": "deploy-time", "outcome": "pass"}],
}


class Fake:
    """Phases that fail as often as they are told to, and remember what was called."""

    def __init__(self, *, up_failures: int = 0, summary: Mapping[str, Any] = GOOD, down_fails: bool = False) -> None:
        self.calls: list[str] = []
        self._up_failures = up_failures
        self._summary = summary
        self._down_fails = down_fails

    def phases(self) -> Phases:
        return Phases(up=self._up, measure=self._measure, report=self._report, down=self._down)

    def _up(self, name: str, _: object) -> None:
        self.calls.append(f"up {name}")
        if self._up_failures:
            self._up_failures -= 1
            raise PovError("vault: not after 60 s", cause="last seen: \x00sealed")

    def _measure(self, *_: object) -> Mapping[str, Any]:
        self.calls.append("measure")
        return self._summary

    def _report(self, *_: object) -> None:
        self.calls.append("report")

    def _down(self, *_: object) -> None:
        self.calls.append("down")
        if self._down_fails:
            raise PovError("still there")


def test_each_scenario_goes_up_is_measured_reported_and_taken_down(tmp_path: Path) -> None:
    fake = Fake()
    result = run(SmokeOptions(tmp_path), silent, fake.phases())
    assert [case.scenario for case in result.cases] == ["enterprise-scope", "gitops-35", "quickstart", "reference"]
    assert all(case.ok for case in result.cases)
    assert fake.calls[:4] == ["up enterprise-scope", "measure", "report", "down"]
    suite = ET.parse(result.junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "0")


def test_a_failed_attempt_is_taken_down_tried_again_and_stays_on_record(tmp_path: Path) -> None:
    fake = Fake(up_failures=1)
    options = SmokeOptions(tmp_path, ("quickstart",), attempts=3, junit=tmp_path / "x" / "junit.xml")
    result = run(options, silent, fake.phases())
    assert fake.calls == ["up quickstart", "down", "up quickstart", "measure", "report", "down"]
    assert result.cases[0].ok
    case = ET.parse(options.junit or "").getroot()[0]
    attempts = case.find("properties/property[@name='attempts']")
    assert attempts is not None
    assert attempts.get("value") == "2"
    again = case.find("rerunFailure")
    assert again is not None
    assert again.get("message") == "up: vault: not after 60 s last seen: ?sealed"
    assert case.find("failure") is None


@pytest.mark.parametrize(
    ("summary", "error"),
    [
        ({"experiments": []}, "nothing was measured"),
        ({**GOOD, "criteria": [{"id": "c", "outcome": "fail"}]}, "criterion c not met"),
        (
            {"experiments": [{"name": "d", "arms": [{"name": "a", "trials": [{"ok": False, "error": "late"}]}]}]},
            "d a failed: late",
        ),
    ],
)
def test_a_bad_summary_fails_the_smoke_test_and_is_reported_still(
    tmp_path: Path, summary: Mapping[str, Any], error: str
) -> None:
    fake = Fake(summary=summary)
    result = run(SmokeOptions(tmp_path, ("quickstart",), attempts=2), silent, fake.phases())
    assert not result.cases[0].ok
    assert len(result.cases[0].attempts) == 2
    assert error in result.cases[0].attempts[-1].error
    assert fake.calls.count("report") == fake.calls.count("down") == 2
    failure = ET.parse(result.junit).getroot()[0].find("failure")
    assert failure is not None


def test_what_cannot_be_taken_down_fails(tmp_path: Path) -> None:
    result = run(SmokeOptions(tmp_path, ("quickstart",)), silent, Fake(down_fails=True).phases())
    assert result.cases[0].attempts[0].error == "down: still there"


def test_a_misspelt_scenario_is_refused_before_anything_runs(tmp_path: Path) -> None:
    fake = Fake()
    with pytest.raises(InvalidInput):
        run(SmokeOptions(tmp_path, ("quickstart", "nope")), silent, fake.phases())
    assert fake.calls == []
