"""What a trial leaves behind when something it needs for tidying up is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, GONE, OLD, World


def go(world: World, folder: Path, arm: str, trial: int = 1, *, experiment: str = "deploy") -> Result:
    slot = Slot(experiment, arm, trial)
    return run_trial(slot, lambda: EXPERIMENTS[experiment].arms[arm].make(world.toolbox(folder), slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def test_the_prober_is_gone_and_the_hosts_start_anew_all_the_same(world: World, tmp_path: Path) -> None:
    world.runbook_error = BROKEN
    world.clock.after(7.0, lambda: world.down.update(prober=GONE))
    result = go(world, tmp_path, "manual")
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    assert world.closed == 1, "the runbook's connections"
    for told in ("broken (because)", "clean-up: load: connection refused", "clean-up: hosts: "):
        assert told in (result.error or ""), told


def test_the_prober_is_gone_and_the_way_back_is_committed_all_the_same(world: World, tmp_path: Path) -> None:
    world.clock.after(8.0, lambda: world.down.update(prober=GONE))
    result = go(world, tmp_path, "automated")
    assert not result.ok
    assert world.commits[-1] == "Back to the state before trial 1 of deploy"
    assert set(world.pods.values()) == {OLD}
    assert world.hook is True
    assert "clean-up: load: connection refused" in (result.error or "")


def test_a_load_that_could_not_be_stopped_is_stopped_by_the_next_trial(world: World, tmp_path: Path) -> None:
    world.clock.after(8.0, lambda: world.down.update(prober=GONE))
    go(world, tmp_path, "automated")
    assert world.loads[0].ended is None
    world.down.clear()
    result = go(world, tmp_path, "automated", 2)
    assert result.error is None
    assert world.loads[0].ended is not None
    assert world.loads[0].ended < world.loads[1].begun, "it was no load on the trial"
    assert result.evidence.details["loads_stopped_first"] == 1


def test_what_fails_before_the_operation_takes_back_only_what_was_begun(world: World, tmp_path: Path) -> None:
    world.errors["legacy", "ledger"] = "refused"
    assert not go(world, tmp_path, "manual").ok
    assert world.deleted == []
    world.errors.clear()
    world.down["git"] = GONE
    assert not go(world, tmp_path, "automated").ok
    assert world.commits == []


def test_several_steps_that_fail_are_all_told(world: World, tmp_path: Path) -> None:
    world.clock.after(8.0, lambda: world.down.update(prober=GONE, webhook=GONE))
    told = go(world, tmp_path, "automated").error or ""
    for what in ("clean-up: load: ", "clean-up: way back: ", "clean-up: webhook: "):
        assert what in told


def test_a_prober_that_is_started_again_is_waited_for(world: World, tmp_path: Path) -> None:
    world.down.update(prober=GONE)
    world.clock.after(30.0, world.down.clear)
    result = go(world, tmp_path, "automated")
    assert result.error is None
    assert result.ok


def test_a_prober_that_stays_away_ends_the_trial(world: World, tmp_path: Path) -> None:
    world.down.update(prober=GONE)
    result = go(world, tmp_path, "automated")
    assert "the prober to answer: not after 120 s" in (result.error or "")
