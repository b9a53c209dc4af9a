"""A person at a real pseudo-terminal, in front of a real shell; a script types in their place."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.terminal import Size, TerminalGone
from pov.engines.workplace import Workplace, at_hosts
from pov.experiments.sitting import GivenUp, Sitting
from pov.experiments.tape import Tape
from pov.model.asciicast import MARKED, OUTPUT, RESIZED, Recorder, read_cast
from tests.unit.experiments.desk import Desk

SECRET = Secret("s3cr3t-of-the-estate")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as made:
        yield made


@dataclass
class Work:
    """A sitting, and the prober's look that ends it when `seen` is set."""

    sitting: Sitting
    place: Workplace
    cast: Path
    seen: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.seen.wait(0.01):
            if self.stopped.is_set():
                raise PovError("nobody waits for it any more")

    def run(self) -> None:
        self.sitting.run(self.place, self.look, self.stopped.set)

    def output(self) -> str:
        return "".join(event.text for event in read_cast(self.cast).events if event.kind == OUTPUT)

    def marks(self) -> list[str]:
        return [event.text for event in read_cast(self.cast).events if event.kind == MARKED]


@pytest.fixture
def work(desk: Desk, tmp_path: Path) -> Work:
    (tmp_path / "ssh_config").write_text("")
    place = at_hosts(tmp_path / "desk", tmp_path / "ssh_config", check="healthy")
    cast = tmp_path / "one.cast"
    recorder = Recorder(cast, 80, 24, started=datetime(2026, 3, 9, tzinfo=UTC), title="one")
    runbook = "\n".join(f"line {number}" for number in range(40))
    sitting = Sitting(desk.terminal(), Tape(recorder, [SECRET]), SYSTEM_CLOCK, ["ledger", "fees"], runbook)
    return Work(sitting, place, cast)


def play(desk: Desk, work: Work, script: Callable[[Desk], None]) -> None:
    """Run the sitting while a script types; what it has raised counts before what the sitting raised."""
    try:
        with desk.plays(script):
            work.run()
    finally:
        work.sitting.close()


PROMPT = "here:desk> "


def test_the_clock_stops_when_it_is_seen_and_not_when_somebody_says_so(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("echo don$((1))e\r")
        desk.until("don1e")
        work.seen.set()

    play(desk, work, script)
    session = work.sitting.session
    assert session.keystrokes >= 1
    assert work.stopped.is_set()
    assert "don1e" in work.output()


def test_mistakes_and_recoveries_are_counted_and_ctrl_c_goes_to_the_shell(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        for command, shown in (
            ("false; echo a$((1))", "a1"),  # ends well
            ("(echo b$((1)); exit 3)", "b1"),  # a mistake
            ("", PROMPT),  # an empty line repeats none
            ("healthy 1; echo c$((1)); ! true", "c1"),  # a check that failed
            ("echo d$((1))", "d1"),  # recovered
        ):
            desk.type(f"{command}\r")
            desk.until(shown)
            if shown != PROMPT:
                desk.until(PROMPT)
        desk.type("sh -c 'echo star$((1))ts; sleep 30'\r")
        desk.until("star1ts")
        desk.type("\x03")
        desk.until(PROMPT)
        work.seen.set()

    play(desk, work, script)
    session = work.sitting.session
    assert (session.commands, session.failed_commands, session.failed_checks) == (5, 2, 1)
    assert session.interrupted_commands == 1
    assert len(session.recoveries) == 1


@pytest.fixture
def in_the_background() -> Iterator[None]:
    """As a shell starts what it does not wait for: Ctrl-C is ignored, and whatever is started ignores it too."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_the_background")
def test_ctrl_c_ends_a_program_whatever_ignored_it_before(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("sh -c 'echo star$((1))ts; sleep 30'\r")
        desk.until("star1ts")
        desk.type("\x03")
        desk.until(PROMPT)
        desk.type("echo ended-$?\r")
        desk.until("ended-130")
        work.seen.set()

    play(desk, work, script)


def test_nothing_typed_is_recorded_and_secrets_are_taken_out(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type(f"echo {SECRET.reveal()}; TOKEN=abcdef123456; echo no-ech$((1))o\r")
        desk.until("no-ech1o")
        desk.until(PROMPT)
        # A line editor would echo what is typed at its prompt: a program that asks for a password does not.
        desk.type("sh -c 'stty -echo; echo as$((1))ks; read -r x; echo got-${#x}'\r")
        desk.until("as1ks")
        desk.type("never-shown\r")
        desk.until("got-11")
        desk.until(PROMPT)
        work.seen.set()

    play(desk, work, script)
    content = work.cast.read_text()
    for hidden in (SECRET.reveal(), "abcdef123456", "never-shown", work.place.token):
        assert hidden not in content
    assert "echo ***; TOKEN=***" in work.output()
    assert {line[1] for line in map(json.loads, content.splitlines()[1:])} <= {OUTPUT, MARKED, RESIZED}
    assert stat.S_IMODE(work.cast.stat().st_mode) == 0o600


def test_marks_undo_notes_pauses_and_the_runbook_have_keys(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        for keys, shown in (
            ("\x1ds", "done: ledger"),
            ("\x1du", "taken back: ledger"),
            ("\x1du", "no mark"),
            ("\x1ds", "done: ledger"),
            ("\x1ds", "done: fees"),
            ("\x1dn", "note:"),
            ("waits for a colleaguex\x7f\r", "noted"),
            ("\x1dp", "a pause"),
            ("x", "the pause is over"),
            ("\x1db", "line 22"),
            (" ", "line 39"),
            (" ", "\x1b[?1049l"),
            ("\x1d?", "Ctrl-]  g"),
            ("q", "\x1b[?1049l"),
        ):
            desk.type(keys)
            desk.until(shown)
        work.seen.set()

    play(desk, work, script)
    session = work.sitting.session
    assert [name for _, name in session.marks] == ["ledger", "fees"]
    assert [text for _, text in session.notes] == ["waits for a colleague"]
    assert (session.undone, session.looks, len(session.pauses), session.paused) == (1, 1, 1, False)
    assert "note: waits for a colleague" in work.marks()
    assert "line 22" not in work.output(), "what covers the shell is not the shell's output"


def test_a_shell_that_is_left_too_early_is_followed_by_another(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("exit\r")
        desk.until("another shell")
        desk.until(PROMPT)
        work.seen.set()

    play(desk, work, script)
    assert work.sitting.session.left_early == 1


def test_giving_up_asks_once_more_and_keeps_what_was_done(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("\x1ds\x1dg")
        desk.until("give up?")
        desk.type("n")
        desk.until("going on")
        desk.type("\x1dg")
        desk.until("give up?")
        desk.type("y")

    with pytest.raises(GivenUp, match="given up"):
        play(desk, work, script)
    assert len(work.sitting.session.marks) == 1
    assert "done: ledger" in work.marks()
    assert work.stopped.is_set()


def test_a_lost_connection_ends_it_and_keeps_what_was_done(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("echo kep$((1))t\r")
        desk.until("kep1t")
        desk.type("\x1ds")
        desk.until("done: ledger")
        desk.hang_up()

    with pytest.raises(TerminalGone):
        play(desk, work, script)
    assert len(work.sitting.session.marks) == 1
    assert "kep1t" in work.output()


@pytest.mark.parametrize("ending", ["seen", "look fails", "interrupt"])
def test_the_terminal_is_as_before_whatever_happens(desk: Desk, work: Work, ending: str) -> None:
    before = termios.tcgetattr(desk.its)

    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        assert not termios.tcgetattr(desk.its)[3] & termios.ICANON
        if ending == "interrupt":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            work.seen.set()

    if ending == "look fails":
        work.look = lambda: (work.seen.wait(20), (_ for _ in ()).throw(PovError("the prober is gone")))[0]  # type: ignore[assignment,method-assign,func-returns-value]
        with pytest.raises(PovError, match="the prober is gone"):
            play(desk, work, script)
    elif ending == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            play(desk, work, script)
    else:
        play(desk, work, script)
    assert termios.tcgetattr(desk.its) == before


def test_a_new_size_reaches_the_shell_and_the_recording(desk: Desk, work: Work) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.resize(Size(100, 30))
        desk.type("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; echo siz$((1))e\r")
        desk.until("siz1e")
        work.seen.set()

    play(desk, work, script)
    assert [event.text for event in read_cast(work.cast).events if event.kind == RESIZED] == ["100x30"]


def test_what_the_shell_started_ends_with_it(desk: Desk, work: Work, tmp_path: Path) -> None:
    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type(f"sleep 300 & echo $! > {tmp_path}/pid; echo star$((1))ted\r")
        desk.until("star1ted")
        work.seen.set()

    play(desk, work, script)
    pid = int((tmp_path / "pid").read_text())
    wait_for("the shell's job to end", lambda: not runs(pid) or Pending("it runs"), timeout_s=10, interval_s=0.02)


def runs(pid: int) -> bool:
    """Whether a process is alive: one that nobody has collected yet is not."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
    )
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


def test_a_program_that_will_not_end_is_not_what_is_timed(desk: Desk, work: Work) -> None:
    took: list[float] = []

    def script(desk: Desk) -> None:
        desk.until(PROMPT)
        desk.type("exec sh -c 'trap \"\" HUP; echo i$((1))t; sleep 60'\r")
        desk.until("i1t")
        took.append(SYSTEM_CLOCK.monotonic())
        work.seen.set()

    with desk.plays(script):
        work.run()
        took.append(SYSTEM_CLOCK.monotonic())
    assert took[1] - took[0] < 40, "the sitting ended without the program"
    work.sitting.close()
