"""A pseudo-terminal in the place of the one that a person sits at, and a script that types there and reads."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from pov.engines.terminal import Size, Terminal, _resize

LIMIT_S = 40.0


@dataclass
class Desk:
    """`ours` is where the script types and reads; a `Terminal` is opened on `its`."""

    ours: int = -1
    its: int = -1
    shown: bytearray = field(default_factory=bytearray)
    read: int = 0

    def __enter__(self) -> Self:
        self.ours, self.its = os.openpty()
        self.resize(Size(80, 24))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for descriptor in (self.ours, self.its):
            if descriptor >= 0:
                os.close(descriptor)

    def terminal(self) -> Terminal:
        return Terminal(os.dup(self.its))

    def resize(self, size: Size) -> None:
        _resize(self.ours, size)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def hang_up(self) -> None:
        """Close the script's end, as a lost connection does."""
        os.close(self.ours)
        self.ours = -1

    def until(self, text: str) -> None:
        """Read until a text was shown, after the last one that was waited for."""
        wanted, deadline = text.encode(), time.monotonic() + LIMIT_S
        while (found := self.shown.find(wanted, self.read)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not shown: {bytes(self.shown[-2000:])!r}"
            if select.select([self.ours], [], [], 0.2)[0]:
                self.shown += os.read(self.ours, 65_536)
        self.read = found + len(wanted)

    def plays(self, script: Callable[[Desk], None]) -> Player:
        return Player(self, script)


class Player:
    """Runs a script on a thread of its own; its failure is raised where the block ends."""

    def __init__(self, desk: Desk, script: Callable[[Desk], None]) -> None:
        self._desk, self._script = desk, script
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._script(self._desk)
        except BaseException as error:
            self._error = error
            self._desk.hang_up()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
