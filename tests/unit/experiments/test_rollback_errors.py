from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.experiments import Experiment as Settings
from pov.experiments import EXPERIMENTS
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.workflows.measure import chosen, planned
from pov.workflows.measure_options import MeasureOptions
from tests.unit.experiments.world import BROKEN, OLD, World, scenario

NAME = "rollback-errors"


def go(world: World, folder: Path, arm: str, trial: int = 1, *, box: Toolbox | None = None) -> Result:
    slot = Slot(NAME, arm, trial)
    box = box or replace(world.toolbox(folder), error_rate=0.25)
    return run_trial(slot, lambda: EXPERIMENTS[NAME].arms[arm].make(box, slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def test_every_replica_serves_the_bad_version_before_its_commit_is_reverted(world: World, tmp_path: Path) -> None:
    seen: list[set[str]] = []
    world.clock.hooks.append(lambda: seen.append(set(world.pods.values())))
    result = go(world, tmp_path, "automated")
    assert result.error is None
    assert world.erring == {"1123ab-rollback-errors-automated-1": 0.25}
    assert {"registry/mock:1123ab-rollback-errors-automated-1", OLD} in seen
    bad, back = world.commits
    assert back == f'Revert "{bad}"\n\nThis reverts commit rev-1.'
    assert set(world.pods.values()) == {OLD}
    assert result.seconds == pytest.approx(0.1 + 0.5 + 4 + 11, abs=0.5), "the clock holds the way back alone"


@pytest.mark.parametrize("arm", ["automated", "manual"])
def test_the_rate_is_stated_and_what_was_seen_of_it_stands_beside_it(world: World, tmp_path: Path, arm: str) -> None:
    result = go(world, tmp_path, arm)
    assert result.error is None
    figures = result.evidence.figures
    assert figures["error_rate_percent"] == 25
    seen = result.evidence.details["errors_seen"]
    assert isinstance(seen, dict)
    assert seen["errors"] >= 5
    assert seen["requests"] >= 50
    assert figures["errors_seen_percent"] == pytest.approx(100 * seen["errors"] / seen["requests"], abs=0.1)
    assert figures["failed_live"] >= seen["errors"]
    assert figures["live_seconds"] > 0
    assert result.evidence.details["bad"] == "it answers 25% of its requests with an error, and calls itself ready"


def test_the_runbook_takes_it_for_a_good_one_and_goes_back_everywhere(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    names = [(playbook, told["version"], set(told["services"])) for playbook, told in world.playbooks]
    everywhere, bad = set(world.scenario.pov_services), "1123ab-rollback-errors-manual-1"
    assert names == [
        ("distribute.yml", bad, everywhere),
        ("deploy.yml", bad, everywhere),
        ("rollback.yml", "1.0.0", everywhere),
    ]
    assert result.evidence.details["runbook_said"] == "nothing: its health check passed"
    assert set(world.versions["legacy"].values()) == {"1.0.0"}
    assert world.deleted == [], "no host was started anew"


@pytest.mark.parametrize("arm", ["automated", "manual"])
def test_errors_that_nobody_meets_fail_the_trial_and_the_version_goes(world: World, tmp_path: Path, arm: str) -> None:
    world.errors_come = False
    result = go(world, tmp_path, arm)
    assert "the load to meet the bad version's errors" in (result.error or "")
    assert result.seconds is None
    if arm == "automated":
        assert set(world.images.values()) == {OLD}
    else:
        assert world.deleted == ["legacy-1-0", "legacy-2-0"]


def test_other_failures_are_not_taken_for_its_errors(world: World, tmp_path: Path) -> None:
    world.errors_come = False
    targets = world.scenario.pov_services
    edge = next(e for e in world.staging.edges if e.target in targets)
    for after in range(20, 80):
        world.lose(("staging", edge.source, edge.target), "hard", float(after), cause="refused")
    assert "0 errors in" in (go(world, tmp_path, "automated").error or "")


def test_a_runbook_that_fails_on_the_way_in_fails_the_trial(world: World, tmp_path: Path) -> None:
    world.runbook_error = BROKEN
    assert go(world, tmp_path, "manual").error == "broken (because)"
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]


def test_ctrl_c_while_it_is_live_leaves_none_of_it_in_git(world: World, tmp_path: Path) -> None:
    def pressed() -> None:
        if world.loads and "bad-version-everywhere" in [name for name, _ in world.loads[-1].phases]:
            world.clock.hooks.clear()
            raise KeyboardInterrupt

    world.clock.hooks.append(pressed)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "automated")
    assert set(world.images.values()) == {OLD}
    assert world.loads[0].ended is not None


@pytest.mark.parametrize("rate", [0.0, 0.01, 1.01, -0.2, float("nan"), float("inf"), True, "0.2"])
def test_what_is_no_rate(rate: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"error_?[rR]ate"):
        Settings.model_validate({"name": NAME, "errorRate": rate})
    if isinstance(rate, float):
        with pytest.raises(InvalidInput) as refused:
            planned(MeasureOptions(tmp_path, experiments=(NAME,), error_rate=rate), scenario())
        assert [(p.where, p.fix) for p in refused.value.problems] == [("--error-rate", "0.02 to 1")]


def test_what_is_asked_for_comes_before_the_scenario_and_that_before_what_is_usual(tmp_path: Path) -> None:
    own = scenario(experiments=[{"name": NAME, "errorRate": 0.5}, {"name": "interrupted", "at": "35%"}])
    assert chosen(MeasureOptions(tmp_path), scenario()) == {"kill_at": 50, "error_rate": 0.2}
    assert chosen(MeasureOptions(tmp_path), own) == {"kill_at": 35, "error_rate": 0.5}
    asked = MeasureOptions(tmp_path, at="late", error_rate=0.1)
    assert chosen(asked, own) == {"kill_at": 80, "error_rate": 0.1}


def test_a_rate_belongs_to_what_returns_errors(tmp_path: Path) -> None:
    assert Settings.model_validate({"name": NAME, "errorRate": 0.5}).error_rate == 0.5
    with pytest.raises(ValueError, match="rollback has no `errorRate`"):
        Settings.model_validate({"name": "rollback", "errorRate": 0.5})
    with pytest.raises(InvalidInput) as refused:
        planned(MeasureOptions(tmp_path, experiments=("rollback",), error_rate=0.5), scenario())
    assert "no version that returns errors is in rollback" in refused.value.problems[0].message
