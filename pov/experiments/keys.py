"""What a person's keystrokes mean: almost all go to the program; after Ctrl-] the next one is a command to `pov`."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

PREFIX = b"\x1d"
"""Ctrl-], on keyboards without that key Ctrl-5."""
_ENTER, _ESCAPE, _INTERRUPT = b"\r\n", b"\x1b", b"\x03"
_ERASE = b"\x7f\x08"


class Command(enum.Enum):
    """What a person can ask for while the clock runs, by its key."""

    MARK = "s"
    UNDO = "u"
    NOTE = "n"
    PAUSE = "p"
    RUNBOOK = "b"
    GIVE_UP = "g"
    HELP = "?"


_WORDS = {
    Command.MARK: "the next step is done",
    Command.UNDO: "take the last mark back",
    Command.NOTE: "write a note into the record; Enter ends it",
    Command.PAUSE: "a pause, until the next key; the clock goes on",
    Command.RUNBOOK: "read the runbook; any key goes on, q closes it",
    Command.GIVE_UP: "give up; asks once more",
    Command.HELP: "this list",
}


def help_lines() -> list[str]:
    """The keys in words, a line each."""
    return [f"Ctrl-]  {command.value}   {_WORDS[command]}" for command in Command] + ["Ctrl-] Ctrl-]  the key itself"]


@dataclass(frozen=True)
class Typed:
    """Keystrokes for the program."""

    data: bytes


@dataclass(frozen=True)
class Noting:
    """A note that is being written: its text so far, None once it was given up; `done` when Enter ended it."""

    text: str | None
    done: bool = False


Meaning = Typed | Command | Noting


class Keys:
    """Takes keystrokes as they come, in whatever pieces."""

    def __init__(self) -> None:
        self._prefixed = False
        self._note: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[Meaning]:
        """What they mean, in their order."""
        plain = bytearray()
        for byte in (bytes([value]) for value in data):
            meaning = self._special(byte)
            if meaning is None:
                plain += byte
            elif meaning is not _NOTHING:
                if plain:
                    yield Typed(bytes(plain))
                    plain.clear()
                yield meaning
        if plain:
            yield Typed(bytes(plain))

    def _special(self, byte: bytes) -> Meaning | None:
        """Its meaning; None for one that goes to the program."""
        if self._note is not None:
            return self._noted(byte)
        if self._prefixed:
            self._prefixed = False
            if byte == PREFIX:
                return Typed(PREFIX)
            known = next((c for c in Command if c.value == byte.decode("ascii", "replace").lower()), Command.HELP)
            if known is Command.NOTE:
                self._note = bytearray()
                return Noting("")
            return known
        if byte == PREFIX:
            self._prefixed = True
            return _NOTHING
        return None

    def _noted(self, byte: bytes) -> Meaning:
        assert self._note is not None
        if byte in {_ESCAPE, _INTERRUPT}:
            self._note = None
            return Noting(None, done=True)
        if byte in {_ENTER[:1], _ENTER[1:]}:
            text, self._note = self._note.decode(errors="replace"), None
            return Noting(text, done=True)
        if byte in {_ERASE[:1], _ERASE[1:]}:
            kept = self._note.decode(errors="ignore")[:-1]
            self._note = bytearray(kept.encode())
        elif byte >= b" ":
            self._note += byte
        return Noting(self._note.decode(errors="ignore"))


_NOTHING = Typed(b"")
