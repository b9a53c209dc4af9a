from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, GONE, OLD, POLL_S, World


def go(world: World, folder: Path, arm: str, trial: int = 1) -> Result:
    slot = Slot("deploy", arm, trial)
    return run_trial(slot, lambda: EXPERIMENTS["deploy"].arms[arm].make(world.toolbox(folder), slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def test_automated_is_a_commit_and_nothing_else(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.error is None
    assert world.commits == ["Deploy 1123ab-automated-1 to staging: payment-gateway, checkout-bff, card-authorization"]
    assert {world.versions["staging"][name] for name in world.scenario.pov_services} == {"1123ab-automated-1"}
    assert world.versions["staging"]["fraud-scoring"] == "1.0.0"
    assert result.evidence.details["image_digest"] == "sha256:registry/mock:1123ab-automated-1"
    assert result.evidence.details["image_digests_before"] == [f"sha256:{OLD}"]
    assert result.evidence.details["revision"] == "rev-1"
    assert world.closed == 1


def test_the_clock_holds_the_operation_alone_and_its_steps_add_up(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    names = [step.name for step in result.evidence.steps]
    assert names == ["commit", "push", "webhook to sync", "rollout", "seen by prober"]
    assert result.seconds is not None
    assert sum(step.seconds for step in result.evidence.steps) == pytest.approx(result.seconds)
    assert result.seconds == pytest.approx(0.1 + 0.5 + 4 + 11, abs=0.3)
    took = {step.name: step.seconds for step in result.evidence.steps}
    assert took["rollout"] == pytest.approx(11, abs=1)


def test_the_load_runs_before_and_after_and_only_on_the_estate(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    (load,) = world.loads
    assert load.estates == ("staging", "dev")
    assert load.wish == {"interval_ms": 1000, "new_connection_interval_ms": 2000, "timeout_ms": 1000}
    started = (result.started - datetime(2026, 3, 9, tzinfo=UTC)).total_seconds()
    assert result.seconds is not None
    assert load.ended is not None
    assert load.begun < started < started + result.seconds <= load.ended
    sample = result.as_sample()
    assert sample.traffic is not None
    assert sample.seconds is not None
    assert sample.traffic.operation.requests > sample.traffic.operation.handshakes > 0
    assert sample.traffic.operation.failed == 0
    assert sample.traffic.seconds == pytest.approx(sample.seconds, abs=0.01)
    assert sample.traffic.details["load_seconds"] > sample.seconds + 2
    assert sample.details["load_per_core"] == 0.25


def test_poll_only_switches_the_webhook_off_for_the_trial(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated-poll")
    assert result.error is None
    assert result.seconds is not None
    assert result.seconds > POLL_S
    assert "wait for poll" in [step.name for step in result.evidence.steps]
    assert world.hook is True


def test_each_trial_has_a_version_of_its_own(world: World, tmp_path: Path) -> None:
    arms = [("automated", 1), ("automated", 2), ("automated-poll", 1), ("manual", 1)]
    found = [go(world, tmp_path, arm, trial).evidence.details["version"] for arm, trial in arms]
    assert len(set(found)) == 4


def test_an_image_that_is_none_fails_the_trial_and_the_way_back_is_committed(world: World, tmp_path: Path) -> None:
    world.digest_follows = False
    result = go(world, tmp_path, "automated")
    assert "not those of one new image" in (result.error or "")
    assert world.commits[-1] == "Back to the state before trial 1 of deploy"
    assert set(world.pods.values()) == {OLD}
    assert world.healthy


def test_a_version_that_never_comes_is_a_failed_trial_with_its_time(world: World, tmp_path: Path) -> None:
    world.broken_sync = True
    result = go(world, tmp_path, "automated")
    assert "version 1123ab-automated-1 on every replica in staging: not after 420 s" in (result.error or "")
    assert result.seconds is not None
    assert [step.name for step in result.evidence.steps] == ["commit", "push"]
    assert world.loads[0].ended is not None


@pytest.mark.parametrize("what", ["prober", "git", "kube", "webhook", "push"])
def test_a_pod_that_is_gone_fails_the_trial_and_nothing_more(world: World, tmp_path: Path, what: str) -> None:
    world.down[what] = GONE
    result = go(world, tmp_path, "automated")
    assert "connection refused" in (result.error or "")
    world.down.clear()
    assert go(world, tmp_path, "automated", 2).error is None


def test_one_that_comes_back_is_borne(world: World, tmp_path: Path) -> None:
    world.clock.after(12.0, lambda: world.down.update(prober=GONE))
    world.clock.after(14.0, world.down.clear)
    assert go(world, tmp_path, "automated").error is None


def test_manual_runs_the_runbook_on_the_hosts(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    (distributed, variables), (playbook, same) = world.playbooks
    assert (distributed, playbook) == ("distribute.yml", "deploy.yml")
    assert same == variables
    assert variables["services"] == list(world.scenario.pov_services)
    assert variables["version"] == "1123ab-manual-1"
    assert world.loads[0].estates == ("legacy", "dev")
    steps = [(step.name, step.seconds) for step in result.evidence.steps[:3]]
    assert steps == [("swap link", 1.5), ("x", 1.0), ("runbook itself", pytest.approx(0.5))]
    assert result.seconds is not None
    assert sum(step.seconds for step in result.evidence.steps) == pytest.approx(result.seconds)
    assert "check deploy.yml" in world.calls
    assert world.deleted == []


def test_a_runbook_that_fails_gives_the_hosts_their_baseline_back(world: World, tmp_path: Path) -> None:
    world.runbook_error = BROKEN
    result = go(world, tmp_path, "manual")
    assert result.error == "broken (because)"
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    assert go(world, tmp_path, "manual", 2).error is None


def test_a_host_that_runs_something_else_is_found(world: World, tmp_path: Path) -> None:
    world.hosts_run_old = True
    assert "payment-gateway on legacy-1 runs" in (go(world, tmp_path, "manual").error or "")


def test_an_estate_that_is_not_fit_stops_the_trial_before_its_clock(world: World, tmp_path: Path) -> None:
    world.errors["legacy", "ledger"] = "refused"
    result = go(world, tmp_path, "manual")
    assert result.seconds is None
    assert "ledger in legacy does not answer" in (result.error or "")
    assert world.playbooks == []


def test_a_git_server_on_its_way_back_is_waited_for(world: World, tmp_path: Path) -> None:
    world.down["webhook"] = GONE
    world.clock.after(45.0, world.down.clear)
    assert go(world, tmp_path, "automated").error is None


def interrupt(world: World, when: float) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    world.clock.after(when, pressed)


def test_ctrl_c_waits_for_nothing_and_leaves_no_load(world: World, tmp_path: Path) -> None:
    interrupt(world, 10.0)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "automated-poll")
    assert world.clock.now < 1000.0 + 12.0
    assert len(world.commits) == 1, "nothing is taken back: the change goes its way"
    assert world.loads[0].ended is not None
    assert world.hook is True
    assert go(world, tmp_path, "automated", 2).error is None


def test_ctrl_c_in_a_runbook_starts_the_hosts_anew(world: World, tmp_path: Path) -> None:
    interrupt(world, 7.0)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "manual")
    assert world.clock.now < 1000.0 + 11.0
    world.clock.sleep(5.0)
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    assert go(world, tmp_path, "manual", 2).error is None
