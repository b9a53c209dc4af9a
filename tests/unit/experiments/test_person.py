"""The arms of people: the same trial as the runbook's, with somebody at the terminal; here a fake that acts at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.engines.runbook_text import Written
from pov.engines.terminal import TerminalGone
from pov.engines.workplace import Workplace
from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.session import Session
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import OLD, World


@dataclass
class FakeSeat:
    """Somebody who does it in so many seconds, or something else."""

    world: World
    does: Callable[[FakeSeat], None]
    by: str = "sam"
    origin: str = "person"
    session: Session = field(default_factory=Session)
    seconds: float = 0.0
    gone: bool = False
    ready: list[tuple[str, str]] = field(default_factory=list)
    stopped: bool = False

    def until_ready(self, task: str, runbook: str) -> None:
        self.ready.append((task, runbook))
        self.world.clock.sleep(600.0)

    def work(self, place: Workplace, runbook: Written, look: Callable[[], object], stop: Callable[[], None]) -> None:
        begun = self.world.now
        self.session = Session(runbook.parts)
        try:
            self.does(self)
            look()
        finally:
            stop()
            self.seconds = self.world.now - begun

    def as_details(self) -> dict[str, Any]:
        return {"by": "sam", "experience": "never", "recording": {}}


def go(world: World, folder: Path, experiment: str, seat: FakeSeat | None, arm: str = "person") -> Result:
    slot = Slot(experiment, arm, 1)
    box = replace(world.toolbox(folder), seat=None if seat is None else lambda _: seat)
    return run_trial(slot, lambda: EXPERIMENTS[experiment].arms[arm].make(box, slot), world.clock)


def deploys(seat: FakeSeat) -> None:
    """Half a minute of work, of which the prober sees the end four seconds later."""
    world = seat.world
    seat.session.key(1.0)
    seat.session.mark(20.0)
    world.clock.sleep(30.0)
    version = "1123ab-person-1"
    world.clock.after(4.0, lambda: world.versions["legacy"].update(dict.fromkeys(world.scenario.pov_services, version)))


def rotates(seat: FakeSeat) -> None:
    world = seat.world
    world.clock.sleep(30.0)
    world.serials["legacy"] = {name: world.serial() for name in world.serials["legacy"]}


@pytest.fixture
def world() -> World:
    return World()


def test_the_clock_starts_at_ready_and_stops_when_it_is_seen(world: World, tmp_path: Path) -> None:
    seat = FakeSeat(world, deploys)
    result = go(world, tmp_path, "deploy", seat)
    assert result.error is None
    assert result.seconds == pytest.approx(34, abs=0.5), "ten minutes of reading beforehand are none of it"
    assert "to version 1123ab-person-1" in seat.ready[0][0]
    assert seat.ready[0][1].startswith("deploy.yml for ")
    sample = result.as_sample()
    assert sample.origin == "person"
    assert sample.details["by"] == "sam"
    assert sample.figures["hands_on_seconds"] == pytest.approx(11)
    assert [step.name for step in sample.steps] == [world.scenario.pov_services[0], "after the last mark"]
    assert [name for name, _ in world.playbooks] == ["distribute.yml"], "the runbook itself is not run by a machine"
    assert sample.traffic is not None
    assert sample.traffic.operation.requests > 0


def test_a_rotation_is_verified_as_the_runbooks_is(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "rotate", FakeSeat(world, rotates))
    assert result.error is None
    assert result.as_sample().details["rotations"] == 6


def test_what_was_seen_but_is_not_on_the_hosts_is_a_failed_trial(world: World, tmp_path: Path) -> None:
    world.hosts_run_old = True
    result = go(world, tmp_path, "deploy", FakeSeat(world, deploys))
    assert result.error is not None
    assert "not 1123ab-person-1" in result.error
    assert world.deleted, "the hosts are brought back to their baseline"


def raising(error: BaseException, *, gone: bool = False) -> Callable[[FakeSeat], None]:
    def does(seat: FakeSeat) -> None:
        seat.world.clock.sleep(12.0)
        seat.session.mark(10.0)
        seat.gone = gone
        raise error

    return does


def test_giving_up_keeps_what_was_done(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "deploy", FakeSeat(world, raising(PovError("given up after 12 s"))))
    assert result.error == "given up after 12 s"
    sample = result.as_sample()
    assert sample.seconds == pytest.approx(12)
    assert sample.origin == "person"
    assert sample.steps
    assert len(world.deleted) == 2
    assert world.loads[0].ended is not None


def test_a_lost_terminal_keeps_the_trial_and_waits_for_no_host(world: World, tmp_path: Path) -> None:
    begun = world.now
    result = go(world, tmp_path, "deploy", FakeSeat(world, raising(TerminalGone(), gone=True)))
    assert result.error == "the terminal is gone"
    assert result.as_sample().steps
    assert world.now - begun < 640, "nobody waits for the hosts to come back"
    assert world.deleted == []
    world.clock.sleep(5.0)
    assert len(world.deleted) == 2, "but they do"


def test_without_somebody_there_is_no_trial(world: World, tmp_path: Path) -> None:
    result = go(world, tmp_path, "deploy", None)
    assert result.error == "nobody sits at the terminal"
    assert result.seconds is None


def test_a_script_in_a_persons_place_carries_its_origin_also_where_it_never_got_there(
    world: World, tmp_path: Path
) -> None:
    world.errors["legacy", world.scenario.pov_services[0]] = "does not answer"
    result = go(world, tmp_path, "deploy", FakeSeat(world, deploys, origin="simulated"))
    assert result.error is not None
    assert result.as_sample().origin == "simulated"


def commits(seat: FakeSeat) -> None:
    """Twenty seconds of editing, then the push; nothing was edited before."""
    world = seat.world
    assert world.images["payment-gateway"] == OLD
    world.clock.sleep(20.0)
    tag = f"{OLD.rpartition(':')[0]}:1123ab-person-commits-1"
    world.push("rev-person", {**world.images, **dict.fromkeys(world.scenario.pov_services, tag)}, 1)


def test_a_person_may_do_it_by_a_commit_with_the_edit_under_the_clock(world: World, tmp_path: Path) -> None:
    seat = FakeSeat(world, commits)
    result = go(world, tmp_path, "deploy", seat, "person-commits")
    assert result.error is None
    assert result.seconds == pytest.approx(20 + 4 + 11, abs=0.5)
    assert world.commits == [], "nothing was committed in the person's place"
    assert "set newTag of payment-gateway" in seat.ready[0][1]
    assert result.as_sample().origin == "person"
    assert result.as_sample().details["revision"] == "rev-person"


def test_a_commit_that_was_given_up_is_taken_back(world: World, tmp_path: Path) -> None:
    def half(seat: FakeSeat) -> None:
        commits(seat)
        raise PovError("given up after 20 s")

    result = go(world, tmp_path, "deploy", FakeSeat(world, half), "person-commits")
    assert result.error == "given up after 20 s"
    assert world.commits == ["Back to the state before trial 1 of deploy"]
    assert set(world.images.values()) == {OLD}
