"""Recordings of a terminal's output as asciicast v2: a header, then an event a line. Typed input is never in one.

The format: https://docs.asciinema.org/manual/asciicast/v2/. Events here are output ("o"), a change of size ("r") and a
mark ("m").
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from pov.base.errors import NotFound, PovError
from pov.base.files import text_of
from pov.model.reading import number, parsed, whole

OUTPUT, RESIZED, MARKED = "o", "r", "m"
TYPED = "i"
MOST_BYTES = 32 * 2**20
"""A recording ends here, with a mark that says so: a program that floods the terminal is not to fill the disk."""


@dataclass(frozen=True)
class Event:
    """Something that happened `at` seconds after the start: an output, a new size ("80x24") or a mark's words."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True)
class Cast:
    """A recording as read back. `problems` says which lines did not read; the others did."""

    columns: int
    rows: int
    title: str
    events: tuple[Event, ...]
    problems: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """When its last event happened."""
        return self.events[-1].at if self.events else 0.0


class Recorder:
    """Writes a recording as it happens. A disk that refuses ends the recording and nothing else: see `failure`."""

    def __init__(self, path: Path, columns: int, rows: int, *, started: datetime, title: str) -> None:
        self.path = path
        self.failure = ""
        self._room = MOST_BYTES
        self._stream: TextIO | None = None
        header = {
            "version": 2,
            "width": columns,
            "height": rows,
            "timestamp": int(started.timestamp()),
            "title": title,
        }
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._stream = os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
        except OSError as error:
            self._fail(error)
        self._line(header)

    def add(self, at: float, kind: str, text: str) -> None:
        """Write one event; it is on its way to the disk when this returns."""
        line = [round(at, 6), kind, text]
        self._room -= len(text.encode(errors="replace"))
        if self._room >= 0:
            self._line(line)
        elif self._stream is not None:
            self._line([line[0], MARKED, "the recording ends here: it would become too long"])
            self.close()

    def close(self) -> None:
        """End the recording; twice is fine."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                self._fail(error)

    def _line(self, content: object) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(content, ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            # It tries once more to write what is left, and fails again.
            with suppress(OSError):
                stream.close()
        self.failure = f"{self.path}: {error.strerror or error}"


def read_cast(path: Path) -> Cast:
    """Read a recording, also one that was cut off. Raises `NotFound` without one, `PovError` if its header is none."""
    try:
        lines = text_of(path).split("\n")
    except OSError as error:
        raise NotFound(f"no recording {path}", cause=str(error.strerror), fix="pov people list") from error
    header = _json(lines[0])
    columns, rows = (whole(header.get(key)) for key in ("width", "height")) if isinstance(header, dict) else (0, 0)
    if not isinstance(header, dict) or header.get("version") != 2 or not columns or not rows:
        cause = "its first line is no header of asciicast version 2"
        raise PovError(f"{path}:1: not a recording", cause=cause, fix="pov people list")
    problems: list[str] = []
    events = tuple(_events(lines[1:], path.name, problems))
    return Cast(columns, rows, str(header.get("title") or ""), events, tuple(problems))


def _events(lines: list[str], name: str, problems: list[str]) -> Iterator[Event]:
    last = 0.0
    for position, line in enumerate(lines, start=2):
        if not line:
            continue
        found = _json(line)
        at = number(found[0]) if isinstance(found, list) and len(found) == 3 else None
        if at is None or not all(isinstance(part, str) for part in found[1:]):
            cut = position == len(lines) + 1
            problems.append(f"{name}:{position}: {'cut off' if cut else 'not an event'}; the rest reads")
            continue
        if found[1] == TYPED:
            problems.append(f"{name}:{position}: holds typed input, which is left out")
            continue
        if at < last:
            problems.append(f"{name}:{position}: goes back in time; taken as {last:g} s")
        last = max(last, at)
        yield Event(last, found[1], found[2])


def _json(line: str) -> Any:
    try:
        return parsed(line)
    except ValueError:
        return None
