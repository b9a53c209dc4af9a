"""What watches pull requests: one Job a state, verdicts told once, and whatever it was interrupted in, it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from pov.base.errors import NotFound, PovError, Transient
from pov.engines.gitea_pulls import ERROR, FAILURE, PENDING, SUCCESS, Asked, Status
from pov.engines.kube import Kube
from pov.scoping.gate_comment import MARK, against
from pov.steps.gate.job import name_of
from pov.steps.gate.names import CONTEXT, REPOSITORY
from pov.workflows.gate_runner import KubeJobs, look, watch
from tests.fakes.clock import FakeClock

ONE = Asked(1, "1" * 40, "a" * 40)
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PASSED = {"outcome": "passed", "checks": []}
REFUSED = {"outcome": "refused", "checks": [{"refusals": [{"what": "x"}]}]}


@dataclass
class World:
    """A Git server and the Jobs beside it; `breaks` is the call that does not answer, once."""

    pulls: list[Asked] = field(default_factory=lambda: [ONE])
    statuses: dict[str, Status] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    all_jobs: dict[tuple[Asked, str], Mapping[str, Any] | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    breaks: str = ""
    user: str = "gate"

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self.breaks:
            self.breaks = ""
            raise Transient("no answer")

    def open_into(self, repository: str, branch: str) -> tuple[Asked, ...]:
        self._called("open_into")
        assert (repository, branch) == (REPOSITORY, "main")
        return tuple(self.pulls)

    def status(self, repository: str, commit: str, context: str) -> Status | None:
        assert context == CONTEXT
        return self.statuses.get(commit)

    def set_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        self._called("set_status")
        self.statuses[commit] = Status(state, description, self.user)

    def comment(self, repository: str, number: int, mark: str, text: str) -> None:
        self._called("comment")
        assert mark == MARK
        self.comments[number] = text

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        self._called("verdict")
        if (asked, again) not in self.all_jobs:
            raise NotFound("no Job")
        return self.all_jobs[asked, again]

    def start(self, asked: Asked, again: str) -> None:
        self._called("start")
        self.all_jobs.setdefault((asked, again), None)

    def look(self, now: datetime = NOW) -> None:
        look(self, self, now)

    def state(self, asked: Asked = ONE) -> str:
        return self.statuses[asked.head].state


def test_a_new_one_is_pending_while_its_job_runs_and_told_when_it_is_done() -> None:
    world = World()
    world.look()
    assert (world.state(), list(world.all_jobs), world.comments) == (PENDING, [(ONE, "")], {})
    world.look()
    assert world.calls.count("start") == 1
    world.all_jobs[ONE, ""] = REFUSED
    world.look()
    assert world.state() == FAILURE
    assert "### Gate: refused" in world.comments[1]
    assert world.statuses[ONE.head].description.endswith(against(ONE.base))


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (PASSED, SUCCESS),
        (REFUSED, FAILURE),
        ({"outcome": "bad input"}, FAILURE),
        ({"outcome": "failed"}, ERROR),
        ({"outcome": None}, FAILURE),
        ({}, FAILURE),
    ],
)
def test_nothing_is_green_but_what_passed(document: Mapping[str, Any], state: str) -> None:
    world = World(all_jobs={(ONE, ""): document})
    world.look()
    assert world.state() == state


def test_a_verdict_is_told_once() -> None:
    world = World(all_jobs={(ONE, ""): PASSED})
    for _ in range(3):
        world.look()
    assert (world.calls.count("comment"), world.calls.count("set_status")) == (1, 1)


def test_a_failed_job_is_told_once_and_tried_again_when_it_is_gone() -> None:
    world = World(all_jobs={(ONE, ""): {"outcome": "failed", "lines": ["no image"]}})
    for _ in range(3):
        world.look()
    assert (world.calls.count("comment"), world.state()) == (1, ERROR)
    assert "no image" in world.comments[1]
    del world.all_jobs[ONE, ""]
    world.look()
    assert (world.state(), world.calls.count("start")) == (PENDING, 1)


@pytest.mark.parametrize(
    "held",
    [
        Status(SUCCESS, f"passed, {against(ONE.base)}", "reviewer"),
        Status(SUCCESS, "passed, on bbbbbbbbbb", "gate"),
        Status(SUCCESS, "passed", "gate"),
        Status(PENDING, f"is judged, {against(ONE.base)}", "gate"),
    ],
    ids=["another one's", "against an older main", "against nothing", "no verdict"],
)
def test_a_status_that_is_no_verdict_of_its_own_on_this_state_counts_for_nothing(held: Status) -> None:
    world = World(statuses={ONE.head: held}, all_jobs={(ONE, ""): REFUSED})
    world.look()
    assert (world.state(), world.statuses[ONE.head].by) == (FAILURE, "gate")


def test_green_is_void_when_the_branch_that_it_goes_into_moves() -> None:
    world = World(all_jobs={(ONE, ""): PASSED})
    world.look()
    assert world.state() == SUCCESS
    moved = replace(ONE, base="b" * 40)
    world.pulls = [moved]
    world.look()
    assert world.state() == PENDING
    assert name_of(1, ONE.head, ONE.base) != name_of(1, moved.head, moved.base)


@pytest.mark.parametrize("breaks", ["open_into", "verdict", "comment", "set_status", "start"])
def test_cut_off_anywhere_it_goes_on(breaks: str, tmp_path: Path) -> None:
    world = World(breaks=breaks)
    told: list[str] = []
    looks = iter(range(6))

    def goes_on() -> bool:
        if next(looks, None) is None:
            return False
        if (ONE, "") in world.all_jobs:
            world.all_jobs[ONE, ""] = PASSED
        return True

    watch(world, world, tmp_path / "looked", told.append, clock=FakeClock(), goes_on=goes_on)
    assert world.state() == SUCCESS
    assert "### Gate: passed" in world.comments[1]
    assert told == ["no answer: "]
    assert (tmp_path / "looked").exists()


def test_every_open_one_is_looked_at() -> None:
    two = Asked(2, "2" * 40, ONE.base)
    world = World(pulls=[ONE, two])
    world.look()
    assert set(world.all_jobs) == {(ONE, ""), (two, "")}


def test_what_passed_by_an_approval_is_judged_again_when_that_runs_out() -> None:
    until = NOW + timedelta(hours=1)
    world = World(all_jobs={(ONE, ""): {**PASSED, "holds_until": until.isoformat()}})
    world.look()
    assert world.statuses[ONE.head].description == f"passed until 2026-11-29T13:00:00Z, {against(ONE.base)}"
    world.look(until - timedelta(seconds=1))
    assert (world.state(), world.calls.count("start")) == (SUCCESS, 0)
    for _ in range(2):
        world.look(until)
        assert (world.state(), world.calls.count("start")) == (PENDING, 1)
    (_, again), first = sorted(world.all_jobs, key=lambda job: job[1], reverse=True)
    assert (again, first) == ("20261129130000", (ONE, ""))
    world.all_jobs[ONE, again] = REFUSED
    for _ in range(2):
        world.look(until + timedelta(days=1))
    assert (world.state(), world.calls.count("comment")) == (FAILURE, 2)
    assert "### Gate: refused" in world.comments[1]


def test_a_look_that_fails_is_seen_from_outside_until_one_goes_well(tmp_path: Path) -> None:
    world, looked = World(), tmp_path / "looked"
    seen: list[bool] = []

    def goes_on() -> bool:
        seen.append(looked.exists())
        world.breaks = "open_into" if len(seen) == 2 else ""
        return len(seen) < 4

    watch(world, world, looked, lambda _: None, clock=FakeClock(), goes_on=goes_on)
    assert seen == [False, True, False, True]


def test_one_that_cannot_be_told_keeps_no_other_from_it() -> None:
    class Locked(World):
        def comment(self, repository: str, number: int, mark: str, text: str) -> None:
            if number == 1:
                raise PovError("no comment is taken")
            super().comment(repository, number, mark, text)

    two = Asked(2, "2" * 40, ONE.base)
    world = Locked(pulls=[ONE, two], all_jobs={(ONE, ""): PASSED, (two, ""): PASSED})
    for _ in range(2):
        with pytest.raises(PovError, match="no comment is taken"):
            world.look()
    assert ONE.head not in world.statuses
    assert (world.state(two), list(world.comments)) == (SUCCESS, [2])


class Cluster:
    """A Job in a state, and what the containers of its pod printed."""

    def __init__(self, status: Mapping[str, Any] | None, judge: str = "", fetch: str = "") -> None:
        self.job = {"status": status} if status is not None else None
        self.said = {"judge": judge, "fetch": fetch}
        self.why = ""
        self.made: list[Mapping[str, Any]] = []

    def get(self, kind: str, name: str, namespace: str) -> Mapping[str, Any] | None:
        assert (kind, namespace) == ("batch/v1/Job", "pov-gate")
        return self.job

    def list(self, kind: str, namespace: str, *, labels: str) -> list[Mapping[str, Any]]:
        assert labels == f"batch.kubernetes.io/job-name={name_of(*vars(ONE).values())}"
        return [{"metadata": {"name": "pod"}, "status": {"message": self.why} if self.why else {}}]

    def logs(self, name: str, namespace: str, *, container: str, tail: int) -> str:
        if not self.said[container]:
            raise PovError("container is waiting to start")
        return self.said[container]

    def create(self, manifest: Mapping[str, Any]) -> bool:
        self.made.append(manifest)
        return True


def ended(kind: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "message": message}]}


def jobs(cluster: Cluster) -> KubeJobs:
    return KubeJobs(cast("Kube", cluster), "gate:1", "demo")


def test_a_job_that_is_not_there_and_one_that_runs() -> None:
    with pytest.raises(NotFound):
        jobs(Cluster(None)).verdict(ONE, "")
    assert jobs(Cluster({})).verdict(ONE, "") is None
    assert jobs(Cluster({"conditions": [{"type": "Failed", "status": "False"}]})).verdict(ONE, "") is None


def test_the_verdict_is_the_last_line() -> None:
    said = f"a warning\n{json.dumps(REFUSED)}\n"
    assert jobs(Cluster(ended("Complete"), said)).verdict(ONE, "") == REFUSED


@pytest.mark.parametrize("said", ["", "no document", "[1]", '"passed"', json.dumps(PASSED)[:-3]])
def test_what_is_no_document_is_a_gate_that_failed(said: str) -> None:
    found = jobs(Cluster(ended("Complete"), said)).verdict(ONE, "")
    assert found is not None
    assert found["outcome"] == "failed"


def test_a_job_that_failed_tells_why_with_what_was_said_last() -> None:
    cluster = Cluster(ended("Failed", "Job has reached its limit"), "", "`git fetch` failed: no such ref\n")
    cluster.why = "Pod was active on the node longer than the specified deadline"
    found = jobs(cluster).verdict(ONE, "")
    assert found is not None
    assert found["outcome"] == "failed"
    assert "reached its limit" in found["lines"][0]
    assert cluster.why in found["lines"]
    assert "`git fetch` failed: no such ref" in found["lines"]


def test_a_node_that_does_not_answer_is_no_verdict() -> None:
    class Slow(Cluster):
        def logs(self, name: str, namespace: str, *, container: str, tail: int) -> str:
            raise Transient("the cluster's API answered 502")

    with pytest.raises(Transient):
        jobs(Slow(ended("Complete"), json.dumps(PASSED))).verdict(ONE, "")


def test_a_job_is_made_for_the_state_that_was_seen() -> None:
    cluster = Cluster(None)
    jobs(cluster).start(ONE, "")
    (made,) = cluster.made
    assert made["metadata"]["name"] == name_of(1, ONE.head, ONE.base)
    pod = made["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["args"] == ["fetch", "1", ONE.head, ONE.base]
    assert pod["containers"][0]["args"] == ["judge", "demo"]
    assert {one["image"] for one in (*pod["initContainers"], *pod["containers"])} == {"gate:1"}
