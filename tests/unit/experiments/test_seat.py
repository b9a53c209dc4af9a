"""A person's seat at a real pseudo-terminal: what they are told and asked, and what the sample gets of them."""

from __future__ import annotations

import hashlib
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.engines.runbook_text import Written
from pov.engines.terminal import TerminalGone
from pov.engines.workplace import at_hosts
from pov.experiments.ports.legacy import Part
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


PART = Part("reviewed such a change", "You are called once it is there. Press Enter, and sam sits down: ")


def test_one_of_two_persons_hears_of_their_part(desk: Desk, seat: Seat) -> None:
    kim = replace(seat, by="kim", role="reviewer")

    def script(desk: Desk) -> None:
        desk.until("How often have you reviewed such a change?")
        desk.type("s")
        desk.until("Press Enter, and sam sits down: ")
        desk.type("\r")

    with desk.plays(script):
        kim.until_ready("review the pull request of sam", "review diff", part=PART)
    assert kim.experience == "a few times"
    assert b"ssh HOST" not in desk.shown, "nobody reaches a host from there"
    assert (seat.folder / "deploy-person-1-reviewer.runbook.txt").exists()


def test_who_is_called_says_when_they_sit_there(desk: Desk, seat: Seat) -> None:
    def script(desk: Desk) -> None:
        desk.until("Pull request 3 of sam waits")
        desk.until("sam: press Enter once you sit here")
        assert seat.people.busy.is_set()
        desk.type("x")
        desk.type("\r")

    with desk.plays(script):
        seat.called("Pull request 3 of sam waits for a review.")
    assert not seat.people.busy.is_set()


@pytest.mark.parametrize("key", ["q", "Q", "\x03"])
def test_who_is_called_may_rather_not(desk: Desk, seat: Seat, key: str) -> None:
    def script(desk: Desk) -> None:
        desk.until("press Enter once you sit here")
        desk.type(key)

    with pytest.raises(PovError, match="sam would rather not"), desk.plays(script):
        seat.called("It is sent back.")


def test_a_terminal_that_goes_away_while_somebody_is_called_is_told(desk: Desk, seat: Seat) -> None:
    def script(desk: Desk) -> None:
        desk.until("press Enter once you sit here")
        desk.hang_up()

    with pytest.raises(TerminalGone), desk.plays(script):
        seat.called("It is sent back.")
    assert seat.gone


def test_each_sitting_has_a_recording_of_its_own_without_the_desk_s_secrets(
    desk: Desk, seat: Seat, tmp_path: Path
) -> None:
    (tmp_path / "ssh_config").write_text("")
    secret = Secret("t0ken-of-the-desk")
    place = replace(at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy"), secrets=(secret,))
    first = replace(seat, role="author")
    for sitting in (first, first.again()):
        seen = threading.Event()

        def script(desk: Desk, seen: threading.Event = seen) -> None:
            desk.until("here:desk> ")
            desk.type(f"echo {secret.reveal()}; echo don$((1))e\r")
            desk.until("don1e")
            seen.set()
            desk.until("it is kim's turn")

        with desk.plays(script):
            sitting.work(place, BOOK, lambda seen=seen: seen.wait(30), lambda: None, told=lambda _: "it is kim's turn")
    names = ["deploy-person-1-author-2.cast", "deploy-person-1-author.cast"]
    assert sorted(path.name for path in seat.folder.glob("*.cast")) == names
    for name in names:
        kept = (seat.folder / name).read_text()
        assert secret.reveal() not in kept
        assert "don1e" in kept
