"""What watches pull requests: one Job a state, a few at a time, verdicts told once, whatever it was interrupted in."""

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
from pov.scoping.gate_comment import MARK, against, comment
from pov.steps.gate.job import AT_ONCE, PULL, manifest, name_of
from pov.steps.gate.names import CONTEXT, REPOSITORY
from pov.workflows.gate_cluster import KubeJobs
from pov.workflows.gate_runner import PATIENCE, Turn, Watcher, watch
from tests.fakes.clock import FakeClock

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ONE = Asked(1, "1" * 40, "a" * 40, NOW - timedelta(hours=1))
JUDGE = "0123456789"
ABOUT = against(ONE.base, JUDGE)
PASSED = {"outcome": "passed", "checks": []}
REFUSED = {"outcome": "refused", "checks": [{"refusals": [{"what": "x"}]}]}
SO_FAR = {**REFUSED, "so_far": True}
WHOLE = {"outcome": "refused", "checks": [{"refusals": [{"what": "x"}, {"what": "y"}]}]}


@dataclass
class World:
    """A Git server and the Jobs beside it; `breaks` is the call that does not answer, once.

    `first` is what a Job has said that still runs.
    """

    pulls: list[Asked] = field(default_factory=lambda: [ONE])
    statuses: dict[str, Status] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    all_jobs: dict[tuple[Asked, str], Mapping[str, Any] | None] = field(default_factory=dict)
    first: dict[tuple[Asked, str], Mapping[str, Any]] = field(default_factory=dict)
    since: dict[tuple[Asked, str], datetime] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    breaks: str = ""
    user: str = "gate"
    judge: str = JUDGE
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.watcher = Watcher(self, self)

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
        self._called("status")
        assert context == CONTEXT
        return self.statuses.get(commit)

    def set_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        self._called("set_status")
        self.statuses[commit] = Status(state, description, self.user)

    def comment(self, repository: str, number: int, mark: str, text: str) -> None:
        self._called("comment")
        assert mark == MARK
        self.comments[number] = text

    def turns(self) -> tuple[Turn, ...]:
        self._called("turns")
        return tuple(
            Turn(asked.number, self.since.get((asked, again), NOW), document is None)
            for (asked, again), document in self.all_jobs.items()
        )

    def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
        self._called("verdict")
        if (asked, again) not in self.all_jobs:
            raise NotFound("no Job")
        document = self.all_jobs[asked, again]
        return self.first.get((asked, again)) if document is None else document

    def start(self, asked: Asked, again: str) -> None:
        self._called("start")
        self.all_jobs.setdefault((asked, again), None)
        self.since[asked, again] = self.now

    def look(self, now: datetime = NOW) -> list[str]:
        self.now = now
        return list(self.watcher.look(now))

    def state(self, asked: Asked = ONE) -> str:
        return self.statuses[asked.head].state

    def said(self, asked: Asked = ONE) -> str:
        return self.statuses[asked.head].description

    def running(self) -> list[int]:
        return [asked.number for (asked, _), document in self.all_jobs.items() if document is None]

    def ends(self, number: int) -> None:
        """Whatever Job of a request runs is done, and has passed it."""
        for key, document in self.all_jobs.items():
            if key[0].number == number and document is None:
                self.all_jobs[key] = PASSED


def request(number: int, *, opened: int = 0, head: str = "") -> Asked:
    """A pull request, opened some seconds after the first."""
    return Asked(number, head or f"{number:040x}", ONE.base, ONE.opened + timedelta(seconds=opened or number))


def test_a_new_one_is_pending_while_its_job_runs_and_told_when_it_is_done() -> None:
    world = World()
    world.look()
    assert (world.state(), list(world.all_jobs), world.comments) == (PENDING, [(ONE, "")], {})
    assert world.said() == f"is judged, {ABOUT}"
    world.look()
    assert (world.calls.count("start"), world.calls.count("set_status")) == (1, 1)
    world.all_jobs[ONE, ""] = REFUSED
    world.look()
    assert world.state() == FAILURE
    assert "### Gate: refused" in world.comments[1]
    assert world.said().endswith(ABOUT)


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


def test_what_is_refused_so_far_is_told_once_and_the_comment_completed() -> None:
    world = World()
    world.look()
    world.first[ONE, ""] = SO_FAR
    for _ in range(3):
        world.look()
    assert (world.state(), world.said()) == (FAILURE, f"1 thing is refused so far: see the comment, {ABOUT}")
    assert "refused: x" in world.comments[1]
    assert "Terraform's plan is judged now" in world.comments[1]
    assert (world.calls.count("comment"), world.calls.count("set_status")) == (1, 2)
    world.all_jobs[ONE, ""] = WHOLE
    for _ in range(3):
        world.look()
    assert (world.state(), world.said()) == (FAILURE, f"2 things are refused: see the comment, {ABOUT}")
    assert "refused: x\nrefused: y" in world.comments[1]
    assert "is judged now" not in world.comments[1]
    assert (world.calls.count("comment"), world.calls.count("set_status"), world.calls.count("start")) == (2, 3, 1)


@pytest.mark.parametrize("breaks", ["open_into", "turns", "status", "verdict", "comment", "set_status"])
@pytest.mark.parametrize("told_before", [True, False])
def test_cut_off_at_either_word_it_is_refused_and_told_whole(breaks: str, told_before: bool, tmp_path: Path) -> None:
    world = World(all_jobs={(ONE, ""): None}, first={(ONE, ""): SO_FAR})
    if told_before:
        world.look()
        world.all_jobs[ONE, ""] = WHOLE
    world.breaks = breaks
    looks = iter(range(3))
    seen: list[str] = []

    def goes_on() -> bool:
        seen.extend(status.state for status in world.statuses.values())
        world.watcher = Watcher(world, world)  # killed, and started again
        return next(looks, None) is not None

    watch(world.watcher, tmp_path / "looked", lambda _: None, clock=FakeClock(), goes_on=goes_on)
    assert world.state() == FAILURE
    assert ("refused: y" in world.comments[1]) is told_before
    assert world.said().startswith("2 things are refused:" if told_before else "1 thing is refused so far:")
    assert set(seen) <= {FAILURE}


def test_a_job_that_cannot_be_heard_for_a_moment_takes_no_word_back() -> None:
    world = World(all_jobs={(ONE, ""): None}, first={(ONE, ""): SO_FAR})
    world.look()
    del world.first[ONE, ""]
    world.look()
    assert world.said() == f"1 thing is refused so far: see the comment, {ABOUT}"


def test_what_is_refused_so_far_stays_so_when_its_job_is_gone_and_while_another_one_waits_and_judges() -> None:
    busy = [request(number, opened=-number) for number in (7, 8, 9)]
    held = Status(FAILURE, f"1 thing is refused so far: see the comment, {ABOUT}", "gate")
    world = World(statuses={ONE.head: held}, all_jobs={(asked, ""): None for asked in busy})
    for _ in range(2):
        world.look()
        assert world.statuses[ONE.head] == held
    world.ends(7)
    for _ in range(2):
        world.look()
        assert ((ONE, "") in world.all_jobs, world.statuses[ONE.head]) == (True, held)
    world.all_jobs[ONE, ""] = WHOLE
    world.look()
    assert world.said() == f"2 things are refused: see the comment, {ABOUT}"


@pytest.mark.parametrize("document", [PASSED, {**PASSED, "so_far": True}])
def test_no_second_word_makes_green_what_was_refused(document: Mapping[str, Any]) -> None:
    held = Status(FAILURE, f"1 thing is refused so far: see the comment, {ABOUT}", "gate")
    world = World(statuses={ONE.head: held}, all_jobs={(ONE, ""): document})
    for _ in range(3):
        world.look()
        assert world.state() == FAILURE
    if document is PASSED:
        assert "no later word takes a refusal back" in world.comments[1]
        assert world.said() == f"1 thing is refused: see the comment, {ABOUT}"


def test_a_refusal_so_far_of_what_had_passed_is_completed_by_the_job_that_judges_it_again() -> None:
    until = NOW - timedelta(hours=1)
    held = Status(SUCCESS, f"passed until 2026-11-29T11:00:00Z, {ABOUT}", "gate")
    world = World(statuses={ONE.head: held})
    world.look()
    again = f"{until:%Y%m%d%H%M%S}"
    world.first[ONE, again] = SO_FAR
    for _ in range(2):
        world.look()
        assert world.said().startswith("1 thing is refused so far: see the comment; passed until 2026-11-29T11:00:00Z,")
    world.all_jobs[ONE, again] = WHOLE
    world.look()
    assert world.said() == f"2 things are refused: see the comment, {ABOUT}"
    assert world.calls.count("start") == 1


def test_one_that_is_refused_so_far_and_cannot_be_looked_at_is_refused() -> None:
    class Silent(World):
        def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
            raise Transient("the node does not answer")

    held = Status(FAILURE, f"1 thing is refused so far: see the comment, {ABOUT}", "gate")
    world = Silent(statuses={ONE.head: held})
    for _ in range(PATIENCE + 1):
        assert world.look() == ["pull request 1: the node does not answer: "]
    assert world.statuses[ONE.head] == held


@pytest.mark.parametrize(
    "held",
    [
        Status(SUCCESS, f"passed, {ABOUT}", "reviewer"),
        Status(SUCCESS, f"passed, {against('b' * 40, JUDGE)}", "gate"),
        Status(SUCCESS, f"passed, {against(ONE.base, 'fedcba9876')}", "gate"),
        Status(SUCCESS, "passed, on aaaaaaaaaa", "gate"),
        Status(SUCCESS, "passed", "gate"),
        Status(PENDING, f"is judged, {ABOUT}", "gate"),
    ],
    ids=["another one's", "against an older main", "by an older release", "by nobody", "against nothing", "no verdict"],
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
    assert name_of(1, ONE.head, ONE.base, "gate:1") != name_of(1, moved.head, moved.base, "gate:1")


def test_green_is_void_when_another_release_judges() -> None:
    world = World(all_jobs={(ONE, ""): PASSED})
    world.look()
    assert world.state() == SUCCESS
    # The Job of the release before is another one's: see `name_of`.
    world.judge, world.all_jobs = "fedcba9876", {}
    world.look()
    assert (world.state(), world.said()) == (PENDING, f"is judged, {against(ONE.base, 'fedcba9876')}")
    world.all_jobs[ONE, ""] = REFUSED
    world.look()
    assert world.state() == FAILURE


@pytest.mark.parametrize("breaks", ["open_into", "turns", "status", "verdict", "comment", "set_status", "start"])
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

    watch(world.watcher, tmp_path / "looked", told.append, clock=FakeClock(), goes_on=goes_on)
    assert world.state() == SUCCESS
    assert "### Gate: passed" in world.comments[1]
    assert [one.removeprefix("pull request 1: ") for one in told] == ["no answer: "]
    assert (tmp_path / "looked").exists()


def test_every_open_one_is_looked_at() -> None:
    two = request(2)
    world = World(pulls=[ONE, two])
    world.look()
    assert set(world.all_jobs) == {(ONE, ""), (two, "")}


def test_what_passed_by_an_approval_is_judged_again_when_that_runs_out() -> None:
    until = NOW + timedelta(hours=1)
    world = World(all_jobs={(ONE, ""): {**PASSED, "holds_until": until.isoformat()}})
    world.look()
    assert world.said() == f"passed until 2026-11-29T13:00:00Z, {ABOUT}"
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
        world.breaks = {2: "open_into", 4: "turns"}.get(len(seen), "")
        return len(seen) < 6

    watch(world.watcher, looked, lambda _: None, clock=FakeClock(), goes_on=goes_on)
    assert seen == [False, True, False, True, False, True]


class Locked(World):
    """The first request takes no comment; `failures` is how often that is tried in vain."""

    failures = 10**6

    def comment(self, repository: str, number: int, mark: str, text: str) -> None:
        if number == 1 and self.failures:
            self.failures -= 1
            raise PovError("no comment is taken", cause="locked")
        super().comment(repository, number, mark, text)


def test_one_that_cannot_be_told_keeps_no_other_from_it_and_the_watcher_ready(tmp_path: Path) -> None:
    two, looked = request(2), tmp_path / "looked"
    world = Locked(pulls=[ONE, two], all_jobs={(ONE, ""): PASSED, (two, ""): PASSED})
    told: list[str] = []
    looks = iter(range(PATIENCE + 10))
    watch(
        world.watcher, looked, told.append, clock=FakeClock(), goes_on=lambda: next(looks, None) is not None
    )  # fmt: skip
    assert looked.exists(), "server and cluster answer"
    assert told == ["pull request 1: no comment is taken: locked"], "once"
    assert (world.state(two), list(world.comments)) == (SUCCESS, [2])
    assert (world.state(), world.said()) == (ERROR, f"cannot be looked at: no comment is taken, {ABOUT}")
    assert world.calls.count("set_status") == 2, "each status is kept for ever: one says it"


def test_what_fails_for_a_moment_is_not_told_on_the_request_and_what_ends_is_judged_after_all() -> None:
    world = Locked(all_jobs={(ONE, ""): PASSED})
    for _ in range(PATIENCE - 1):
        assert world.look() == ["pull request 1: no comment is taken: locked"]
    assert world.statuses == {}
    world.failures = 0
    assert world.look() == []
    assert world.state() == SUCCESS
    world = Locked(all_jobs={(ONE, ""): PASSED})
    for _ in range(PATIENCE):
        world.look()
    assert world.state() == ERROR
    world.failures = 0
    world.look()
    assert world.state() == SUCCESS


def test_a_job_that_cannot_be_started_is_told_and_started_once_it_can() -> None:
    class Full(World):
        full = True

        def start(self, asked: Asked, again: str) -> None:
            if self.full and asked.number == 1:
                raise PovError("the cluster takes no Job", cause="quota")
            super().start(asked, again)

    two = request(2)
    world = Full(pulls=[ONE, two])
    for _ in range(PATIENCE + 10):
        world.look()
    assert (world.state(), world.said()) == (ERROR, f"cannot be looked at: the cluster takes no Job, {ABOUT}")
    assert (world.state(two), world.calls.count("set_status")) == (PENDING, 3)
    world.full = False
    world.look()
    assert (world.state(), world.running()) == (PENDING, [2, 1])


def test_a_green_that_ran_out_is_none_while_its_request_cannot_be_looked_at() -> None:
    class Silent(World):
        def verdict(self, asked: Asked, again: str) -> Mapping[str, Any] | None:
            raise Transient("the node does not answer")

    held = Status(SUCCESS, f"passed until 2026-11-29T11:00:00Z, {ABOUT}", "gate")
    world = Silent(statuses={ONE.head: held})
    world.look()
    assert world.state() == PENDING, "at once"
    for _ in range(PATIENCE):
        world.look()
    assert world.state() == ERROR
    assert world.said().endswith(f"; passed until 2026-11-29T11:00:00Z, {ABOUT}"), "and which Job judges it again"


def test_however_many_ask_a_few_are_judged_at_once_the_oldest_first() -> None:
    pulls = [request(number) for number in range(1, 31)]
    world = World(pulls=pulls[::-1])
    for _ in range(3):
        world.look()
    assert world.running() == [1, 2, 3]
    assert len(world.running()) == AT_ONCE
    assert world.said(pulls[3]) == f"waits, 3 before it, {ABOUT}"
    assert world.said(pulls[4]) == f"waits, 4 before it, {ABOUT}"
    assert world.said(pulls[29]) == f"waits, at least 10 before it, {ABOUT}"
    assert {world.state(asked) for asked in pulls} == {PENDING}
    assert world.calls.count("set_status") == len(pulls), "what is said already is not said again"
    world.ends(2)
    world.look()
    assert world.running() == [1, 3, 4]
    assert world.said(pulls[4]) == f"waits, 3 before it, {ABOUT}"
    for _ in range(40):
        for number in world.running():
            world.ends(number)
        world.look()
        assert len(world.running()) <= AT_ONCE
    assert {world.state(asked) for asked in pulls} == {SUCCESS}
    assert world.calls.count("start") == len(pulls)


def test_who_pushes_without_end_has_one_job_at_a_time_and_keeps_nobody_from_theirs() -> None:
    patient = [request(number) for number in (4, 5)]
    world = World()
    done: list[Asked] = []
    for push in range(40):
        pushed = [request(number, head=f"{number}{push:039x}") for number in (1, 2, 3)]
        world.pulls = [*pushed, *patient]
        world.look(NOW + timedelta(seconds=push))
        assert len(world.running()) == len(set(world.running())) <= AT_ONCE
        if push % 5 == 4:
            world.ends(world.running()[0])
        done += [asked for asked in patient if world.state(asked) == SUCCESS and asked not in done]
    assert done == patient
    judged = {asked.head for asked, _ in world.all_jobs}
    assert len(judged) < 15, "most were gone before it was their turn"


def test_a_commit_that_was_pushed_over_is_not_judged() -> None:
    first, second = request(1), request(1, head="f" * 40)
    world = World(pulls=[first])
    world.look()
    world.pulls = [second]
    world.look()
    assert (world.running(), world.said(second)) == ([1], f"waits, 1 before it, {ABOUT}")
    third = request(1, head="e" * 40)
    world.pulls = [third]
    world.ends(1)
    for _ in range(2):
        world.look()
    assert set(world.all_jobs) == {(first, ""), (third, "")}
    assert world.state(third) == PENDING


def test_who_was_judged_before_waits_behind_who_waits_longer() -> None:
    """Main moved: the first three are to be judged again, and one waits since before they were."""
    pulls = [request(number) for number in (1, 2, 3, 4)]
    jobs = {(replace(asked, base="b" * 40), ""): PASSED for asked in pulls[:3]}
    since = dict(zip(jobs, (NOW - timedelta(seconds=after) for after in (10, 30, 20)), strict=True))
    world = World(pulls=pulls, all_jobs=dict(jobs), since=since)
    world.look()
    assert world.running() == [4, 2, 3]
    assert world.said(pulls[0]) == f"waits, 3 before it, {ABOUT}"


def test_one_that_waits_for_another_judgement_is_green_no_more() -> None:
    busy = [request(number, opened=-number) for number in (7, 8, 9)]
    held = Status(SUCCESS, f"passed until 2026-11-29T11:00:00Z, {ABOUT}", "gate")
    world = World(pulls=[ONE], statuses={ONE.head: held}, all_jobs={(asked, ""): None for asked in busy})
    world.look()
    assert world.state() == PENDING
    assert world.said() == f"waits, 3 before it; passed until 2026-11-29T11:00:00Z, {ABOUT}"
    world.ends(7)
    world.look()
    assert (ONE, "20261129110000") in world.all_jobs
    assert world.said() == f"is judged again; passed until 2026-11-29T11:00:00Z, {ABOUT}"


def test_one_commit_in_two_requests_has_one_status_and_one_job() -> None:
    two = request(2, head=ONE.head)
    world = World(pulls=[ONE, two])
    for _ in range(3):
        world.look()
    assert (world.running(), world.calls.count("set_status")) == ([1], 1)


class Cluster:
    """A Job in a state, and what the containers of its pod printed."""

    def __init__(self, status: Mapping[str, Any] | None, judge: str = "", fetch: str = "") -> None:
        self.job = {"status": status} if status is not None else None
        self.said = {"judge": judge, "fetch": fetch}
        self.why = ""
        self.copies: tuple[str, ...] = ()
        self.made: list[Mapping[str, Any]] = []

    def get(self, kind: str, name: str, namespace: str) -> Mapping[str, Any] | None:
        assert (kind, namespace) == ("batch/v1/Job", "pov-gate")
        return self.job

    def list(self, kind: str, namespace: str, *, labels: str) -> list[Mapping[str, Any]]:
        if kind == "v1/ConfigMap":
            assert (namespace, labels) == ("pov-gate", "pov.dev/state-serial")
            return [{"metadata": {"labels": {labels: serial}}} for serial in self.copies]
        name = name_of(ONE.number, ONE.head, ONE.base, "gate:1")
        assert labels == f"batch.kubernetes.io/job-name={name}"
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


@pytest.mark.parametrize("document", [SO_FAR, REFUSED, {"outcome": "bad input", "lines": ["x"]}])
def test_what_stops_a_merge_is_heard_while_the_job_runs(document: Mapping[str, Any]) -> None:
    for beside in ("", "a warning\n"):
        said = f"{beside}{json.dumps(document)}\n{beside}"
        assert jobs(Cluster({"active": 1}, said)).verdict(ONE, "") == document


@pytest.mark.parametrize(
    "said", ["", json.dumps(PASSED), json.dumps({"outcome": "failed"}), json.dumps(SO_FAR)[:-3], "[1]", "a warning"]
)
def test_nothing_else_is_believed_before_it_has_ended(said: str) -> None:
    assert jobs(Cluster({"active": 1}, said)).verdict(ONE, "") is None


def test_a_job_that_runs_and_cannot_be_heard_now_is_one_that_runs() -> None:
    class Slow(Cluster):
        def logs(self, name: str, namespace: str, *, container: str, tail: int) -> str:
            raise Transient("the cluster's API answered 502")

    assert jobs(Slow({"active": 1}, json.dumps(SO_FAR))).verdict(ONE, "") is None


def test_the_whole_verdict_takes_the_place_of_what_was_refused_so_far() -> None:
    said = f"{json.dumps(SO_FAR)}\n{json.dumps(WHOLE)}\n"
    for status in ({"active": 1}, ended("Complete")):
        assert jobs(Cluster(status, said)).verdict(ONE, "") == WHOLE


@pytest.mark.parametrize("more", ["", "Traceback\n", '{"outcome": "pass'])
def test_a_job_that_failed_after_it_refused_is_a_refusal_that_says_so(more: str) -> None:
    cluster = Cluster(ended("Failed", "Job has reached its limit"), f"{json.dumps(SO_FAR)}\n{more}")
    found = jobs(cluster).verdict(ONE, "")
    assert found is not None
    assert (found["outcome"], found["checks"], found["so_far"]) == ("refused", REFUSED["checks"], False)
    assert "reached its limit" in found["lines"][0]
    assert not any(line.startswith('{"outcome": "refused"') for line in found["lines"]), "no document as a line"
    told = comment(found, ONE.head, ONE.base, JUDGE)
    assert "refused: x" in told
    assert "reached its limit" in told


@pytest.mark.parametrize(
    "said", ["", "no document", "[1]", '"passed"', json.dumps(PASSED)[:-3], json.dumps({**PASSED, "so_far": True})]
)
def test_what_is_no_document_is_a_gate_that_failed(said: str) -> None:
    found = jobs(Cluster(ended("Complete"), said)).verdict(ONE, "")
    assert found is not None
    assert found["outcome"] == "failed"


@pytest.mark.parametrize("before", ["", "Traceback\n", "an error\n"])
def test_a_job_that_failed_passes_nothing_whatever_it_says_last(before: str) -> None:
    said = f"{before}{json.dumps(PASSED)}\n"
    found = jobs(Cluster(ended("Failed", "BackoffLimitExceeded"), said)).verdict(ONE, "")
    assert found is not None
    assert found["outcome"] == "failed"
    assert "BackoffLimitExceeded" in found["lines"][0]
    refused = jobs(Cluster(ended("Failed"), f"{json.dumps(WHOLE)}\n{said}")).verdict(ONE, "")
    assert refused is not None
    assert refused["outcome"] == "refused"
    assert jobs(Cluster(ended("Complete"), said)).verdict(ONE, "") == PASSED


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
    assert made["metadata"]["name"] == name_of(1, ONE.head, ONE.base, "gate:1")
    pod = made["spec"]["template"]["spec"]
    assert [one["args"] for one in pod["containers"]] == [["fetch", "1", ONE.head, ONE.base], ["judge", "demo"]]
    assert {one["image"] for one in pod["containers"]} == {"gate:1"}


def test_jobs_of_whatever_state_and_image_take_their_turns() -> None:
    class Full(Cluster):
        def list(self, kind: str, namespace: str, *, labels: str) -> list[Mapping[str, Any]]:
            if kind == "v1/ConfigMap":
                return []
            assert (kind, namespace, labels) == ("batch/v1/Job", "pov-gate", "app=gate-job")
            created = {"creationTimestamp": "2026-11-29T12:00:00Z"}
            return [
                {"metadata": {**created, "labels": {PULL: "7"}}},
                {"metadata": {**created, "labels": {PULL: "8"}}, "status": {"active": 1}},
                {"metadata": {**created, "labels": {PULL: "9"}}, "status": ended("Complete")},
                {"metadata": {**created, "labels": {PULL: "9"}}, "status": ended("Failed")},
                {"metadata": {**created, "labels": {PULL: "9"}}, "status": ended("SuccessCriteriaMet")},
            ]

    turns = jobs(Full(None)).turns()
    assert [(turn.number, turn.unfinished) for turn in turns] == [
        (7, True), (8, True), (9, False), (9, False), (9, True),
    ]  # fmt: skip
    assert {turn.since for turn in turns} == {NOW}
    made = manifest(1, ONE.head, ONE.base, image="gate:1", environment="demo")
    assert made["metadata"]["labels"] == {"app": "gate-job", PULL: "1"}, "by which they are found"


class NoJobs(Cluster):
    """Of the copies alone."""

    def list(self, kind: str, namespace: str, *, labels: str) -> list[Mapping[str, Any]]:
        return super().list(kind, namespace, labels=labels) if kind == "v1/ConfigMap" else []


def test_jobs_plan_against_the_copy_that_was_there_when_the_look_began() -> None:
    cluster = NoJobs(None)
    made = KubeJobs(cast("Kube", cluster), "gate:0123456789abcdef", "demo")
    made.turns()
    assert made.judge == "0123456789", "no state is shown"
    cluster.copies = ("9", "10")
    assert made.judge == "0123456789", "one look, one judge"
    made.turns()
    assert made.judge == "0123456789/10", "the newest, by number"
    made.start(ONE, "")
    (job,) = cluster.made
    assert job["metadata"]["name"] == name_of(1, ONE.head, ONE.base, made.image, state="10")
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert [one["configMap"]["name"] for one in volumes if "configMap" in one] == ["gate-state-10"]


def test_green_is_void_when_terraforms_state_moves() -> None:
    plan = {"digest": "ab" * 32, "against": {"serial": 7}}
    world = World(judge=f"{JUDGE}/7", all_jobs={(ONE, ""): {**PASSED, "plan": plan}})
    world.look()
    assert world.said() == f"passed, plan {'ab' * 32}, on aaaaaaaaaa by {JUDGE}/7"
    world.judge, world.all_jobs = f"{JUDGE}/8", {}
    world.look()
    assert world.said() == f"is judged, on aaaaaaaaaa by {JUDGE}/8"
