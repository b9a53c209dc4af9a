"""Days so bad that they need a cluster of their own."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.state.home import TERRAFORM_LOG
from pov.state.terraform_log import APPLIED, BEGUN, GONE
from tests.e2e.harness import HOSTILE, UP_S, WINDOWS_LAST, Environment, containers
from tests.e2e.trouble import PodDeleter, foreign_cluster, orphans
from tests.journals import read_journal

pytestmark = pytest.mark.timeout(900)
Own = Callable[..., Environment]


def _left(environment: Environment) -> list[str]:
    """What is left of an environment, beside what is kept on purpose; a process gets 20 seconds to end.

    The container engine tidies up after a container in a process of its own, which ends after the command that asked.
    """
    kept = {"runs", "reports", "journal.jsonl", TERRAFORM_LOG}
    home = environment.home.root
    files = [str(path) for path in home.iterdir() if path.name not in kept] if home.is_dir() else []
    files += [str(path) for path in environment.tmp.iterdir()]
    files += [str(path) for path in environment.user.rglob("*") if path.is_file()]
    listed = containers().run("ps", "--all", "--format", "{{.Names}}").stdout.split()
    return [*files, *(name for name in listed if environment.name in name), *orphans(environment.node, within_s=20)]


def test_a_cluster_that_pov_did_not_make_is_never_touched(own: Own) -> None:
    environment = own("foreign")

    def state() -> str:
        form = "{{.Id}} {{.State.Status}} {{.State.StartedAt}}"
        return containers().run("container", "inspect", "--format", form, environment.node).stdout

    with foreign_cluster(f"pov-{environment.name}"):
        before = state()
        refused = environment.pov("up", "quickstart", code=3)
        assert environment.node in refused.err or f"pov-{environment.name}" in refused.err
        assert state() == before
        environment.start("down").wait(120)
        assert state() == before
    assert _left(environment) == []


def test_a_second_environment_comes_up_in_hostile_surroundings_whatever_pods_are_lost(
    shared: Environment, own: Own, facts: Callable[..., None]
) -> None:
    """Beside another, under a page of variables that spoil tools; measured by both ways, it goes without a trace."""
    before = shared.pov("status").json
    second = own("second", root=shared.root, variables=HOSTILE)
    with PodDeleter(second) as deleter:
        up = second.up("quickstart").json
    facts(deleted=deleter.deleted, second_up_seconds=up["seconds"])
    assert len(deleter.deleted) == 5
    assert up["changed"] is True
    second.until_healthy()
    assert second.up().json["changed"] is False
    assert not set(up["addresses"].values()) & set(before["addresses"].values())
    assert second.pov("status").json["problems"] == []
    volumes = second.volumes()
    which = shared.start("status", named=False).wait(120)
    assert which.code == 2
    assert shared.name in which.err
    assert second.name in which.err
    # By Git, and by SSH.
    second.measure("deploy", "--arm", "automated", "--arm", "manual", "--trials", "1", *WINDOWS_LAST)
    arms = {arm["name"]: arm["trials"] for e in second.summary()["experiments"] for arm in e["arms"]}
    assert {name: [t["error"] for t in trials] for name, trials in arms.items()} == {
        "automated": [None],
        "manual": [None],
    }
    down = second.pov("down").json
    assert down["removed"]
    assert {Path(path).name for path in down["kept"]} >= {"runs", "journal.jsonl", TERRAFORM_LOG}
    log = second.pov("infra", "log").json
    results = [run["result"] for run in log["runs"]]
    assert (results[:2], results[-1], log["problems"]) == ([BEGUN, APPLIED], GONE, [])
    kept = json.loads((second.runs()[-1] / "environment.json").read_text())["terraform_log"]
    assert (kept["problems"], kept["head"] in [run["digest"] for run in log["runs"]]) == ([], True)
    assert _left(second) == []
    assert not set(containers().run("volume", "ls", "--format", "{{.Name}}").stdout.split()) & set(volumes)
    assert volumes
    assert (second.runs()[-1] / "summary.json").exists(), "what was measured is kept"
    again = second.pov("down").json
    assert again["removed"] == []
    after = shared.pov("status").json
    assert (after["problems"], after["addresses"]) == ([], before["addresses"])


@pytest.mark.apart
def test_taken_ports_then_down_in_the_middle_then_nothing_is_left(own: Own) -> None:
    environment = own("half")
    # Every port that is chosen at first is taken before kind can use it; the cluster comes up on others.
    running = environment.start("up", "quickstart", bend="ports")

    def half_way() -> bool:
        running.alive()
        done = {e["step"]: e["kind"] for e in read_journal(environment.home.journal) if "step" in e}
        return done.get("cluster") == "step-done" and done.get("vault") == "step-started"

    try:
        environment.until("the cluster, and Vault half way", half_way, timeout_s=180, interval_s=0.05)
        refused = environment.pov("down", code=1)
        assert f"process {running.process.pid}" in refused.err
        volumes = environment.volumes()
    finally:
        running.send(signal.SIGINT)
        ran = running.wait(30)
    assert ran.code == 130, str(ran)
    assert volumes
    down = environment.pov("down").json
    assert down["removed"]
    assert _left(environment) == []
    assert not set(containers().run("volume", "ls", "--format", "{{.Name}}").stdout.split()) & set(volumes)
    assert environment.pov("down").json["removed"] == []


@pytest.mark.matrix
def test_a_machine_that_was_switched_off_comes_back(shared: Environment) -> None:
    containers().run("kill", shared.node)
    assert not containers().is_running(shared.node)
    up = shared.up(timeout_s=UP_S)
    assert up.json["addresses"] == shared.pov("status").json["addresses"]
    shared.until_healthy()
