"""What is kept of a person's work: tables of moments and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pov.measure.session import IDLE_LIMIT_S, INTERRUPTED, LOST, Session


@pytest.mark.parametrize(
    ("keys", "end", "hands_on"),
    [
        ((), 0.0, 0.0),
        ((), 5.0, 5.0),  # the key that says "ready" is one, too
        ((), 60.0, IDLE_LIMIT_S),
        ((1.0, 2.0, 3.0), 3.0, 3.0),
        ((1.0, 61.0), 61.0, 1.0 + IDLE_LIMIT_S),  # a minute's wait counts as the limit
        ((1.0, 61.0), 300.0, 1.0 + 2 * IDLE_LIMIT_S),
        ((1.0, 1.0, 1.0), 1.0, 1.0),  # at the same moment
    ],
)
def test_hands_on_time_is_what_gaps_between_keystrokes_add_up_to(
    keys: Sequence[float], end: float, hands_on: float
) -> None:
    session = Session()
    for at in keys:
        session.key(at)
    assert session.hands_on(end) == pytest.approx(hands_on)
    assert session.hands_on(end) <= end or not end
    assert session.keystrokes == len(keys)


def test_a_pause_is_shown_and_hands_are_off_meanwhile() -> None:
    session = Session()
    session.key(1.0)
    session.pause(3.0)
    session.pause(4.0)
    session.key(100.0)  # while it lasts, a key is none
    assert session.paused
    session.resume(203.0)
    session.resume(204.0)
    session.key(205.0)
    figures = session.figures(205.0)
    assert figures["paused_seconds"] == 200.0
    assert figures["hands_on_seconds"] == 5.0
    assert session.as_details(205.0)["pauses"] == [{"at": 3.0, "seconds": 200.0}]
    assert session.keystrokes == 2


def test_a_pause_that_lasts_ends_with_the_clock() -> None:
    session = Session()
    session.pause(10.0)
    assert session.figures(30.0)["paused_seconds"] == 20.0
    session.end(40.0)
    assert session.figures(50.0)["paused_seconds"] == 30.0


def test_marks_become_steps_that_add_up_to_the_elapsed_time() -> None:
    session = Session(["ledger", "fees"])
    assert session.steps(10.0) == ()
    assert session.undo() == ""
    assert [session.mark(at) for at in (10.0, 15.0)] == ["ledger", "fees"]
    assert session.undo() == "fees"
    assert [session.mark(at) for at in (25.0, 26.0)] == ["fees", "step 3"]
    steps = session.steps(30.0)
    assert [(step.name, step.seconds) for step in steps] == [
        ("ledger", 10.0), ("fees", 15.0), ("step 3", 1.0), ("after the last mark", 4.0),
    ]  # fmt: skip
    assert sum(step.seconds for step in steps) == 30.0
    assert session.undone == 1


Ended = tuple[float, str, int, bool]


@pytest.mark.parametrize(
    ("ended", "figures"),
    [
        ([], {"commands": 0, "failed_commands": 0, "failed_checks": 0, "recoveries": 0}),
        ([(1, "here", 0, False)], {"commands": 1, "failed_commands": 0, "recoveries": 0}),
        ([(1, "here", 1, False)], {"commands": 1, "failed_commands": 1, "recoveries": 0}),
        ([(1, "h", 2, False), (5, "h", 0, False)], {"failed_commands": 1, "recoveries": 1, "recovery_seconds": 4}),
        # A row of failures is one thing to recover from.
        (
            [(1, "h", 1, True), (2, "h", 1, True), (9, "h", 0, True)],
            {"failed_commands": 2, "failed_checks": 2, "recoveries": 1, "recovery_seconds": 8},
        ),
        # What somebody stopped is no mistake, and mends none.
        ([(1, "h", 1, False), (2, "h", INTERRUPTED, False)], {"commands": 2, "failed_commands": 1, "recoveries": 0}),
    ],
)
def test_mistakes_and_recoveries(ended: Sequence[Ended], figures: dict[str, float]) -> None:
    session = Session()
    for at, shell, code, check in ended:
        session.command_began(shell)
        session.command_ended(at, shell, code, check=check, local=shell == "here")
    found = session.figures(10.0)
    assert {name: found[name] for name in figures} == figures


def test_a_prompt_after_an_empty_line_counts_nothing_and_a_shell_in_a_shell_has_its_own() -> None:
    session = Session()
    session.command_began("here")
    for code in (1, 1, 1):
        session.command_ended(1.0, "legacy-1", code, check=False, local=False)
    session.command_began("legacy-1")
    session.command_ended(2.0, "legacy-1", 0, check=False, local=False)
    session.command_ended(3.0, "here", 0, check=False, local=True)
    assert (session.commands, session.failed_commands) == (2, 0)


@pytest.mark.parametrize(("local", "lost"), [(True, 1), (False, 0)])
def test_a_connection_is_lost_where_ssh_says_so(local: bool, lost: int) -> None:
    session = Session()
    session.command_began("x")
    session.command_ended(1.0, "x", LOST, check=False, local=local)
    assert session.lost_connections == lost
    assert session.failed_commands == 1


def test_empty_notes_are_none() -> None:
    session = Session()
    session.note(1.0, "  ")
    session.note(2.0, " waits for a colleague ")
    assert session.as_details(3.0)["notes"] == [{"at": 2.0, "text": "waits for a colleague"}]
