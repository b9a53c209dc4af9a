"""A person's seat: who sits there, what they are told before the clock starts, and what is kept of their work."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError
from pov.base.files import private_dir
from pov.base.redact import Secret
from pov.engines.runbook_text import Written
from pov.engines.terminal import Terminal, TerminalGone
from pov.engines.workplace import Workplace
from pov.experiments.keys import help_lines
from pov.experiments.ports.legacy import Part
from pov.experiments.sitting import Sitting, asked
from pov.experiments.tape import Tape
from pov.measure.order import Slot
from pov.measure.session import IDLE_LIMIT_S, Session
from pov.model.asciicast import Recorder

PERSON, SIMULATED = "person", "simulated"
_OFTEN = {"n": "never", "s": "a few times", "o": "often"}
_READY, _NO = "\r\n", "\x03qQ"
_ALONE = Part("done such a change", "The change is ready. Press Enter and the clock starts: ")
_CLEAR = "\x1b[2J\x1b[H"
_SSH = "; `ssh HOST` opens one on a host"


@dataclass(frozen=True)
class People:
    """Who sits down at the terminal, in turn, and who reviews what they do: the first one's is the first one, or the
    only one. `simulated`: a script types in their place. `busy` is set meanwhile.
    """

    by: tuple[str, ...]
    simulated: bool = False
    terminal: Callable[[], Terminal] = Terminal.own
    busy: threading.Event = field(default_factory=threading.Event)
    reviewers: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """What their samples carry."""
        return SIMULATED if self.simulated else PERSON

    def as_json(self) -> dict[str, Any]:
        """What a run records, to go on with the same people."""
        return {"by": list(self.by), "reviewers": list(self.reviewers), "simulated": self.simulated}


@dataclass
class Seat:
    """One person at one trial. `folder` gets the recording; `secrets` are kept out of it.

    Where two persons sit at a trial, `role` names which one it is, and `sitting` counts how often they sat down.
    """

    slot: Slot
    by: str
    people: People
    folder: Path
    secrets: Sequence[Secret] = ()
    clock: Clock = SYSTEM_CLOCK
    session: Session = field(default_factory=Session)
    seconds: float = 0.0
    gone: bool = False
    """Whether the terminal went away: nobody sits there any more."""

    experience: str = ""
    role: str = ""
    sitting: int = 1
    _left: tuple[Sitting, Recorder] | None = None

    @property
    def origin(self) -> str:
        """What the sample carries."""
        return self.people.origin

    @contextmanager
    def _at_terminal(self) -> Iterator[Terminal]:
        terminal = self.people.terminal()
        self.people.busy.set()
        try:
            yield terminal
        except (KeyboardInterrupt, TerminalGone) as error:
            self.gone = True
            raise TerminalGone from error
        finally:
            self.people.busy.clear()
            terminal.close()

    def until_ready(self, task: str, runbook: str, *, part: Part | None = None) -> None:
        """Say what is to be done and what is recorded; return when the person says that they are ready.

        Raises `PovError` if they would rather not, `TerminalGone` where nobody is there any more.
        """
        path = private_dir(self.folder) / f"{self._name}.runbook.txt"
        path.write_text(runbook + "\n")
        mine = part or _ALONE
        welcome = _welcome(self.by, task, runbook, path, mine.experience, reach="" if part else _SSH)
        with self._at_terminal() as terminal, asked(terminal) as ask:
            told = ask(welcome, "".join(_OFTEN) + _NO)
            if told in _OFTEN:
                self.experience = _OFTEN[told]
                told = ask(f"{self.experience}\n\n{mine.enter}", _READY + _NO)
        self._willing(told)

    def called(self, why: str) -> None:
        """Say why the person is called to the terminal; return when they sit there. The clock runs meanwhile.

        Raises `PovError` if they would rather not, `TerminalGone` where nobody is there any more.
        """
        with self._at_terminal() as terminal, asked(terminal) as ask:
            told = ask(f"{_CLEAR}{why}\n\n{self.by}: press Enter once you sit here  (q: rather not)  ", _READY + _NO)
        self._willing(told)

    def again(self) -> Seat:
        """The same person's next sitting at the same trial."""
        return replace(self, session=Session(), seconds=0.0, gone=False, sitting=self.sitting + 1, _left=None)

    def _willing(self, told: str) -> None:
        if told in _NO:
            raise PovError(f"{self.by} would rather not")

    def work(
        self,
        place: Workplace,
        runbook: Written,
        look: Callable[[], object],
        stop: Callable[[], None],
        *,
        told: Callable[[float], str] | None = None,
    ) -> None:
        """Let the person work until `look` has seen everything. What was counted stays in `session` in any case.

        `told` gives what they hear at the end, of the seconds that it took.
        """
        with self._at_terminal() as terminal:
            size, path = terminal.size(), private_dir(self.folder) / f"{self._name}.cast"
            recorder = Recorder(path, size.columns, size.rows, started=self.clock.wall(), title=self._name)
            tape = Tape(recorder, (*self.secrets, *place.secrets))
            sitting = Sitting(terminal, tape, self.clock, runbook.parts, runbook.text)
            self.session, begun = sitting.session, self.clock.monotonic()
            try:
                sitting.run(place, look, stop)
                took = self.clock.monotonic() - begun
                terminal.write(f"\r\n{(told or _seen)(took)}\r\n".encode())
            finally:
                self.seconds = self.clock.monotonic() - begun
                self._left = sitting, recorder

    def as_details(self) -> dict[str, Any]:
        """What the sample tells of the person and their work. Asked for after the clock has stopped."""
        recording: dict[str, Any] = {}
        if self._left is not None:
            sitting, recorder = self._left
            sitting.close()
            recording = _recording(recorder)
        return {
            "by": self.by,
            "experience": self.experience,
            "person": self.session.as_details(self.seconds),
            "recording": recording,
            **({"terminal_gone": True} if self.gone else {}),
        }

    @property
    def _name(self) -> str:
        parts = [self.slot.experiment, self.slot.arm, str(self.slot.trial), self.role]
        return "-".join(filter(None, [*parts, str(self.sitting) if self.sitting > 1 else ""]))


def _seen(took: float) -> str:
    return f"Seen everywhere: the clock stopped after {took:.1f} s."


def _recording(recorder: Recorder) -> dict[str, Any]:
    if recorder.failure:
        return {"failure": recorder.failure}
    return {"file": recorder.path.name, "sha256": hashlib.sha256(recorder.path.read_bytes()).hexdigest()}


def _welcome(by: str, task: str, runbook: str, path: Path, experience: str, *, reach: str) -> str:
    keys = "\n".join(f"  {line}" for line in help_lines())
    idle = f"{IDLE_LIMIT_S:.0f} s"
    return f"""{_CLEAR}{runbook}
--------------------------------------------------------------------------------
{by}: {task}

The runbook stands above, and in {path}
for a second window. You get a shell on this machine{reach}.

{keys}

Recorded is what the terminal shows, with secrets taken out; never what you type.
Counted are how many keys you press, the time that they add up to (a gap of more
than {idle} counts as {idle}), and how many commands fail. The recording stays on this
machine; a report carries it only once you have watched it and agreed.
The clock stops when the prober has seen every replica serve the change.

How often have you {experience}?  n never  s a few times  o often  (q: rather not)  """
