"""Every folder in `scenarios/` through `pov scenarios smoke`, as a CI would run it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.config.scenario import list_scenarios, load_scenario
from tests.e2e.harness import Environment, containers

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("scenario", list_scenarios())
def test_smoke(tmp_path: Path, bundle: None, scenario: str, facts: Callable[..., None]) -> None:
    environment = Environment(tmp_path, f"smoke-{scenario}")
    junit = tmp_path / "junit.xml"
    try:
        ran = environment.pov("scenarios", "smoke", scenario, "--junit", str(junit), timeout_s=1500)
    finally:
        containers().remove(environment.node)
    suite = ET.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    case = suite[0]
    assert case.get("name") == scenario
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    facts(**properties)
    assert properties["attempts"] == "1"
    assert {"seconds.up", "seconds.measure", "seconds.report", "seconds.down"} <= set(properties)
    assert ran.json["ok"] is True
    trials = load_scenario(scenario).smoke.trials
    runs = list(environment.root.glob(".pov/*/runs/*/samples.jsonl"))
    assert len(runs) == 1
    assert len(runs[0].read_text().splitlines()) >= trials * 4
    assert list(environment.root.glob(".pov/*/reports/*/report.pdf"))
    assert containers().run("ps", "--all", "--format", "{{.Names}}").stdout.split().count(environment.node) == 0
