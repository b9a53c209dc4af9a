from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import InvalidInput
from pov.config.experiments import Experiment as Settings
from pov.config.explaining import Faults
from pov.config.points import percent_of
from pov.experiments import EXPERIMENTS
from pov.experiments.brought import Digested, OwnScript
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.model import catalogue
from pov.workflows.measure import planned
from pov.workflows.measure_options import MeasureOptions
from tests.unit.experiments.world import BROKEN, OLD, RUNBOOK_S, SCRIPT_S, Script, World, scenario

ARMS = ("automated", "manual", "scripted")


def go(world: World, folder: Path, arm: str, trial: int = 1, *, at: int = 50, box: Toolbox | None = None) -> Result:
    slot = Slot("interrupted", arm, trial)
    box = box or replace(world.toolbox(folder), kill_at=at)
    return run_trial(slot, lambda: EXPERIMENTS["interrupted"].arms[arm].make(box, slot), world.clock)


@pytest.fixture
def world() -> World:
    return World()


def left(result: Result) -> list[str]:
    rows = result.evidence.details["left"]
    assert isinstance(rows, list)
    return [row["state"] for row in rows]


def test_a_killed_runbook_leaves_a_mixture_and_is_run_again_from_the_start(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "manual")
    assert result.error is None
    assert left(result) == ["new", "broken", "old"]
    figures = result.evidence.figures
    assert (figures["left_old"], figures["left_new"], figures["left_broken"]) == (1, 1, 1)
    assert figures["killed_at_seconds"] == pytest.approx(figures["killed_at_percent"] / 100 * RUNBOOK_S, abs=0.1)
    mine = "1123ab-interrupted-manual-1"
    whole, begun, again = (told for playbook, told in world.playbooks if playbook == "deploy.yml")
    assert whole["version"] == "1123ab-manual-0", "the whole one that tells the usual time"
    assert begun == again
    assert {world.versions["legacy"][name] for name in world.scenario.pov_services} == {mine}
    assert result.seconds == pytest.approx(RUNBOOK_S, abs=0.3), "the clock holds the way back alone"
    assert result.evidence.details["killed"] == "the runbook's process"
    assert world.deleted == [], "no host was started anew"


def test_a_killed_script_is_run_again_and_its_rest_is_ended_first(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "scripted")
    assert result.error is None
    whole, cut, again = world.scripts
    assert cut.killing
    assert cut.limit_s == pytest.approx(SCRIPT_S / 2, abs=0.1)
    assert not again.killing
    assert cut.closed
    assert again.told["POV_VERSION"] == cut.told["POV_VERSION"] != whole.told["POV_VERSION"]
    assert left(result) == ["old"] * 3
    assert result.evidence.details["left_running_when_killed"] == 2


def test_somebodys_own_script_is_killed_and_run_again_and_told_that_it_deploys(world: World, tmp_path: Path) -> None:
    path = tmp_path / "mine.sh"
    path.write_text("#!/bin/sh\n")
    own = OwnScript((str(path),), tmp_path, 90.0, Digested.of(path), 20.0)
    make = EXPERIMENTS["interrupted"].own
    assert make is not None
    slot, box = Slot("interrupted", "mine", 1), replace(world.toolbox(tmp_path), logs=tmp_path / "logs")
    result = run_trial(slot, lambda: make(own).make(box, slot), world.clock)
    assert result.error is None
    whole, cut, again = world.scripts
    assert [script.killing for script in world.scripts] == [False, True, False]
    assert [script.told["POV_EXPERIMENT"] for script in world.scripts] == ["deploy"] * 3
    assert (whole.limit_s, again.limit_s) == (90.0, 90.0)
    assert cut.limit_s == pytest.approx(SCRIPT_S / 2, abs=0.1)
    assert [script.log.name for script in world.scripts if script.log] == [
        "deploy-mine-0.log",
        "interrupted-mine-1.log",
        "interrupted-mine-1-again.log",
    ]
    assert box.usual == {"mine": pytest.approx(SCRIPT_S, abs=0.3)}
    assert left(result) == ["old"] * 3
    assert result.evidence.details["script"] == own.file.digest


def test_somebodys_own_script_that_cannot_deploy_tells_no_usual_time(world: World, tmp_path: Path) -> None:
    path = tmp_path / "mine.sh"
    path.write_text("#!/bin/sh\n")
    own = OwnScript((str(path),), tmp_path, 90.0, Digested.of(path), 20.0)
    make = EXPERIMENTS["interrupted"].own
    assert make is not None
    world.script = lambda script: world.clock.sleep(0.5)
    slot, box = Slot("interrupted", "mine", 1), world.toolbox(tmp_path)
    result = run_trial(slot, lambda: make(own).make(box, slot), world.clock)
    assert "the whole deployment that tells its usual time failed" in (result.error or "")
    assert "not after 20 s" in (result.error or "")
    assert result.seconds is None


def test_the_delivery_is_killed_and_finishes_by_itself(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated")
    assert result.error is None
    assert len(world.killed) == 1
    # Half of 15.6 s: the sync has begun, the roll-out has not ended.
    assert left(result) == ["old"] * 3
    assert len(world.commits) == 2, "the whole one, and the one that was interrupted"
    assert world.commits[1].startswith("Deploy 1123ab-interrupted-automated-1 to staging: ")
    assert result.seconds == pytest.approx(0.6 + 4 + 11 - 7.8, abs=0.5)
    assert [step.name for step in result.evidence.steps] == ["look at what was left", "by itself, seen by prober"]


def test_killed_before_it_has_begun_to_sync_it_begins_when_it_is_there_again(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "automated", at=10)
    assert result.error is None
    assert result.seconds == pytest.approx(5 + 11, abs=0.5)


@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("arm", ARMS)
def test_what_was_lost_is_counted_from_the_beginning_hard_and_late_apart(
    world: World, tmp_path: Path, arm: str, stalled: bool
) -> None:
    """And those late ones apart that an untouched stage met in the same moment."""
    box = replace(world.toolbox(tmp_path), usual={"automated": 15.6, "manual": RUNBOOK_S, "scripted": SCRIPT_S})
    estate = world.staging if arm == "automated" else world.estates[-1]
    proof = set(world.scenario.pov_services)
    touched = next(e for e in estate.edges if {e.source, e.target} & proof)
    edge = (estate.name, touched.source, touched.target)

    def begun() -> None:
        if world.loads and [name for name, _ in world.loads[-1].phases] == ["until-killed"]:
            world.clock.hooks.clear()
            world.lose(edge, "hard", 0.2)
            world.lose(edge, "hard", 0.3)
            world.lose(edge, "late", SCRIPT_S / 2 + 0.4)
            if stalled:
                world.lose(("dev", *edge[1:]), "late", SCRIPT_S / 2 + 0.5)

    world.clock.hooks.append(begun)
    result = go(world, tmp_path, arm, box=box)
    assert result.error is None
    assert result.evidence.figures["hard_until_good"] == 2
    assert result.evidence.figures["late_until_good"] == 1
    assert result.evidence.details["late_until_good_excused"] == int(stalled)


def test_the_customers_runbook_for_deployments_is_what_is_killed(world: World, tmp_path: Path) -> None:
    book = tmp_path / "theirs" / "deploy.yml"
    book.parent.mkdir()
    book.write_text("- hosts: all\n")
    box = replace(world.toolbox(tmp_path), playbooks={"deploy": Digested.of(book)})
    assert go(world, tmp_path, "manual", box=box).error is None
    assert [playbook for playbook, _ in world.playbooks if playbook != "distribute.yml"] == [str(book)] * 3


def test_the_usual_time_is_told_by_one_whole_deployment_a_run(world: World, tmp_path: Path) -> None:
    box = world.toolbox(tmp_path)
    assert go(world, tmp_path, "manual", 1, box=box).ok
    assert go(world, tmp_path, "manual", 2, box=box).ok
    versions = [told["version"] for playbook, told in world.playbooks if playbook == "deploy.yml"]
    assert versions.count("1123ab-manual-0") == 1
    assert box.usual == {"manual": pytest.approx(RUNBOOK_S, abs=0.3)}


def test_a_whole_deployment_that_fails_tells_no_usual_time(world: World, tmp_path: Path) -> None:
    world.runbook_error = BROKEN
    result = go(world, tmp_path, "manual")
    assert result.error == "the whole deployment that tells its usual time failed (broken (because))"
    assert result.seconds is None


@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_what_had_ended_before_it_could_be_killed_is_a_failed_trial(world: World, tmp_path: Path, arm: str) -> None:
    box = replace(world.toolbox(tmp_path), usual={arm: 60.0})
    result = go(world, tmp_path, arm, box=box)
    assert (result.error or "").startswith("the deployment had ended before it was killed")
    assert world.deleted == ["legacy-1-0", "legacy-2-0"], "the hosts are as they were"
    took = box.usual[arm]
    assert took < 60, "the machine has become quicker: the next one is killed earlier"
    assert go(world, tmp_path, arm, 2, box=box).ok
    assert box.usual[arm] == took


def test_a_delivery_that_had_ended_before_it_was_killed_is_a_failed_trial(world: World, tmp_path: Path) -> None:
    box = replace(world.toolbox(tmp_path), usual={"automated": 60.0})
    result = go(world, tmp_path, "automated", box=box)
    assert (result.error or "").startswith("the deployment had ended before it was killed")
    assert box.usual["automated"] == pytest.approx(30.0, abs=5.0), "no more than that was it seen to take"
    assert set(world.images.values()) == {OLD}


def test_a_delivery_that_does_not_come_back_is_told_and_the_change_taken_back(world: World, tmp_path: Path) -> None:
    world.back = False
    result = go(world, tmp_path, "automated")
    assert "Argo CD's application controller" in (result.error or "")
    assert world.commits[-1] == "Back to the state before trial 1 of interrupted"


def test_a_delivery_that_compares_at_its_next_poll_is_waited_for_outside_the_clock(
    world: World, tmp_path: Path
) -> None:
    box = replace(world.toolbox(tmp_path), usual={"automated": 15.6})
    world.compares_after_s = 170.0
    result = go(world, tmp_path, "automated", box=box)
    assert result.error is None
    assert (result.seconds or 0) < 10
    assert 160 < result.evidence.figures["called_done_seconds"] < 180


def test_a_script_that_lies_the_second_time_is_not_believed(world: World, tmp_path: Path) -> None:
    def lies(script: Script) -> None:
        if len(world.scripts) == 3:
            world.clock.sleep(1.0)
        else:
            script.work()

    world.script = lies
    result = go(world, tmp_path, "scripted")
    assert "not after 120 s" in (result.error or "")
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]


def test_what_stopped_the_clock_is_not_what_verifies(world: World, tmp_path: Path) -> None:
    world.hosts_run_old = True
    box = replace(world.toolbox(tmp_path), usual={"manual": RUNBOOK_S})
    result = go(world, tmp_path, "manual", box=box)
    assert not result.ok
    assert result.seconds is not None


@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_ctrl_c_right_after_the_kill_starts_the_hosts_anew_and_waits_for_nothing(
    world: World, tmp_path: Path, arm: str
) -> None:
    box = replace(world.toolbox(tmp_path), usual={"manual": RUNBOOK_S, "scripted": SCRIPT_S})

    def pressed() -> None:
        if world.loads and "operation" in [name for name, _ in world.loads[-1].phases]:
            world.clock.hooks.clear()
            raise KeyboardInterrupt

    world.clock.hooks.append(pressed)
    with pytest.raises(KeyboardInterrupt):
        go(world, tmp_path, arm, box=box)
    world.clock.sleep(5.0)
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    assert world.loads[-1].ended is not None


@pytest.mark.parametrize(("given", "percent"), [("early", 10), ("half", 50), ("late", 80), ("5%", 5), ("90%", 90)])
def test_a_point_is_a_name_or_a_share(given: str, percent: int) -> None:
    assert percent_of(given) == percent
    assert catalogue.AT.figure(Settings.model_validate({"name": "interrupted", "at": given}).at) == percent


@pytest.mark.parametrize(
    ("given", "message", "fix"),
    [
        ("haf", "no point `haf`", "did you mean `half`?"),
        ("", "no point ``", "known: early, half, late"),
        ("50", "no point `50`", "known: early, half, late"),
        ("4%", "4% is no point half-way", "5% to 90%"),
        ("100%", "100% is no point half-way", "5% to 90%"),
        ("٥٠%", "no point `٥٠%`", "known"),
    ],
)
def test_what_is_no_point(given: str, message: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(Faults) as caught:
        percent_of(given)
    assert caught.value.faults[0][1] == message
    assert fix in caught.value.faults[0][2]
    with pytest.raises(ValueError, match="point"):
        Settings.model_validate({"name": "interrupted", "at": given})
    with pytest.raises(InvalidInput) as refused:
        planned(MeasureOptions(tmp_path, experiments=("interrupted",), at=given), scenario())
    assert [(problem.where, problem.message) for problem in refused.value.problems] == [("--at", message)]
    assert fix in refused.value.problems[0].fix


def test_a_point_belongs_to_what_is_interrupted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="deploy has no `at`"):
        Settings.model_validate({"name": "deploy", "at": "half"})
    with pytest.raises(InvalidInput) as refused:
        planned(MeasureOptions(tmp_path, experiments=("deploy",), at="half"), scenario())
    assert "nothing is killed in deploy" in refused.value.problems[0].message
