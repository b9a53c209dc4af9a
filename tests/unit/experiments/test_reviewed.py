"""The arm of two persons: who sits down when, what ends their turn, what is kept of each; here fakes act at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.engines.runbook_text import Written
from pov.engines.terminal import TerminalGone
from pov.engines.workplace import Workplace
from pov.experiments import EXPERIMENTS
from pov.experiments.ports.legacy import Part
from pov.measure.order import Slot
from pov.measure.session import Session
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import OLD, Pull, World

NEW = f"{OLD.rpartition(':')[0]}:1123ab-person-reviewed-1"
Act = Callable[["FakeSeat"], None]


@dataclass
class FakeSeat:
    """Somebody who does one thing a sitting, as it comes, each after so many seconds of work."""

    world: World
    by: str
    acts: Sequence[Act]
    origin: str = "person"
    experience: str = "often"
    session: Session = field(default_factory=Session)
    seconds: float = 0.0
    gone: bool = False
    late_s: float = 20.0
    """How long after they were called they sit there."""

    asked: list[tuple[str, str, Part | None]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def until_ready(self, task: str, runbook: str, *, part: Part | None = None) -> None:
        self.asked.append((task, runbook, part))
        self.world.clock.sleep(600.0)

    def called(self, why: str) -> None:
        self.heard.append(why)
        self.world.clock.sleep(self.late_s)
        if not self.acts:
            raise PovError(f"{self.by} would rather not")

    def again(self) -> FakeSeat:
        return replace(self, acts=self.acts[1:], session=Session(), seconds=0.0)

    def work(
        self,
        place: Workplace,
        runbook: Written,
        look: Callable[[], object],
        stop: Callable[[], None],
        *,
        told: Callable[[float], str] | None = None,
    ) -> None:
        assert place.env["GIT_AUTHOR_NAME"] == self.by
        begun, self.session = self.world.now, Session(runbook.parts)
        try:
            self.acts[0](self)
            look()
            assert told is not None
            self.heard.append(told(self.world.now - begun))
        finally:
            stop()
            self.seconds = self.world.now - begun

    def as_details(self) -> dict[str, Any]:
        return {"by": self.by, "experience": self.experience, "person": {"idle_limit_s": 10.0}, "recording": {}}


def asks(image: str, head: str, after_s: float = 30.0) -> Act:
    """The author's push, which opens a pull request or changes the one that is open."""

    def act(seat: FakeSeat) -> None:
        world = seat.world
        seat.session.key(1.0)
        world.clock.sleep(after_s)
        images = {**world.images, **dict.fromkeys(world.scenario.pov_services, image)}
        if world.pulls and world.pulls[-1].is_open:
            world.pulls[-1].head, world.pulls[-1].images, world.pulls[-1].sent_back = head, images, False
        else:
            world.pulls.append(Pull(len(world.pulls) + 1, head, images))

    return act


def merges(approvers: tuple[str, ...] = ("reviewer",), after_s: float = 12.0) -> Act:
    def act(seat: FakeSeat) -> None:
        world, pull = seat.world, seat.world.pulls[-1]
        seat.session.key(2.0)
        world.clock.sleep(after_s)
        pull.is_open, pull.merged, pull.approvers = False, f"merge-{pull.number}", approvers
        world.push(pull.merged, pull.images, world.generation)

    return act


def sends_back(words: str) -> Act:
    def act(seat: FakeSeat) -> None:
        seat.world.clock.sleep(5.0)
        seat.world.pulls[-1].sent_back, seat.world.pulls[-1].said = True, words

    return act


def closes(words: str) -> Act:
    def act(seat: FakeSeat) -> None:
        seat.world.clock.sleep(5.0)
        seat.world.pulls[-1].is_open, seat.world.pulls[-1].said = False, words

    return act


def raising(error: PovError, *, gone: bool = False) -> Act:
    def act(seat: FakeSeat) -> None:
        seat.world.clock.sleep(7.0)
        seat.gone = gone
        raise error

    return act


@dataclass
class Pair:
    """Two persons at a trial in a small environment."""

    world: World
    folder: Path
    sam: FakeSeat
    kim: FakeSeat

    def go(self, *, reviewer: bool = True) -> Result:
        slot = Slot("deploy", "person-reviewed", 1)
        box = replace(
            self.world.toolbox(self.folder),
            seat=lambda _: self.sam,
            reviewer=(lambda _: self.kim) if reviewer else None,
        )
        make = EXPERIMENTS["deploy"].arms["person-reviewed"].make
        return run_trial(slot, lambda: make(box, slot), self.world.clock)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    world = World()
    return Pair(world, tmp_path, FakeSeat(world, "sam", [asks(NEW, "a1")]), FakeSeat(world, "kim", [merges()]))


def sittings(result: Result) -> list[tuple[str, str, float, float, str]]:
    rows = result.as_sample().details["sittings"]
    return [(row["role"], row["by"], round(row["waited_s"]), round(row["seconds"]), row["ended"]) for row in rows]


def test_the_clock_runs_from_the_author_s_enter_until_the_merge_is_seen(pair: Pair) -> None:
    result = pair.go()
    assert result.error is None
    assert result.seconds == pytest.approx(30 + 20 + 12 + 4 + 11, abs=1.5), "twenty minutes of reading are none of it"
    assert sittings(result) == [
        ("author", "sam", 0, 30, "pull request 1 is there"),
        ("reviewer", "kim", 20, 27, "merged, and seen everywhere"),
    ]
    sample = result.as_sample()
    assert sample.origin == "person"
    assert (sample.details["by"], sample.details["reviewer"]) == ("sam", "kim")
    assert (sample.details["experience"], sample.details["reviewer_experience"]) == ("often", "often")
    assert sample.details["revision"] == "merge-1"
    assert sample.details["pull"] == {
        "number": 1, "author": "author", "approved_by": ["reviewer"], "revision": "merge-1",
    }  # fmt: skip
    assert pair.world.handed_over == [1]
    assert pair.world.commits == [], "nothing was committed in anybody's place"


def test_hands_on_time_is_told_apart_and_waiting_is_no_part_of_it(pair: Pair) -> None:
    sample = pair.go().as_sample()
    figures = sample.figures
    # From Enter to the key after a second, then a gap that counts ten seconds; the reviewer's key came after two.
    assert figures["author_hands_on_seconds"] == pytest.approx(1 + 10)
    assert figures["reviewer_hands_on_seconds"] == pytest.approx(2 + 10)
    assert figures["hands_on_seconds"] == pytest.approx(23)
    assert figures["waiting_seconds"] == pytest.approx(20, abs=0.1)
    assert figures["review_rounds"] == 1
    names = [step.name for step in sample.steps]
    assert names == [
        "author at the terminal", "waiting for the reviewer", "reviewer, until the merge", "from the merge until seen",
    ]  # fmt: skip
    assert sum(step.seconds for step in sample.steps) == pytest.approx(sample.seconds, abs=0.1)


def test_each_hears_of_their_part_before_the_clock_and_the_reviewer_first(pair: Pair) -> None:
    pair.go()
    ((review_task, commands, review_part),) = pair.kim.asked
    ((task, runbook, part),) = pair.sam.asked
    assert "review the pull request of sam" in review_task
    assert "review approve" in commands
    assert "which kim reviews" in task
    assert "git push origin HEAD:refs/for/main -o topic=1123ab-person-reviewed-1" in runbook
    assert review_part is not None
    assert "sam sits down" in review_part.enter
    assert part is not None
    assert "the clock starts" in part.enter
    assert pair.kim.heard[0] == "Pull request 1 of sam waits for a review."
    assert pair.sam.heard == ["The pull request is there. kim sits down next."]
    assert pair.kim.heard[-1].startswith("Seen everywhere: the clock stopped after 7")


def test_who_asks_for_changes_sends_it_back_and_the_author_sits_down_again(pair: Pair) -> None:
    pair.sam.acts = [asks("registry/mock:typo", "a1"), asks(NEW, "a2", 9.0)]
    pair.kim.acts = [sends_back("a typo in the tag"), merges()]
    result = pair.go()
    assert result.error is None
    assert sittings(result) == [
        ("author", "sam", 0, 30, "pull request 1 is there"),
        ("reviewer", "kim", 20, 5, "sent back: a typo in the tag"),
        ("author", "sam", 20, 9, "pull request 1 is changed"),
        ("reviewer", "kim", 20, 27, "merged, and seen everywhere"),
    ]
    assert result.as_sample().figures["review_rounds"] == 2
    assert result.as_sample().figures["waiting_seconds"] == pytest.approx(60, abs=0.1)
    assert "kim sent pull request 1 back: a typo in the tag" in pair.sam.heard


REFUSALS: dict[str, tuple[Sequence[Act], str, str]] = {
    "closes it": ([closes("not today")], "pull request 1 was closed without a merge (not today)", "pull request 1 was"),
    "does not sit down": ([], "kim would rather not", "kim would rather not"),
    "gives up": ([raising(PovError("given up after 7 s"))], "given up after 7 s", "given up after 7 s"),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_a_reviewer_who_refuses_leaves_a_trial_that_was_not_done(pair: Pair, how: str) -> None:
    pair.kim.acts, error, ended = REFUSALS[how]
    result = pair.go()
    assert result.error == error
    sample = result.as_sample()
    assert (sample.ok, sample.origin) == (False, "person")
    assert sample.details["sittings"][-1]["ended"].startswith(ended)
    assert sample.figures["author_hands_on_seconds"] == pytest.approx(11)
    assert set(pair.world.images.values()) == {OLD}
    assert not any(pull.is_open for pull in pair.world.pulls), "nobody finds it open at the next trial"
    assert pair.world.loads[0].ended is not None


def test_a_lost_terminal_keeps_what_was_done_and_waits_for_nothing(pair: Pair) -> None:
    pair.kim.acts = [raising(TerminalGone(), gone=True)]
    begun = pair.world.now
    result = pair.go()
    assert result.error == "the terminal is gone"
    sample = result.as_sample()
    assert sample.details["terminal_gone"] is True
    assert [row["role"] for row in sample.details["sittings"]] == ["author", "reviewer"]
    assert pair.world.now - begun < 1200 + 90
    assert not pair.world.pulls[0].is_open


def test_what_was_merged_and_given_up_then_is_taken_back(pair: Pair) -> None:
    def merges_and_gives_up(seat: FakeSeat) -> None:
        merges()(seat)
        raise PovError("given up after 12 s")

    pair.kim.acts = [merges_and_gives_up]
    result = pair.go()
    assert result.error == "given up after 12 s"
    assert pair.world.commits == ["Back to the state before trial 1 of deploy"]
    assert set(pair.world.images.values()) == {OLD}


def test_a_merge_that_nobody_else_approved_is_no_review(pair: Pair) -> None:
    pair.kim.acts = [merges(approvers=("author",))]
    result = pair.go()
    assert result.error == "pull request 1 was merged without anybody else's approval"


def test_what_came_to_main_in_another_way_is_not_taken_for_the_merge(pair: Pair) -> None:
    def merges_and_somebody_pushes(seat: FakeSeat) -> None:
        merges()(seat)
        seat.world.push("rev-other", seat.world.pulls[-1].images, seat.world.generation)

    pair.kim.acts = [merges_and_somebody_pushes]
    assert pair.go().error == "main stands at rev-other, which is not the merge of pull request 1"


def test_a_server_that_does_not_answer_for_a_moment_ends_no_sitting(pair: Pair) -> None:
    def asks_while_it_is_away(seat: FakeSeat) -> None:
        asks(NEW, "a1")(seat)
        seat.world.down["pulls"] = Transient("Gitea did not answer")
        seat.world.clock.after(3.0, lambda: seat.world.down.pop("pulls"))

    pair.sam.acts = [asks_while_it_is_away]
    result = pair.go()
    assert result.error is None
    assert sittings(result)[0][3] == pytest.approx(33, abs=1)


def test_a_pull_request_that_was_left_open_before_is_none_of_this_trial(pair: Pair) -> None:
    pair.world.pulls.append(Pull(1, "old", dict(pair.world.images)))
    result = pair.go()
    assert result.error is None
    assert result.as_sample().details["pull"]["number"] == 2


def test_without_a_reviewer_there_is_no_trial(pair: Pair) -> None:
    result = pair.go(reviewer=False)
    assert result.error == "nobody reviews"
    assert result.seconds is None


def test_scripts_in_their_place_carry_their_origin_also_where_nobody_got_there(pair: Pair) -> None:
    pair.world.errors["staging", pair.world.scenario.pov_services[0]] = "does not answer"
    pair.sam.origin = "simulated"
    pair.world.down["desks"] = PovError("no accounts")
    result = pair.go()
    assert result.error == "no accounts"
    assert result.as_sample().origin == "simulated"
    assert result.as_sample().details["sittings"] == []
