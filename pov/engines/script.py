"""A script that somebody else wrote, run on this machine: bounded in time and output, told what to do by variables.

It may hang, lie, flood its output and leave processes behind. Its process group ends with it; what left the group is
found by a variable that the script was given, where the system shows processes' variables (Linux).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pov.base import variables
from pov.base.errors import PovError, TimedOut
from pov.base.files import write_atomic
from pov.base.process import run
from pov.base.redact import Secret, redact

WORK = "POV_WORK"
"""A private folder, another one for each run: also the mark by which what a script left behind is found."""
LOG_BYTES = 128 * 1024
_PROC = Path("/proc")
_ROUNDS = 20


class Log:
    """What a script printed: its first and its last 64 KiB, and how much lay in between."""

    def __init__(self, most: int = LOG_BYTES) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._between = 0

    def take(self, piece: bytes) -> None:
        """Hear a piece of output."""
        room = self._half - len(self._head)
        self._head += piece[:room]
        self._tail += piece[max(0, room) :]
        if (gone := len(self._tail) - self._half) > 0:
            del self._tail[:gone]
            self._between += gone

    def text(self) -> str:
        """What is kept of it."""
        left_out = f"\n… {self._between} bytes left out …\n" if self._between else ""
        return self._head.decode(errors="replace") + left_out + self._tail.decode(errors="replace")


class Script:
    """One run of `argv` in `folder`, told what to do by the variables `told`. Close it, however it ended.

    `work` is an empty private folder that is its own. What it prints goes to `log` in the end, without `secrets`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        told: Mapping[str, str],
        *,
        folder: Path,
        work: Path,
        log: Path | None = None,
        secrets: Sequence[Secret] = (),
    ) -> None:
        self._argv = tuple(argv)
        self._variables = variables.given_to("own script", {**told, WORK: str(work), "TMPDIR": str(work)})
        self._folder = folder
        self._work = work
        self._path = log
        self._log = Log()
        self._secrets = tuple(secrets)

    def run(self, *, timeout_s: float, kill: bool = False) -> float:
        """Run it to its end; returns how long it ran, in seconds.

        Raises `PovError` for an exit code other than 0, `TimedOut` after `timeout_s` seconds: by then it was asked to
        end, or with `kill` killed unasked.
        """
        name = Path(self._argv[0]).name
        fix = f"see {self._path}" if self._path is not None else ""
        try:
            done = run(
                self._argv,
                timeout_s=timeout_s,
                env=self._variables,
                cwd=self._folder,
                check=False,
                take=self._log.take,
                kill=kill,
            )
        except TimedOut as error:
            raise TimedOut(f"{name}: not done after {timeout_s:g} s", cause=self._last(), fix=fix) from error
        except OSError as error:
            raise PovError(f"{name} could not be started", cause=str(error)) from error
        if done.code != 0:
            how = f"ended with code {done.code}" if done.code > 0 else f"was ended by signal {-done.code}"
            raise PovError(f"{name} {how}", cause=self._last(), fix=fix)
        return done.seconds

    def close(self) -> int:
        """End what it left behind, write its log; returns how many processes it had left. Twice is fine."""
        ended = _end_marked(f"{WORK}={self._work}".encode())
        if self._path is not None:
            # A full disk spoils no trial: what a script printed is a help to its writer, and no evidence.
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                write_atomic(self._path, redact(self._log.text(), self._secrets), mode=0o600)
        return ended

    def _last(self) -> str:
        return redact(self._log.text().strip()[-800:], self._secrets) or "it printed nothing"


def _end_marked(mark: bytes) -> int:
    """End whoever has `mark` among its variables; returns how many processes that were."""
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        # Looked at again until a look finds nobody new: a process may have made another meanwhile.
        found = set(_marked(mark)) - ended
        if not found:
            break
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        ended |= found
    return len(ended)


def _marked(mark: bytes) -> Iterable[int]:
    for entry in _PROC.glob("[0-9]*/environ"):
        with suppress(OSError):
            # A process that has ended and that nobody has collected yet shows none.
            if mark in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)
