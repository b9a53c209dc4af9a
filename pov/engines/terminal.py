"""The terminal that a person sits at, and a program on a pseudo-terminal of its own behind it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import PovError

_CHUNK = 65_536
_GRACE_S = 2.0
_LOOK_S = 0.02
_DEVICE = "/dev/tty"
_PROC = Path("/proc")
# A session leader takes a terminal as its own by asking for it; done after the start, where it can hurt no thread.
# What ignores Ctrl-C when it is started (in the background, under nohup) hands that on to all that it starts.
_TAKE_AND_BECOME = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP):
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_GONE = {errno.EIO, errno.ENXIO, errno.EBADF, errno.EPIPE}


class TerminalGone(PovError):
    """The terminal was closed, or the connection to it was lost."""

    def __init__(self) -> None:
        super().__init__("the terminal is gone", fix="what was done until then is kept; measure anew")


@dataclass(frozen=True)
class Size:
    """Columns and rows."""

    columns: int = 80
    rows: int = 24

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


class _End:
    """One end of a terminal, never blocking: what cannot be written yet is kept, and written when there is room."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.waiting = bytearray()

    def fileno(self) -> int:
        """For `select`."""
        return self.descriptor

    def read(self) -> bytes | None:
        """What is there; empty at the end, None where nothing is there yet."""
        try:
            return os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _GONE:
                return b""
            raise

    def write(self, data: bytes) -> None:
        """Write, now or later. Raises `TerminalGone` where nobody can read it any more."""
        self.waiting += data
        self.flush()

    def flush(self) -> None:
        """Write what is left, as far as there is room."""
        while self.waiting:
            try:
                del self.waiting[: os.write(self.descriptor, self.waiting)]
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _GONE:
                    self.waiting.clear()
                    raise TerminalGone from error
                raise

    def close(self) -> None:
        """Close it; twice is fine."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Terminal(_End):
    """The controlling terminal of this process."""

    @classmethod
    def own(cls) -> Terminal:
        """Open it. Raises `PovError` where this process has none: it was started by a service, or over a plain pipe."""
        try:
            return cls(os.open(_DEVICE, os.O_RDWR | os.O_NOCTTY))
        except OSError as error:
            fix = "start it at a terminal; over SSH: ssh -t HOST pov …"
            raise PovError("a person needs a terminal to work at", cause=str(error), fix=fix) from error

    def size(self) -> Size:
        """Its size now; 80 columns of 24 rows where it does not say."""
        try:
            packed = fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return Size()
        rows, columns, _, _ = struct.unpack("HHHH", packed)
        return Size(columns or 80, rows or 24)

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Hand every keystroke over as it is, Ctrl-C among them, until the block ends in whatever way.

        What was typed and not read by then is dropped: it was meant for the program behind, not for the next prompt.
        """
        try:
            before = termios.tcgetattr(self.descriptor)
            tty.setraw(self.descriptor, termios.TCSANOW)
        except termios.error as error:
            raise TerminalGone from error
        try:
            yield
        finally:
            # A terminal that is gone needs no restoring.
            with suppress(termios.error, OSError):
                # Not with TCSAFLUSH: that waits for a slow terminal to have shown everything, and a clock is running.
                termios.tcsetattr(self.descriptor, termios.TCSANOW, before)
                termios.tcflush(self.descriptor, termios.TCIFLUSH)


class Program(_End):
    """A program that leads a session of its own on a pseudo-terminal of its own; this is the end that drives it.

    `env` is all that it is given of variables.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], folder: Path, size: Size) -> None:
        ours, its = os.openpty()
        try:
            _resize(its, size)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _TAKE_AND_BECOME, *argv],
                stdin=its,
                stdout=its,
                stderr=its,
                env=dict(env),
                cwd=folder,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(its)
        super().__init__(ours)

    def resize(self, size: Size) -> None:
        """Tell it that its terminal has another size."""
        _resize(self.descriptor, size)

    @property
    def code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    def hang_up(self, *, grace_s: float = _GRACE_S) -> None:
        """Close its terminal, as when a window is closed, and see to it that all of its session ends.

        The kernel tells it of the hang-up; `grace_s` later it is asked to end, then made to.
        """
        self.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._tell(number)
            deadline = time.monotonic() + grace_s
            while self._lives() and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
            if not self._lives():
                break
        # Jobs that it left behind: a shell tells them of the hang-up, unless it was cut off.
        self._tell(signal.SIGKILL)

    def _tell(self, number: signal.Signals) -> None:
        for group in _groups(self._process.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def _lives(self) -> bool:
        return self._process.poll() is None


def _groups(session: int) -> set[int]:
    """The process groups of a session in which somebody is alive; only its leader's where the system does not say."""
    found = set()
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            # A name in brackets, which may hold anything, then state, parent, group and session.
            state, _, group, its_session = entry.read_text(errors="replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its_session) == session and state not in {"Z", "X"}:
            found.add(int(group))
    return found if (_PROC / "self" / "stat").exists() else {session}


def _resize(descriptor: int, size: Size) -> None:
    with suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))
