from __future__ import annotations

import pytest

from pov.experiments.keys import Command, Keys, Meaning, Noting, Typed


@pytest.mark.parametrize(
    ("pieces", "meanings"),
    [
        ((b"ls\r",), [Typed(b"ls\r")]),
        ((b"\x03",), [Typed(b"\x03")]),
        ((b"a\x1dsb",), [Typed(b"a"), Command.MARK, Typed(b"b")]),
        ((b"\x1d", b"s"), [Command.MARK]),
        ((b"\x1d\x1d",), [Typed(b"\x1d")]),
        ((b"\x1dS\x1du\x1dp\x1db\x1dg",),
         [Command.MARK, Command.UNDO, Command.PAUSE, Command.RUNBOOK, Command.GIVE_UP]),
        ((b"\x1dx",), [Command.HELP]),
        ((b"\x1dnhi\r",), [Noting(""), Noting("h"), Noting("hi"), Noting("hi", done=True)]),
        ((b"\x1dnhx\x7f\n",), [Noting(""), Noting("h"), Noting("hx"), Noting("h"), Noting("h", done=True)]),
        ((b"\x1dnh\x03ls",), [Noting(""), Noting("h"), Noting(None, done=True), Typed(b"ls")]),
        (("\x1dnä\x7f\r".encode(),), [Noting(""), Noting(""), Noting("ä"), Noting(""), Noting("", done=True)]),
    ],
)  # fmt: skip
def test_keys_and_what_they_mean(pieces: tuple[bytes, ...], meanings: list[Meaning]) -> None:
    keys = Keys()
    assert [meaning for piece in pieces for meaning in keys.feed(piece)] == meanings
