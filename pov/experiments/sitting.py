"""A person at the terminal while the clock runs: their keys go to a shell, its output to them and into a recording.

The clock stops when the prober has seen everything (`look`), not when anybody says so. Ctrl-C goes to the shell. Where
a shell ends before that, another one follows; a terminal that is gone ends the sitting, and what was done is kept.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pov.base.clock import Clock
from pov.base.errors import PovError
from pov.engines.terminal import Program, Size, Terminal, TerminalGone
from pov.engines.workplace import HERE, CommandBegan, CommandEnded, ShellMarks, Workplace
from pov.experiments.keys import Command, Keys, Noting, Typed, help_lines
from pov.experiments.tape import STOP_S, Tape, Watch
from pov.measure.session import Session

_TURN_S = 0.25
"""Between two looks at the terminal's size."""
_YES = "yY"
_QUIT = b"qQ\x03"
_LINE, _PAGE, _BACK = "\x1b7\x1b[1;1H\x1b[7m pov \x1b[0m {}\x1b[K\x1b8", "\x1b[?1049h\x1b[H\x1b[2J", "\x1b[?1049l"


class GivenUp(PovError):
    """The person gave up."""


class Sitting:
    """One sitting. `run` it once; `session` holds what was counted, also when it raised."""

    def __init__(self, terminal: Terminal, tape: Tape, clock: Clock, names: Sequence[str], runbook: str) -> None:
        self.session = Session(names)
        self._terminal = terminal
        self._tape = tape
        self._clock = clock
        self._runbook = runbook
        self._keys = Keys()
        self._begun = 0.0
        self._size = Size()
        self._asking = False
        self._page: list[str] | None = None
        self._endings: list[threading.Thread] = []
        self._behind = bytearray()
        """What the shell shows while a page covers it."""

    def run(self, place: Workplace, look: Callable[[], object], stop: Callable[[], None]) -> None:
        """Work until `look` returns. `stop` makes it return early. Raises what it raises, `GivenUp`, `TerminalGone`."""
        self._begun = self._clock.monotonic()
        watch = Watch(look)
        try:
            with self._terminal.raw():
                self._size = self._terminal.size()
                self._say("the clock runs: Ctrl-] ? for keys, Ctrl-] b for the runbook")
                while not self._shell(place, watch):
                    self.session.left_early += 1
                    self._tape.mark(self._at(), "the shell was left before everything was seen")
                    self._show(b"\r\n")
                    self._say("not everything is seen yet: here is another shell (Ctrl-] g gives up)")
                self._show(b"\x1b[0m\r\n")
        finally:
            self.session.end(self._at())
            self._tape.close()
            stop()
            watch.end()
        if watch.error is not None:
            raise watch.error

    def close(self) -> None:
        """Wait until every shell has ended, after the clock has stopped."""
        for ending in self._endings:
            ending.join(STOP_S)

    def _at(self) -> float:
        return self._clock.monotonic() - self._begun

    def _shell(self, place: Workplace, watch: Watch) -> bool:
        """Drive one shell to its end, or until the watch has ended; returns whether it has."""
        program = Program(place.argv, env=place.env, folder=place.folder, size=self._size)
        marks = ShellMarks(place.token)
        try:
            while True:
                reading: list[Terminal | Program | int] = [self._terminal, program, watch.descriptor]
                writing = [end for end in (self._terminal, program) if end.waiting]
                ready, room, _ = select.select(reading, writing, [], _TURN_S)
                self._fit(program)
                for end in writing:
                    if end in room:
                        end.flush()
                if watch.descriptor in ready:
                    return True
                if self._terminal in ready:
                    self._typed(program)
                if program in ready and not self._shown(program, marks):
                    return False
        finally:
            # On a thread of its own: a program that takes its time to end is not what is timed.
            ending = threading.Thread(target=program.hang_up, name="shell's end", daemon=True)
            self._endings.append(ending)
            ending.start()

    def _fit(self, program: Program) -> None:
        size = self._terminal.size()
        if size != self._size:
            self._size = size
            program.resize(size)
            self._tape.resized(self._at(), size)

    def _shown(self, program: Program, marks: ShellMarks) -> bool:
        """Pass on what the shell shows; returns whether it goes on."""
        data = program.read()
        if data is None:
            return True
        shown, told = marks.feed(data)
        at = self._at()
        for telling in told:
            self._heard(at, telling)
        if shown:
            self._tape.output(at, shown)
            if self._page is None:
                self._show(shown)
            else:
                self._behind += shown
        return bool(data)

    def _heard(self, at: float, telling: CommandBegan | CommandEnded) -> None:
        if isinstance(telling, CommandBegan):
            self.session.command_began(telling.shell)
            return
        self.session.command_ended(at, telling.shell, telling.code, check=telling.check, local=telling.shell == HERE)

    def _typed(self, program: Program) -> None:
        data = self._terminal.read()
        if data is None:
            return
        if not data:
            raise TerminalGone
        at = self._at()
        if self.session.paused:
            self.session.resume(at)
            self._tape.mark(at, "the pause ends")
            self._say("the pause is over")
            return
        self.session.key(at)
        if self._page is not None:
            self._turn(data)
            return
        for meaning in self._keys.feed(data):
            if isinstance(meaning, Typed):
                self._typed_for(program, meaning.data)
            elif isinstance(meaning, Noting):
                self._noting(at, meaning)
            else:
                self._command(at, meaning)

    def _typed_for(self, program: Program, data: bytes) -> None:
        if not self._asking:
            program.write(data)
            return
        self._asking = False
        if data[:1].decode("ascii", "replace") in _YES:
            raise GivenUp(f"given up after {self._at():.0f} s")
        self._say("going on")

    def _noting(self, at: float, note: Noting) -> None:
        if not note.done:
            self._say(f"note: {note.text}")
        elif note.text is None:
            self._say("no note was made")
        else:
            self.session.note(at, note.text)
            self._tape.mark(at, f"note: {note.text}")
            self._say("noted")

    def _command(self, at: float, command: Command) -> None:
        if command is Command.MARK:
            name = self.session.mark(at)
            self._tape.mark(at, f"done: {name}")
            self._say(f"done: {name}")
        elif command is Command.UNDO:
            name = self.session.undo()
            if name:
                self._tape.mark(at, f"taken back: {name}")
            self._say(f"taken back: {name}" if name else "there is no mark to take back")
        elif command is Command.PAUSE:
            self.session.pause(at)
            self._tape.mark(at, "a pause begins")
            self._say("a pause: the clock goes on; any key ends it")
        elif command is Command.GIVE_UP:
            self._asking = True
            self._say("give up? y for yes, any other key for no")
        elif command is Command.RUNBOOK:
            self.session.looks += 1
            self._cover(self._runbook.splitlines())
        else:
            self._cover(help_lines())

    def _cover(self, lines: list[str]) -> None:
        self._page = lines
        self._turn(b" ")

    def _turn(self, key: bytes) -> None:
        """Show the next part of what covers the shell, or uncover it."""
        assert self._page is not None
        if not self._page or key[:1] in {bytes([value]) for value in _QUIT}:
            self._page = None
            self._show(_BACK.encode() + bytes(self._behind))
            self._behind.clear()
            return
        room = max(1, self._size.rows - 1)
        part, self._page = self._page[:room], self._page[room:]
        more = "any key goes on, q goes back" if self._page else "any key goes back"
        text = "\r\n".join(line[: self._size.columns] for line in part)
        self._show(f"{_PAGE}{text}\r\n\x1b[7m {more} \x1b[0m".encode())

    def _say(self, text: str) -> None:
        """A sentence in the first line, which leaves the cursor where the shell has it."""
        told = "".join(letter if letter.isprintable() else " " for letter in text)
        self._show(_LINE.format(told[: max(10, self._size.columns - 8)]).encode())

    def _show(self, data: bytes) -> None:
        self._terminal.write(data)


@contextmanager
def asked(terminal: Terminal) -> Iterator[Callable[[str, str], str]]:
    """A function that shows a question and waits for one of some keys. Ctrl-C is a key, too."""

    def ask(text: str, keys: str) -> str:
        terminal.write(text.replace("\n", "\r\n").encode())
        while True:
            readable, writable, _ = select.select([terminal], [terminal] if terminal.waiting else [], [], _TURN_S)
            if writable:
                terminal.flush()
            data = terminal.read() if readable else None
            if data == b"":
                raise TerminalGone
            for letter in (data or b"").decode(errors="ignore"):
                if letter in keys:
                    return letter

    with terminal.raw():
        yield ask
