"""A person's seat at a real pseudo-terminal: what they are told and asked, and what the sample gets of them."""

from __future__ import annotations

import hashlib
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.engines.runbook_text import Written
from pov.engines.terminal import TerminalGone
from pov.engines.workplace import at_hosts
from pov.experiments.seat import People, Seat
from pov.measure.order import Slot
from tests.unit.experiments.desk import Desk

TASK, BOOK = "bring ledger to version 2", Written("  1. ledger on legacy-1\n     sv restart ledger", ("ledger",))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


@pytest.fixture
def seat(desk: Desk, tmp_path: Path) -> Seat:
    people = People(("sam",), terminal=desk.terminal)
    return Seat(Slot("deploy", "person", 1), "sam", people, tmp_path / "people")


def asked(desk: Desk, seat: Seat, script: Callable[[Desk], None]) -> None:
    with desk.plays(script):
        seat.until_ready(TASK, BOOK.text)


@pytest.mark.parametrize(("key", "experience"), [("n", "never"), ("s", "a few times"), ("o", "often")])
def test_a_person_hears_what_is_recorded_and_says_when_they_are_ready(
    desk: Desk, seat: Seat, key: str, experience: str
) -> None:
    def script(desk: Desk) -> None:
        for told in ("sv restart ledger", "sam: bring ledger", "never what you type", "How often"):
            desk.until(told)
        assert seat.people.busy.is_set()
        desk.type("x")
        desk.type(key)
        desk.until("Press Enter")
        desk.type("\r")

    asked(desk, seat, script)
    assert seat.experience == experience
    assert not seat.people.busy.is_set()
    runbook = seat.folder / "deploy-person-1.runbook.txt"
    assert runbook.read_text() == f"{BOOK.text}\n"
    assert stat.S_IMODE(seat.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("keys", ["q", "nq", "\x03", "s\x03"])
def test_a_person_may_rather_not(desk: Desk, seat: Seat, keys: str) -> None:
    def script(desk: Desk) -> None:
        for told, key in zip(("How often", "Press Enter"), keys, strict=False):
            desk.until(told)
            desk.type(key)

    with pytest.raises(PovError, match="sam would rather not"):
        asked(desk, seat, script)
    assert not seat.gone


def test_a_terminal_that_goes_away_before_the_start_is_told(desk: Desk, seat: Seat) -> None:
    def script(desk: Desk) -> None:
        desk.until("How often")
        desk.hang_up()

    with pytest.raises(TerminalGone):
        asked(desk, seat, script)
    assert seat.gone
    assert seat.as_details()["terminal_gone"] is True


def test_the_sample_gets_the_person_their_work_and_the_recordings_digest(
    desk: Desk, seat: Seat, tmp_path: Path
) -> None:
    (tmp_path / "ssh_config").write_text("")
    place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    seen = threading.Event()

    def script(desk: Desk) -> None:
        desk.until("here:desk> ")
        desk.type("\x1ds")
        desk.until("done: ledger")
        seen.set()
        desk.until("Seen everywhere")

    with desk.plays(script):
        seat.work(place, BOOK, lambda: seen.wait(30), lambda: None)
    details, cast = seat.as_details(), seat.folder / "deploy-person-1.cast"
    assert details["by"] == "sam"
    assert details["person"]["keystrokes"] >= 1
    assert details["recording"] == {"file": cast.name, "sha256": hashlib.sha256(cast.read_bytes()).hexdigest()}
    assert 0 < seat.seconds < 30
    assert "terminal_gone" not in details


def test_a_recording_that_the_disk_refused_is_told_and_stops_nobody(desk: Desk, seat: Seat, tmp_path: Path) -> None:
    (tmp_path / "ssh_config").write_text("")
    place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    seat.folder.mkdir()
    (seat.folder / "deploy-person-1.cast").mkdir()
    with desk.plays(lambda desk: desk.until("Seen everywhere")):
        seat.work(place, BOOK, lambda: None, lambda: None)
    assert "exists" in seat.as_details()["recording"]["failure"]
