"""Bad days of a standing environment: interrupts, lost pods, a full disk. Each leaves it as healthy as before."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

import pytest

from pov.state.runs import read_run
from pov.workflows.measuring import mark_of
from tests.e2e.harness import MEASURE_S, WINDOWS_LAST, Environment, Running
from tests.e2e.trouble import FILLER, PodDeleter, fill, small_disk

pytestmark = pytest.mark.timeout(700)


def test_ctrl_c_keeps_what_was_measured(shared: Environment) -> None:
    known = set(shared.runs())
    # With this seed a trial by Git comes second: what is interrupted is at work.
    arms = ("--arm", "automated", "--arm", "manual")
    running = shared.start("measure", "deploy", *arms, "--trials", "2", "--seed", "2")

    def first_sample() -> bool:
        running.alive()
        new = [run for run in shared.runs() if run not in known]
        return bool(new) and (new[0] / "samples.jsonl").read_bytes().count(b"\n") >= 1

    try:
        shared.until("the first trial's sample", first_sample, timeout_s=180, interval_s=0.1)
    finally:
        running.send(signal.SIGINT)
        ran = running.wait(120)
    assert ran.code == 130
    assert "Traceback" not in ran.err
    saved = read_run(shared.runs()[-1])
    assert saved.problems == ()
    assert saved.summary is not None
    assert saved.summary["run"]["interrupted"] is True
    (experiment,) = saved.summary["experiments"]
    assert {arm["name"]: arm["planned"] for arm in experiment["arms"]} == {"automated": 2, "manual": 2}
    trials = [trial for arm in experiment["arms"] for trial in arm["trials"]]
    assert 1 <= len(trials) < 4
    assert all(trial["ok"] for trial in trials)
    assert shared.pov("report", "--run", saved.path.name).json["problems"] == []
    shared.until_healthy()
    assert shared.up().json["changed"] is False, "the interrupted trial was cleaned up after"


def test_a_run_that_was_killed_goes_on_in_its_order(shared: Environment, facts: Callable[..., None]) -> None:
    known = set(shared.runs())
    # With this seed the placebo comes first, and the trial that is killed changes Git and the cluster.
    running = shared.start("measure", "deploy", "--arm", "automated", "--trials", "1", "--seed", "1")

    def rolling_out() -> bool:
        running.alive()
        new = [run for run in shared.runs() if run not in known]
        mark = mark_of(new[0].name) if new else "no run yet"
        images = shared.kubectl("get", "deployments", "-n", "staging", "-o", "jsonpath={..image}", code=None).out
        return f":{mark}-automated-1" in images

    try:
        shared.until("the new version on its way", rolling_out, timeout_s=180, interval_s=0.2)
    finally:
        running.send(signal.SIGKILL)
        assert running.wait(60).code == -signal.SIGKILL
    run = shared.runs()[-1]
    cut = read_run(run)
    assert cut.problems == ()
    assert cut.summary is None
    assert [sample["arm"] for sample in cut.samples] == ["placebo"]
    assert f"pov measure --resume {run.name}" in shared.start("runs", "list").wait(60).out
    shared.pov("measure", "--resume", run.name, "--trials", "2", code=2)
    ran = shared.measure("--resume", run.name)
    saved = read_run(run)
    assert saved.problems == ()
    assert saved.samples[: len(cut.samples)] == cut.samples
    assert [(s["arm"], s["ok"]) for s in saved.samples] == [("placebo", True), ("automated", True)]
    assert saved.samples[1]["details"]["version"].startswith(mark_of(run.name, 1))
    (told,) = ran.json["interruptions"]
    assert (told["after"], told["ended"], told["trial"]) == (1, "cut off", "deploy automated 1")
    assert shared.pov("report", "--run", run.name).json["problems"] == []
    assert shared.pov("verify", run.name).json["wrong"] == []
    assert shared.pov("measure", "--resume", run.name, code=2).json["error"]["message"].startswith(f"{run.name}: ended")
    facts(resumed_in_seconds=round(ran.seconds, 1))
    shared.until_healthy()
    assert shared.up().json["changed"] is False, "the trial that was killed left nothing behind"


def test_pods_lost_while_measuring_cost_a_trial_at_most(shared: Environment, facts: Callable[..., None]) -> None:
    known = set(shared.runs())
    # The trial comes first: pods are lost while it is at it. The one placebo gives them time to come back.
    # New pods need a commit, a sync and a certificate: each of the three engines has its part in a deployment.
    running = shared.start("measure", "deploy", "--arm", "automated", "--trials", "2", *WINDOWS_LAST)

    def begun() -> bool:
        running.alive()
        return bool(set(shared.runs()) - known)

    shared.until("the run's folder", begun, timeout_s=90, interval_s=0.1)
    with PodDeleter(shared) as deleter:
        ran = running.wait(MEASURE_S)
    assert len(deleter.deleted) == 5
    # Rotating was not measured, so its criterion is not shown; a lost pod may cost requests.
    assert ran.code in {4, 5}, str(ran)
    saved = read_run(shared.runs()[-1])
    assert saved.problems == ()
    assert saved.summary is not None
    assert saved.summary["run"]["interrupted"] is False
    trials = sorted(saved.summary["experiments"][0]["arms"][0]["trials"], key=lambda trial: trial["started"])
    facts(deleted=deleter.deleted, trials=[trial["error"] or trial["seconds"] for trial in trials])
    assert len(trials) == 2
    assert trials[-1]["ok"] is True, "once the pods are back, it works again"
    shared.until_healthy()


def _fill_once_begun(shared: Environment, running: Running) -> None:
    def begun() -> bool:
        running.alive()
        return any((run / "samples.jsonl").exists() for run in shared.runs())

    shared.until("the run's folder", begun, timeout_s=90, interval_s=0.02)
    fill(shared.home.runs_dir)


def test_a_full_disk_costs_no_sample_when_somebody_makes_room(shared: Environment) -> None:
    with small_disk(shared.home.runs_dir, kib=256):
        running = shared.start("measure", "deploy", "--arm", "automated", "--trials", "1", *WINDOWS_LAST)
        try:
            _fill_once_begun(shared, running)
            told = "free some space now"
            shared.until("to be told", lambda: told in running.err or running.process.poll(), timeout_s=MEASURE_S)
        finally:
            (shared.home.runs_dir / FILLER).unlink(missing_ok=True)
            ran = running.wait(60)
        assert told in ran.err
        assert os.strerror(errno.ENOSPC) in ran.err
        assert ran.code in {4, 5}, str(ran)
        saved = read_run(shared.runs()[-1])
        assert saved.problems == ()
        assert saved.summary is not None
        assert [sample["arm"] for sample in saved.samples].count("automated") == 1
    assert shared.up().json["changed"] is False


@pytest.mark.matrix
def test_a_full_disk_is_told_and_spoils_nothing(shared: Environment) -> None:
    with small_disk(shared.home.runs_dir, kib=256):
        running = shared.start("measure", "deploy", "--arm", "automated", "--trials", "1")
        try:
            _fill_once_begun(shared, running)
        finally:
            ran = running.wait(MEASURE_S)
        assert ran.code == 1, str(ran)
        assert ran.err.count("Error:") == 1
        assert "Traceback" not in ran.err
        assert os.strerror(errno.ENOSPC) in ran.err
        assert read_run(shared.runs()[-1]).problems == (), "no half line"
    shared.until_healthy()
    assert shared.up().json["changed"] is False


def test_another_command_waits_its_turn(shared: Environment) -> None:
    known = set(shared.runs())
    running = shared.start("measure", "deploy", "--arm", "automated", "--trials", "1")

    def locked() -> bool:
        running.alive()
        path = shared.home.root / "lock"
        return (
            path.exists() and path.read_text().split()[:1] == [str(running.process.pid)] and set(shared.runs()) > known
        )

    try:
        shared.until("the lock", locked, timeout_s=90, interval_s=0.05)
        running.alive()
        ran = shared.pov("down", code=1)
        assert f"is being changed by process {running.process.pid}" in ran.err
        assert shared.pov("status").code == 0
    finally:
        running.send(signal.SIGINT)
        assert running.wait(120).code == 130
    shared.until_healthy()
