"""The journal: what happened to an environment, line by line. History only; the cluster is the truth."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.errors import PovError
from pov.base.files import descriptor_to_append
from pov.model.events import Event, StepData, TrialData


class JournalWriter:
    """Appends one JSON object a line, flushed to disk; safe from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        """An `Emit`: keep what begins and ends, of steps and of trials. Raises as `record` does."""
        ending = {"started": "started", "failed": "failed"}.get(event.kind, "done")
        why = {"error": event.message} if event.kind == "failed" else {}
        if isinstance(event.data, StepData):
            about = {"step": event.data.step, "seconds": event.data.seconds, "outcome": event.data.outcome}
            self.record(f"step-{ending}", **_known(about), **why)
        elif isinstance(event.data, TrialData):
            self.record(f"trial-{ending}", **_known(asdict(event.data)), **why)

    def record(self, kind: str, **fields: object) -> None:
        """Append `{"at", "kind", "pid", …fields}`. Raises `PovError` if the disk refuses."""
        line = json.dumps(
            {"at": timestamp(SYSTEM_CLOCK.wall()), "kind": kind, "pid": os.getpid(), **fields}, default=str
        )
        try:
            with self._lock:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with os.fdopen(descriptor_to_append(self._path), "ab+") as stream:
                    # A line that a crash cut off is closed first, or it would take this one with it.
                    cut_off = stream.tell() > 0 and _last_byte(stream) != b"\n"
                    stream.write(b"\n" * cut_off + line.encode() + b"\n")
                    stream.flush()
                    os.fsync(stream.fileno())
        except OSError as error:
            fix = "free some space on this disk, or make the folder writable"
            raise PovError(f"cannot write {self._path}", cause=str(error), fix=fix) from error


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _last_byte(stream: IO[bytes]) -> bytes:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1)
