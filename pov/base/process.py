"""The one process runner: argument list, explicit limits, output kept, interrupt → terminate → kill."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pov.base.errors import CommandFailed, NotFound, TimedOut

_GRACE_S = 5.0
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Completed:
    """A finished command: its exit code, what it printed, and how long it took in seconds."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


def _drain(stream: IO[bytes], into: list[bytes], on_line: Callable[[str], None] | None) -> None:
    for line in stream:
        into.append(line)
        if on_line is not None:
            on_line(line.decode(errors="replace").rstrip("\n"))


def _feed(stream: IO[bytes], content: bytes) -> None:
    # A command may end without reading all of it; its exit code tells the rest. Closing flushes: it can fail as well.
    with suppress(OSError):
        try:
            stream.write(content)
        finally:
            stream.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            continue
        return


def stop_all() -> None:
    """End every command that runs now, from whatever thread: their callers see `CommandFailed`.

    For Ctrl-C: commands have process groups of their own, so a terminal's interrupt does not reach them.
    """
    for process in tuple(_running):
        _stop(process)


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    extra_env: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002 - subprocess's own word
    cwd: Path | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run `argv` without a shell and return what happened.

    `env` replaces the environment, `extra_env` adds to it. `on_line` hears each line of both outputs as it comes,
    from threads. Raises `CommandFailed` for a code other than 0 (unless `check` is false), `TimedOut` after
    `timeout_s` seconds, `NotFound` if there is no such program. The whole process group ends with it.
    """
    environment = dict(os.environ if env is None else env)
    environment.update(extra_env or {})
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise NotFound(f"no program `{argv[0]}`", fix="pov doctor --fix") from error
    assert process.stdout is not None
    assert process.stderr is not None
    out: list[bytes] = []
    err: list[bytes] = []
    threads = [
        threading.Thread(target=_drain, args=(process.stdout, out, on_line), daemon=True),
        threading.Thread(target=_drain, args=(process.stderr, err, on_line), daemon=True),
    ]
    if input is not None:
        assert process.stdin is not None
        threads.append(threading.Thread(target=_feed, args=(process.stdin, input), daemon=True))
    for thread in threads:
        thread.start()
    _running.add(process)
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        _stop(process)
        tail = b"".join(err or out).decode(errors="replace").strip()[-1000:]
        raise TimedOut(f"`{' '.join(argv[:6])}`: not done after {timeout_s:.0f} s", cause=tail) from error
    except BaseException:
        _stop(process)
        raise
    finally:
        _running.discard(process)
        for thread in threads:
            thread.join(_GRACE_S)
        if not any(thread.is_alive() for thread in threads):
            process.stdout.close()
            process.stderr.close()
    stdout, stderr = (b"".join(lines).decode(errors="replace") for lines in (out, err))
    if check and code != 0:
        raise CommandFailed(argv, code, stdout, stderr)
    return Completed(tuple(argv), code, stdout, stderr, time.monotonic() - started)
