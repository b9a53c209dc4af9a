from __future__ import annotations

from pathlib import Path

import pytest

from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, OLD, World

BAD = "registry/mock:1123ab-rollback-automated-1"


def go(world: World, folder: Path, arm: str, trial: int = 1) -> Result:
    slot = Slot("rollback", arm, trial)
    return run_trial(slot, lambda: EXPERIMENTS["rollback"].arms[arm].make(world.toolbox(folder), slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def test_the_bad_commit_is_reverted_and_its_pods_go(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.error is None
    bad, back = world.commits
    assert bad == "Deploy 1123ab-rollback-automated-1 to staging"
    assert back == f'Revert "{bad}"\n\nThis reverts commit rev-1.'
    assert world.reverted == ["rev-1"]
    assert set(world.pods.values()) == {OLD}
    assert world.bad_pods == {}
    assert result.evidence.details["bad_image"] == BAD


def test_the_clock_holds_the_way_back_alone(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.seconds == pytest.approx(0.1 + 0.5 + 4 + 11, abs=0.5)
    assert [step.name for step in result.evidence.steps] == ["commit", "push", "webhook to sync", "seen by prober"]
    assert result.evidence.figures["live_seconds"] == pytest.approx(0.6 + 4 + 11, abs=1)
    assert result.evidence.figures["failed_live"] == 0


@pytest.mark.parametrize(("kind", "stalled", "excused"), [("late", True, 1), ("late", False, 0), ("hard", True, 0)])
@pytest.mark.parametrize("arm", ["automated", "manual"])
def test_what_failed_while_it_was_live_is_excused_by_a_stall_alone(
    world: World, tmp_path: Path, arm: str, kind: str, stalled: bool, excused: int
) -> None:
    estate = world.staging if arm == "automated" else world.estates[-1]
    touched = next(e for e in estate.edges if {e.source, e.target} & set(world.scenario.pov_services))

    # The clock is looked at first as the commit begins, and as the runbook has ended: both lie at an edge of the time.
    when = 0.2 if arm == "automated" else -0.2

    def live() -> None:
        if world.loads and [name for name, _ in world.loads[-1].phases] == ["bad-version-live"]:
            world.clock.hooks.clear()
            world.lose((estate.name, touched.source, touched.target), kind, when)
            if stalled:
                world.lose(("dev", touched.source, touched.target), "late", when + 0.1)

    world.clock.hooks.append(live)
    result = go(world, tmp_path, arm)
    assert result.error is None
    assert result.evidence.figures["failed_live"] >= 1
    assert result.evidence.details["failed_live_excused"] == excused


def test_a_bad_version_that_never_goes_live_is_a_failed_trial(world: World, tmp_path: Path) -> None:
    world.broken_sync = True
    result = go(world, tmp_path, "automated")
    assert "the bad version to be live" in (result.error or "")
    assert result.seconds is None
    assert world.commits[-1] == "Back to the state before trial 1 of rollback"
    assert set(world.images.values()) == {OLD}


def test_ctrl_c_leaves_no_bad_version_in_git_and_waits_for_nothing(world: World, tmp_path: Path) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    world.clock.after(16.0, pressed)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "automated")
    assert world.clock.now < 1000 + 18
    assert set(world.images.values()) == {OLD}
    assert world.loads[0].ended is not None


def test_a_revert_that_is_refused_fails_the_trial_and_the_images_go_back(world: World, tmp_path: Path) -> None:
    world.down["revert"] = BROKEN
    result = go(world, tmp_path, "automated")
    assert result.error == "broken (because)"
    assert set(world.images.values()) == {OLD}


def test_the_runbook_backwards_goes_where_the_bad_version_has_been(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    names = [(playbook, told["version"], told["services"]) for playbook, told in world.playbooks]
    all_of_them = list(world.scenario.pov_services)
    assert names == [
        ("distribute.yml", "1123ab-rollback-manual-1", all_of_them),
        ("deploy.yml", "1123ab-rollback-manual-1", all_of_them),
        ("rollback.yml", "1.0.0", ["payment-gateway"]),
    ]
    assert set(world.versions["legacy"].values()) == {"1.0.0"}
    assert result.evidence.details["reached"] == ["payment-gateway"]
    assert world.deleted == [], "no host was started anew"
    assert any("rm -rf" in " ".join(argv) for _, argv, _ in world.executed), "the bad release went from the hosts"


def test_a_runbook_that_takes_a_bad_version_for_a_good_one_fails_the_trial(world: World, tmp_path: Path) -> None:
    world.runbook_takes_all = True
    result = go(world, tmp_path, "manual")
    assert "took a version that does not start for a good one" in (result.error or "")
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    assert go(world, tmp_path, "manual", 2).error == result.error


def test_hosts_with_several_versions_start_anew_first(world: World, tmp_path: Path) -> None:
    world.versions["legacy"]["checkout-bff"] = "other"
    assert go(world, tmp_path, "manual").error is None
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]


def test_ctrl_c_while_the_bad_version_is_live_starts_the_hosts_anew(world: World, tmp_path: Path) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    world.clock.after(8.5, pressed)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, "manual")
    world.clock.sleep(5.0)
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
