"""The journal: what happened to an environment, line by line. History only; the cluster is the truth."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, timestamp


class JournalWriter:
    """Appends one JSON object a line, flushed to disk; safe from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def record(self, kind: str, **fields: object) -> None:
        """Append `{"at", "kind", "pid", …fields}`."""
        line = json.dumps(
            {"at": timestamp(SYSTEM_CLOCK.wall()), "kind": kind, "pid": os.getpid(), **fields}, default=str
        )
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first; a line cut off by a crash is left out."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_text().split("\n"):
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries
