"""Wrong files and wrong numbers: one clear message with file and line, and nothing changed. No cluster is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pov.base.errors import PreflightFailed
from pov.config.scenario import load_scenario
from pov.state.home import Home
from pov.steps.kind.target import KindCluster
from tests.e2e.harness import SMALL, Environment, containers

GOOD = SMALL.read_text()
END = len(GOOD.splitlines()) + 1
BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
FILES = {
    "unknown key": (GOOD + "legacyy: {hosts: 1}\n", rf"mine\.yaml:{END}: .*legacyy"),
    "wrong unit": (GOOD + "pki: {ttl: 24 parsecs}\n", rf"mine\.yaml:{END}: .*24 parsecs"),
    "N = 0": (GOOD.replace("count: 5", "count: 0"), r"mine\.yaml:7: .*\b0\b"),
    "N = 1001": (GOOD.replace("count: 5", "count: 1001"), r"mine\.yaml:7: .*\b1001\b"),
    "bomb": (BOMB, r"mine\.yaml:2: alias"),
    "missing file": (None, r"mine\.yaml: no such file"),
}


@pytest.fixture
def nowhere(tmp_path: Path) -> Environment:
    return Environment(tmp_path, "e2e-never")


@pytest.mark.parametrize("case", FILES)
def test_up_refuses_a_bad_file_and_changes_nothing(nowhere: Environment, case: str) -> None:
    text, message = FILES[case]
    path = nowhere.root / "mine.yaml"
    if text is not None:
        path.write_text(text)
    before = sorted(nowhere.root.iterdir())
    ran = nowhere.pov("up", "mine.yaml", code=2)
    assert re.search(message, ran.err)
    assert ran.err.count("Error:") == 1
    assert "Traceback" not in ran.err
    assert ran.json["error"]["exit_code"] == 2
    assert sorted(nowhere.root.iterdir()) == before
    assert not containers().exists(nowhere.node)


@pytest.mark.parametrize("count", ["0", "1001", "-1"])
def test_up_refuses_an_impossible_number(nowhere: Environment, count: str) -> None:
    ran = nowhere.pov("up", "quickstart", "--services", count, code=2)
    assert f"N = {count}" in ran.err
    assert not list(nowhere.root.iterdir())


def test_up_says_which_number_would_fit_and_it_does(nowhere: Environment) -> None:
    cluster = KindCluster(Home(nowhere.root / ".pov" / nowhere.name), nowhere.name)
    ran = nowhere.pov("up", "gitops-35", "--services", "1000", code=3)
    assert not list(nowhere.root.iterdir())
    told = re.search(r"N = (\d+)", ran.err.replace("N = 1000", ""))
    assert told, ran.err
    fits = int(told[1])
    assert 1 <= fits < 1000
    scenario = load_scenario("gitops-35")
    # A few below and above: free memory moves while the test runs, the rule does not.
    cluster.check(scenario.with_services(max(1, fits - 3)))
    with pytest.raises(PreflightFailed):
        cluster.check(scenario.with_services(fits + 10))
