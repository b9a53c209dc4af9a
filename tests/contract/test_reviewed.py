"""The arm of two persons whole but for the cluster: real terminals, shells and Git server; scripts type in their place.

What a merge does to staging is the unit tests' environment, a little later.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.experiments import EXPERIMENTS
from pov.experiments.seat import People, Seat
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.model.asciicast import MARKED, OUTPUT, read_cast
from pov.steps.git import overlay, repository
from tests.contract.test_desks import FILE, Office
from tests.contract.test_desks import office as office  # noqa: PLC0414 - a fixture
from tests.unit.experiments import world as worlds
from tests.unit.experiments.desk import Desk

pytestmark = [pytest.mark.contract, pytest.mark.timeout(240)]

PROMPT = "> "
SOON_S = 0.3


class Now:
    """The system's clock, and what is due on threads of their own."""

    @property
    def now(self) -> float:
        return SYSTEM_CLOCK.monotonic()

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()


class World(worlds.World):
    """The environment in memory, whose clock is the system's and whose main branch is the Git server's."""

    def __init__(self, office: Office) -> None:
        super().__init__()
        self.office = office
        self.clock: Any = Now()

    def follows_main(self) -> None:
        """Take up what was merged, as Argo CD would."""
        copy = repository.working_copy(self.office.ctx)
        if copy.head and copy.head != self.head:
            self.push(copy.head, overlay.images_of(copy.read(FILE)), self.generation)


@dataclass
class Room:
    """Two persons at one terminal."""

    world: World
    desk: Desk
    folder: Path

    def go(self) -> Result:
        slot = Slot("deploy", "person-reviewed", 1)
        people = People(("sam",), simulated=True, terminal=self.desk.terminal, reviewers=("kim",))
        box = replace(
            self.world.toolbox(self.folder),
            seat=lambda _: Seat(slot, "sam", people, self.folder, role="author"),
            reviewer=lambda _: Seat(slot, "kim", people, self.folder, role="reviewer"),
        )
        make = EXPERIMENTS["deploy"].arms["person-reviewed"].make
        return run_trial(slot, lambda: make(box, slot), SYSTEM_CLOCK)

    @property
    def prompt(self) -> str:
        return f"here:{repository.NAME}{PROMPT}"


@pytest.fixture
def room(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(worlds, "SYNC_S", SOON_S)
    monkeypatch.setattr(worlds, "ROLLOUT_S", SOON_S)
    world = World(office)
    monkeypatch.setattr(worlds.Git, "desks", lambda _: office.desks)
    copy = repository.working_copy(office.ctx)
    copy.write(FILE, f"images:\n{overlay.image_entries(world.images)}\n")
    copy.commit("Images")
    world.head = world.synced = copy.push()
    with Desk() as desk:
        yield Room(world, desk, tmp_path / "people")


def both_hear(desk: Desk) -> None:
    for key, told in (("o", "reviewed such a change"), ("n", "asked for such a change")):
        desk.until(f"How often have you {told}")
        desk.type(key)
        desk.until("Press Enter")
        desk.type("\r")


def does(desk: Desk, prompt: str, *commands: str) -> None:
    """Type commands that end well; the last one may end the sitting before its prompt comes back."""
    for command in commands:
        desk.until(prompt)
        desk.type(f"{command}\r")


def asks(room: Room, tag: str) -> None:
    names = "\\|".join(room.world.scenario.pov_services)
    edit = f"sed -i '/name: \\({names}\\)$/,/newTag/s/newTag: .*/newTag: \"{tag}\"/' {FILE}"
    push = "git push origin HEAD:refs/for/main -o topic=1123ab"
    does(room.desk, room.prompt, f"{edit} && git commit --quiet --all --message Deploy && {push}")
    room.desk.until("The pull request is there. kim sits down next.")


def sits_down(room: Room, who: str) -> None:
    room.desk.until(f"{who}: press Enter once you sit here")
    room.desk.type("\r")


def test_a_change_is_asked_for_sent_back_approved_merged_and_seen(room: Room) -> None:
    tag = "1123ab-person-reviewed-1"

    def script(desk: Desk) -> None:
        both_hear(desk)
        asks(room, "typo")
        sits_down(room, "kim")
        does(desk, room.prompt, "review diff | cat")
        desk.until("typo")
        does(desk, room.prompt, "review changes 'a typo in the tag'")
        desk.until("It is sent back. sam sits down next.")
        desk.until("a typo in the tag")
        sits_down(room, "sam")
        asks(room, tag)
        sits_down(room, "kim")
        # An approval that the server voids while it works off the push is given again.
        again = "until review approve && review merge; do sleep 0.2; done; echo merge$((1))d"
        does(desk, room.prompt, again)
        desk.until("merge1d")
        room.world.follows_main()
        desk.until("Seen everywhere: the clock stopped")

    with room.desk.plays(script):
        result = room.go()
    assert result.error is None
    sample = result.as_sample()
    assert (sample.origin, sample.ok) == ("simulated", True)
    rows = sample.details["sittings"]
    assert [(row["role"], row["by"]) for row in rows] == [("author", "sam"), ("reviewer", "kim")] * 2
    assert rows[1]["ended"] == "sent back: a typo in the tag"
    assert sample.details["revision"] == repository.working_copy(room.world.office.ctx).head
    assert sample.details["pull"]["approved_by"] == ["reviewer"]
    figures = sample.figures
    for role in ("author", "reviewer"):
        assert 0 < figures[f"{role}_hands_on_seconds"] <= figures["hands_on_seconds"]
    assert sum(step.seconds for step in sample.steps) == pytest.approx(sample.seconds, abs=0.5)
    tokens = [secret.reveal() for place in (room.world.office.author, room.world.office.reviewer)
              for secret in place.secrets]  # fmt: skip
    for row in rows:
        cast = read_cast(room.folder / row["recording"]["file"])
        shown = "".join(event.text for event in cast.events if event.kind == OUTPUT)
        assert cast.problems == ()
        assert not any(token in shown for token in tokens)
        assert not any("left before" in event.text for event in cast.events if event.kind == MARKED)
    assert sorted(path.name for path in room.folder.glob("*.cast")) == sorted(
        f"deploy-person-reviewed-1-{who}.cast" for who in ("author", "author-2", "reviewer", "reviewer-2")
    )


def test_a_refusal_ends_it_with_its_words(room: Room) -> None:
    def script(desk: Desk) -> None:
        both_hear(desk)
        asks(room, "1123ab-person-reviewed-1")
        sits_down(room, "kim")
        does(desk, room.prompt, "review refuse 'not on a Friday'")

    with room.desk.plays(script):
        result = room.go()
    assert result.error is not None
    assert re.fullmatch(r"pull request \d+ was closed without a merge \(not on a Friday\)", result.error)
    assert result.as_sample().figures["author_hands_on_seconds"] > 0
    assert room.world.office.desks.newest() is None


def test_a_terminal_that_goes_away_under_the_reviewer_leaves_nothing_open(room: Room) -> None:
    def script(desk: Desk) -> None:
        both_hear(desk)
        asks(room, "1123ab-person-reviewed-1")
        sits_down(room, "kim")
        desk.until(room.prompt)
        desk.hang_up()

    with room.desk.plays(script):
        result = room.go()
    assert result.error == "the terminal is gone"
    details = result.as_sample().details
    assert details["terminal_gone"] is True
    assert [row["ended"] for row in details["sittings"]][1] == "the terminal is gone"
    assert room.world.office.desks.newest() is None
    assert len(list(room.folder.glob("*.cast"))) == 2
