"""A person's seat: who sits there, what they are told before the clock starts, and what is kept of their work."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from pov.experiments.sitting import Sitting, asked
from pov.experiments.tape import Tape
from pov.measure.order import Slot
from pov.measure.session import IDLE_LIMIT_S, Session
from pov.model.asciicast import Recorder

PERSON, SIMULATED = "person", "simulated"
_OFTEN = {"n": "never", "s": "a few times", "o": "often"}
_READY, _NO = "\r\n", "\x03qQ"


@dataclass(frozen=True)
class People:
    """Who sits down at the terminal, in turn. `simulated`: a script types in their place. `busy` is set meanwhile."""

    by: tuple[str, ...]
    simulated: bool = False
    terminal: Callable[[], Terminal] = Terminal.own
    busy: threading.Event = field(default_factory=threading.Event)

    @property
    def origin(self) -> str:
        """What their samples carry."""
        return SIMULATED if self.simulated else PERSON

    def as_json(self) -> dict[str, Any]:
        """What a run records, to go on with the same people."""
        return {"by": list(self.by), "simulated": self.simulated}


@dataclass
class Seat:
    """One person at one trial. `folder` gets the recording; `secrets` are kept out of it."""

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

    def until_ready(self, task: str, runbook: str) -> None:
        """Say what is to be done and what is recorded; return when the person says that they are ready.

        Raises `PovError` if they would rather not, `TerminalGone` where nobody is there any more.
        """
        path = private_dir(self.folder) / f"{self._name}.runbook.txt"
        path.write_text(runbook + "\n")
        with self._at_terminal() as terminal, asked(terminal) as ask:
            told = ask(_welcome(self.by, task, runbook, path), "".join(_OFTEN) + _NO)
            if told in _OFTEN:
                self.experience = _OFTEN[told]
                told = ask(
                    f"{self.experience}\n\nThe change is ready. Press Enter and the clock starts: ", _READY + _NO
                )
        if told in _NO:
            raise PovError(f"{self.by} would rather not")

    def work(self, place: Workplace, runbook: Written, look: Callable[[], object], stop: Callable[[], None]) -> None:
        """Let the person work until `look` has seen everything. What was counted stays in `session` in any case."""
        with self._at_terminal() as terminal:
            size, path = terminal.size(), private_dir(self.folder) / f"{self._name}.cast"
            recorder = Recorder(path, size.columns, size.rows, started=self.clock.wall(), title=self._name)
            sitting = Sitting(terminal, Tape(recorder, self.secrets), self.clock, runbook.parts, runbook.text)
            self.session, begun = sitting.session, self.clock.monotonic()
            try:
                sitting.run(place, look, stop)
                took = self.clock.monotonic() - begun
                terminal.write(f"\r\nSeen everywhere: the clock stopped after {took:.1f} s.\r\n".encode())
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
        return f"{self.slot.experiment}-{self.slot.arm}-{self.slot.trial}"


def _recording(recorder: Recorder) -> dict[str, Any]:
    if recorder.failure:
        return {"failure": recorder.failure}
    return {"file": recorder.path.name, "sha256": hashlib.sha256(recorder.path.read_bytes()).hexdigest()}


def _welcome(by: str, task: str, runbook: str, path: Path) -> str:
    keys = "\n".join(f"  {line}" for line in help_lines())
    idle = f"{IDLE_LIMIT_S:.0f} s"
    return f"""\x1b[2J\x1b[H{runbook}
--------------------------------------------------------------------------------
{by}: {task}

The runbook stands above, and in {path}
for a second window. You get a shell on this machine; `ssh HOST` opens one on a host.

{keys}

Recorded is what the terminal shows, with secrets taken out; never what you type.
Counted are how many keys you press, the time that they add up to (a gap of more
than {idle} counts as {idle}), and how many commands fail. The recording stays on this
machine; a report carries it only once you have watched it and agreed.
The clock stops when the prober has seen every replica serve the change.

How often have you done such a change?  n never  s a few times  o often  (q: rather not)  """
