"""Ends commands whose `pov` was killed, which could not end them itself: a SIGKILL asks nobody.

A small process of its own (`watcher`) is told which process groups run, and hears of the death by a pipe that closes.
It then does what Ctrl-C does: asks them to end, and makes those end that do not.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

_PROGRAM = Path(__file__).with_name("watcher.py")


class Watcher:
    """The process that outlives this one for a moment, started with the first command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def begun(self, group: int) -> None:
        """A process group runs, and is to end with this process."""
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """It has ended: its number may be another's by now."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        # One that somebody killed, or that was let go, watches no more; the work goes on.
        with self._lock, suppress(OSError, ValueError):
            pipe = self._started().stdin
            assert pipe is not None
            pipe.write(line.encode())

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            argv = [sys.executable, "-I", "-S", str(_PROGRAM)]
            self._process = subprocess.Popen(
                argv,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,
            )
            atexit.register(self.close)
        return self._process

    def close(self) -> None:
        """Let it go."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(1)


WATCHER = Watcher()
