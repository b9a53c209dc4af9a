"""Arms that are scripts: told what the runbook is told, under the same clocks, and never believed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import PovError, TimedOut
from pov.base.paths import data
from pov.base.redact import Secret
from pov.config.own import taking_own, with_own_work
from pov.engines.ansible import Runbooks, Target
from pov.engines.ssh import Target as SshTarget
from pov.experiments import EXPERIMENTS
from pov.experiments.brought import Digested, OwnScript
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.steps.legacy.ssh import _COMMON
from tests.unit.experiments.world import Script, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def own(tmp_path: Path) -> OwnScript:
    path = tmp_path / "mine.sh"
    path.write_text("#!/bin/sh\n")
    return OwnScript((str(path), "--fast"), tmp_path, 90.0, Digested.of(path), 20.0)


def go(world: World, own: OwnScript, experiment: str = "deploy", trial: int = 1) -> Result:
    slot = Slot(experiment, "mine", trial)
    make = EXPERIMENTS[experiment].own
    assert make is not None
    box = replace(world.toolbox(own.folder), logs=own.folder / "logs")
    return run_trial(slot, lambda: make(own).make(box, slot), world.clock)


def test_it_is_told_what_the_runbook_is_told_and_measured_alike(world: World, own: OwnScript, tmp_path: Path) -> None:
    result = go(world, own)
    assert result.error is None
    (script,) = world.scripts
    assert (script.argv, script.folder, script.limit_s) == (own.argv, tmp_path, 90.0)
    proof = " ".join(world.scenario.pov_services)
    assert script.told == {
        "POV_EXPERIMENT": "deploy",
        "POV_ARM": "mine",
        "POV_TRIAL": "1",
        "POV_SERVICES": proof,
        "POV_VERSION": "1123ab-mine-1",
        "POV_RELEASE": str(tmp_path / "1123ab-mine-1.tar.gz"),
        "POV_HOSTS": "legacy-1 legacy-2",
        "POV_PLACES": str(tmp_path / "places"),
        "POV_SURGE": "3",
        "POV_TIME_LIMIT": "90",
    }
    places = [line.split() for line in (tmp_path / "places").read_text().splitlines()]
    assert sorted(place[1] for place in places) == sorted(world.scenario.pov_services)
    assert {(place[0], place[2], place[3]) for place in places} >= {("legacy-1", "8443", "18081")}
    assert [playbook for playbook, _ in world.playbooks] == ["distribute.yml"], "the artefact is there before the clock"
    assert result.evidence.figures["distribution_seconds"] == pytest.approx(3.0)
    assert [step.name for step in result.evidence.steps] == ["script", "seen by prober"]
    assert result.seconds == pytest.approx(2.0, abs=0.3)
    sample = result.as_sample()
    assert sample.traffic is not None
    assert sample.traffic.operation.requests > 0
    assert sample.details["left_running"] == 2
    assert sample.details["script"] == own.file.digest
    assert sample.details["log"] == "logs/deploy-mine-1.log"
    assert script.log == tmp_path / "logs" / "deploy-mine-1.log"
    assert "not believed" in str(sample.details["checks"])
    assert world.deleted == []


def test_a_rotation_is_told_the_ca_by_its_files(world: World, own: OwnScript) -> None:
    assert go(world, own, "rotate").error is None
    (script,) = world.scripts
    assert script.told["POV_SERVICES"].split() == list(world.staging.services)
    assert {name: script.told[name] for name in ("POV_CA", "POV_CA_KEY", "POV_DAYS")} == {
        "POV_CA": "/ca.crt",
        "POV_CA_KEY": "/ca.key",
        "POV_DAYS": "365",
    }
    assert script.secret_files == (Path("/ca.key"),), "what stands in it is kept out of the log"
    requests = Path(script.told["POV_REQUESTS"])
    assert {path.stem for path in requests.glob("*.cnf")} == set(world.staging.services)


def lies(script: Script) -> None:
    script.world.clock.sleep(0.5)


def does_half(script: Script) -> None:
    first = script.told["POV_SERVICES"].split()[0]
    script.world.versions["legacy"][first] = script.told["POV_VERSION"]


def fails(script: Script) -> None:
    raise PovError("mine.sh ended with code 3", cause="no route")


def hangs(script: Script) -> None:
    script.world.clock.sleep(90.0)
    raise TimedOut("mine.sh: not done after 90 s")


def works_and_fails(script: Script) -> None:
    Script.work(script)
    raise PovError("mine.sh ended with code 1")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (lies, "version 1123ab-mine-1 on every host: not after 20 s"),
        (does_half, "version 1123ab-mine-1 on every host: not after 20 s"),
        (fails, "mine.sh ended with code 3 (no route)"),
        (hangs, "mine.sh: not done after 90 s"),
        (works_and_fails, "mine.sh ended with code 1"),
    ],
)
def test_whatever_goes_wrong_fails_the_trial_and_the_hosts_start_anew(
    world: World, own: OwnScript, does: Callable[[Script], None], told: str
) -> None:
    world.script = does
    result = go(world, own)
    assert told in (result.error or "")
    assert result.seconds is not None
    assert world.scripts[0].closed > 0
    assert world.deleted == ["legacy-1-0", "legacy-2-0"]
    world.script = Script.work
    assert go(world, own, trial=2).error is None


@pytest.mark.parametrize("experiment", with_own_work())
@pytest.mark.parametrize("seconds", [20, 300])
def test_its_work_is_looked_for_as_long_as_the_arm_says(
    world: World, own: OwnScript, experiment: str, seconds: float
) -> None:
    world.script = lies
    result = go(world, replace(own, seen_s=seconds), experiment)
    assert f"not after {seconds} s" in (result.error or "")
    assert result.seconds == pytest.approx(seconds, abs=2)


def test_the_prober_alone_is_not_believed_either(world: World, own: OwnScript) -> None:
    world.hosts_run_old = True
    assert "payment-gateway on legacy-1 runs" in (go(world, own).error or "")


def test_a_rotation_that_renews_all_but_one_is_none(world: World, own: OwnScript) -> None:
    def all_but_one(script: Script) -> None:
        for name in script.told["POV_SERVICES"].split()[1:]:
            world.serials["legacy"][name] = world.serial()

    world.script = all_but_one
    assert "a new certificate on every host: not after" in (go(world, own, "rotate").error or "")


def test_after_an_interrupt_what_it_left_is_ended_too(world: World, own: OwnScript) -> None:
    def interrupted(script: Script) -> None:
        raise KeyboardInterrupt

    world.script = interrupted
    with pytest.raises(KeyboardInterrupt):
        go(world, own)
    assert world.scripts[0].closed == 1


def test_a_script_that_is_changed_in_between_fails_the_trial_before_its_clock(world: World, own: OwnScript) -> None:
    assert go(world, own).error is None
    own.file.path.write_text("#!/bin/sh\necho another\n")
    result = go(world, own, trial=2)
    assert "was changed while it was measured" in (result.error or "")
    assert result.seconds is None


def test_the_customer_s_runbook_takes_the_example_s_place(world: World, tmp_path: Path) -> None:
    book = tmp_path / "theirs" / "deploy.yml"
    book.parent.mkdir()
    book.write_text("- hosts: all\n")
    slot = Slot("deploy", "manual", 1)
    box = replace(world.toolbox(tmp_path), playbooks={"deploy": Digested.of(book)})
    result = run_trial(slot, lambda: EXPERIMENTS["deploy"].arms["manual"].make(box, slot), world.clock)
    assert f"check {book}" in world.calls
    assert [playbook for playbook, _ in world.playbooks] == ["distribute.yml", str(book)]
    assert result.error is None
    book.write_text("- hosts: none\n")
    again = run_trial(slot, lambda: EXPERIMENTS["deploy"].arms["manual"].make(box, slot), world.clock)
    assert "deploy.yml was changed while it was measured" in (again.error or "")


def test_the_shipped_script_is_an_arm_of_the_same_kind(world: World, tmp_path: Path) -> None:
    for experiment in ("deploy", "rotate"):
        slot = Slot(experiment, "scripted", 1)
        make = EXPERIMENTS[experiment].arms["scripted"].make
        result = run_trial(slot, lambda make=make, slot=slot: make(world.toolbox(tmp_path), slot), world.clock)  # type: ignore[misc]
        assert result.error is None
        (path,) = world.scripts[-1].argv
        assert Path(path).name == f"{experiment}.sh"
        assert world.scripts[-1].told["POV_ARM"] == "scripted"


def test_what_is_told_and_what_the_page_says_are_the_same(world: World, own: OwnScript, tmp_path: Path) -> None:
    told: set[str] = set()
    for experiment in taking_own():
        go(world, own, experiment)
        told |= set(world.scripts[-1].told)
    target = Target(SshTarget("legacy-1", ("sshd", "-i"), "ssh-ed25519 AAAA"))
    printed = tmp_path / "printed"
    with Runbooks(tmp_path, [target], user="root", key=Secret("key"), common=_COMMON) as books:
        way = books.script(["/usr/bin/env"], {}, folder=tmp_path, log=printed, secret_files=[])
        way.run(timeout_s=20)
        way.close()
    told |= {line.partition("=")[0] for line in printed.read_text().splitlines()} & {"TMPDIR"}
    told |= set(re.findall(r"^(POV_[A-Z_]+)=", printed.read_text(), re.MULTILINE))
    page = data("docs", "own-arm.md").read_text()
    tables = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([A-Z_]+)`", tables)) == told
