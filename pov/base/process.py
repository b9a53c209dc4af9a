"""The one process runner: argument list, explicit limits, output kept, interrupt → terminate → kill.

A command leads a process group of its own, and the group ends with it: what is left of it after a normal end is
killed; at the time limit all of it is asked to end, then made to, and when this process is killed, too (`orphans`). A
daemon that took a group of its own is left alone, and that it still holds the command's outputs open delays nobody.
"""

from __future__ import annotations

import errno
import fcntl
import os
import selectors
import signal
import subprocess
import termios
import threading
import time
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pov.base.errors import CommandFailed, NotFound, TimedOut
from pov.base.orphans import WATCHER

_GRACE_S = 5.0
_LOOK_S = 0.02
# A Ctrl-C that arrives just before a thread goes to sleep is not heard while it sleeps.
_HEAR_S = 0.5
_CHUNK = 65_536
_TAIL = 65_536
_PROC = Path("/proc")
_running: set[_Command] = set()


@dataclass(frozen=True)
class Completed:
    """A finished command: its exit code, what it printed, and how long the command itself ran, in seconds."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


class _Output:
    """One output of a command, kept as it comes; `on_line` hears each line once it is whole.

    With `take`, which hears each piece as it comes, no more than the end is kept.
    """

    def __init__(
        self, stream: IO[bytes], on_line: Callable[[str], None] | None, take: Callable[[bytes], None] | None
    ) -> None:
        os.set_blocking(stream.fileno(), False)
        self.stream = stream
        self._on_line = on_line
        self._take = take
        self._kept = bytearray()
        self._told = 0

    def read(self, limit: int = _CHUNK) -> int:
        """Take what is there, at most `limit` bytes; returns how many that were, 0 at the end."""
        chunk = os.read(self.stream.fileno(), limit)
        self._kept += chunk
        while self._on_line is not None and (end := self._kept.find(b"\n", self._told)) >= 0:
            line, self._told = self._kept[self._told : end], end + 1
            self._on_line(line.decode(errors="replace"))
        if self._take is not None:
            self._take(chunk)
            if (gone := len(self._kept) - _TAIL) > 0:
                del self._kept[:gone]
                self._told = max(0, self._told - gone)
        return len(chunk)

    def read_out(self) -> None:
        """Take what lies there now, and no more: after a command's end that holds everything the command wrote."""
        (lying,) = array("i", fcntl.ioctl(self.stream, termios.FIONREAD, bytes(4)))
        while lying > 0 and (taken := self.read(lying)):
            lying -= taken
        if self._on_line is not None and self._told < len(self._kept):
            self._on_line(self._kept[self._told :].decode(errors="replace"))

    def text(self) -> str:
        """All of it, or its end."""
        return self._kept.decode(errors="replace")


class _Command:
    """A command that runs, its process group, and its pipes, none of which can block: attend to it until it ends."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        content: bytes | None,
        on_line: Callable[[str], None] | None,
        take: Callable[[bytes], None] | None,
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out, self.err = _Output(process.stdout, on_line, take), _Output(process.stderr, on_line, take)
        self.ended_at = 0.0
        self.ended = threading.Event()
        self._rest = memoryview(content or b"")
        self._selector = selectors.DefaultSelector()
        self._hear, self._tell = os.pipe()
        self._selector.register(self._hear, selectors.EVENT_READ)
        self._selector.register(process.stdout, selectors.EVENT_READ, self.out)
        self._selector.register(process.stderr, selectors.EVENT_READ, self.err)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)
        # On a thread of its own: the moment of the end is taken exactly, and heard together with the outputs.
        threading.Thread(target=self._wait, name=f"wait-{process.pid}", daemon=True).start()

    def _wait(self) -> None:
        self.process.wait()
        self.ended_at = time.monotonic()
        self.ended.set()
        os.close(self._tell)

    def close(self) -> None:
        """Close our ends of the pipes. Outputs have been read out before, or are of no use."""
        self._selector.close()
        os.close(self._hear)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def attend(self, timeout_s: float) -> None:
        """Feed and read what is ready, waiting for the first at most `timeout_s` seconds."""
        for key, _ in self._selector.select(min(timeout_s, _HEAR_S)):
            if isinstance(key.data, _Output):
                if not key.data.read():
                    self._selector.unregister(key.fileobj)
            elif key.fileobj is self.process.stdin:
                self._feed(self.process.stdin)

    def _feed(self, stdin: IO[bytes]) -> None:
        try:
            self._rest = self._rest[os.write(stdin.fileno(), self._rest[:_CHUNK]) :]
        except BrokenPipeError:
            # A command may end without reading all of it; its exit code tells the rest.
            self._rest = self._rest[:0]
        if not self._rest:
            self._selector.unregister(stdin)
            stdin.close()

    def ends_before(self, deadline: float) -> bool:
        """Attend to it until it ends. Returns whether it did before the deadline."""
        while not self.ended.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.attend(left)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to everybody in the group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def is_gone(self) -> bool:
        """Whether the command has ended and nobody of its group is alive."""
        return self.ended.is_set() and not _is_alive(self.process.pid)


def _is_alive(group: int) -> bool:
    """Whether anybody of a process group, whose leader was collected, is alive."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        # The latter is what some systems say of a group in which everybody is dead.
        return False
    if not (_PROC / "self" / "stat").exists():
        return True
    # Dead members that nobody has collected yet answer to signals, too.
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            # A name in brackets, which may hold anything, then state, parent and group.
            state, _, its_group = entry.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state not in {"Z", "X"}:
            return True
    return False


_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_KILLING = (signal.SIGKILL,)


def _end(
    commands: Collection[_Command], idle: Callable[[float], None], signals: Sequence[signal.Signals] = _ASKING
) -> None:
    """Ask commands and their groups to end, then make them; `idle` passes a part of a second meanwhile.

    Whoever outlives the command itself for more than the grace is not asked again.
    """
    left = set(commands)
    for number in signals:
        for command in left:
            command.signal(signal.SIGKILL if command.ended.is_set() else number)
        deadline = time.monotonic() + _GRACE_S
        while left and time.monotonic() < deadline:
            left = {command for command in left if not command.is_gone()}
            if left:
                idle(_LOOK_S)


def stop_all() -> None:
    """End every command that runs now, from whatever thread: their callers see `CommandFailed`.

    For Ctrl-C: commands have process groups of their own, so a terminal's interrupt does not reach them.
    """
    _end(tuple(_running), time.sleep)


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    env: Mapping[str, str],
    input: bytes | None = None,  # noqa: A002 - subprocess's own word
    cwd: Path | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    take: Callable[[bytes], None] | None = None,
    kill: bool = False,
) -> Completed:
    """Run `argv` without a shell and return what happened.

    `env` is all that it is given of variables (see `variables.given_to`): nothing is inherited. `on_line` hears each
    line of both outputs as it comes; `take` hears each piece, and then no more than the end of each output is kept:
    for commands that may write without end. Raises `CommandFailed` for a code other than 0 (unless `check` is false),
    `TimedOut` after `timeout_s` seconds, `NotFound` if there is no such program or it is none. The whole process group
    ends with it. With `kill` it is killed at the time limit, as by a crash, and not asked first.
    """
    started = time.monotonic()
    process = _start(argv, env, cwd, feeds=input is not None)
    with ExitStack() as stack:
        command = _Command(process, input, on_line, take)
        stack.callback(command.close)
        WATCHER.begun(process.pid)
        stack.callback(WATCHER.ended, process.pid)
        _running.add(command)
        stack.callback(_running.discard, command)
        # Also when a second interrupt cuts the orderly end short.
        stack.callback(command.signal, signal.SIGKILL)
        try:
            in_time = command.ends_before(started + timeout_s)
        except BaseException:
            _end([command], command.attend)
            raise
        if not in_time:
            _end([command], command.attend, _KILLING if kill else _ASKING)
            tail = (command.err.text() or command.out.text()).strip()[-1000:]
            raise TimedOut(f"`{' '.join(argv[:6])}`: not done after {timeout_s:.0f} s", cause=tail)
        command.signal(signal.SIGKILL)
        command.out.read_out()
        command.err.read_out()
    code, stdout, stderr = process.returncode, command.out.text(), command.err.text()
    if check and code != 0:
        raise CommandFailed(argv, code, stdout, stderr)
    return Completed(tuple(argv), code, stdout, stderr, command.ended_at - started)


def _start(
    argv: Sequence[str], variables: Mapping[str, str], cwd: Path | None, *, feeds: bool
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            bufsize=0,
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        if error.filename != argv[0]:
            # The folder to start it in, or no room for another process.
            raise
        fix = "pov doctor --fix"
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise NotFound(f"no program `{argv[0]}`", fix=fix) from error
        # A file of the program's name without rights or content, or for another processor.
        raise NotFound(f"`{argv[0]}` is not a program", cause=str(error.strerror), fix=fix) from error
