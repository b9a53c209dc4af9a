"""The log of Terraform runs: who had what applied, by which plan, from which state to which.

One JSON object a line beside the environment, each with the digest of the one before, so that a line which was changed,
dropped or moved shows. An apply has two lines, before and after: one that was killed has no second. Addresses and
actions are kept, no values. It outlives the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import PovError
from pov.base.files import bytes_of, descriptor_to_append
from pov.model.reading import items, mapping, number, parsed, text, whole
from pov.state.runs import canonical, digest_of

SCHEMA = "pov.dev/terraform-run/v1"
BEGUN, APPLIED, FAILED, REFUSED, EMPTY, GONE = "begun", "applied", "failed", "refused", "nothing to do", "taken away"
"""What a line tells: an apply begins, ended well, ended badly; a plan was refused, or empty; the state went with its
cluster."""
BEGINNING = "0" * 64
"""What stands before the first line."""


@dataclass(frozen=True)
class Entry:
    """One line. `run` is the same in both lines of an apply; `changes` are addresses and actions.

    `configuration` tells what was applied, `plan` and `approved` digests of what the plan says: of this one, and of the
    one that somebody had approved, if anybody. `before` and `after` are marks of the state.
    """

    n: int
    at: str
    run: str
    result: str
    command: str
    actor: str
    configuration: Mapping[str, Any]
    plan: str
    approved: str
    judged: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    changes: tuple[Mapping[str, Any], ...]
    seconds: float
    why: str
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The line as a JSON object."""
        return {**vars(self), "changes": [dict(one) for one in self.changes]}


@dataclass(frozen=True)
class Log:
    """A log as read back. `problems` says what is wrong with it by line; empty for a whole one."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The last line's digest: whoever knows it can tell that nothing before it was changed."""
        return self.entries[-1].digest if self.entries else BEGINNING

    @property
    def cut_off(self) -> tuple[Entry, ...]:
        """Applies that began and of which no end is told."""
        ended = {entry.run for entry in self.entries if entry.result != BEGUN}
        return tuple(entry for entry in self.entries if entry.result == BEGUN and entry.run not in ended)

    def in_short(self) -> dict[str, Any]:
        """What a run of measuring keeps of it: its head, by which all of it can be checked later, and its last line.

        Without who it was: a run's record goes with its report, to people who need not know.
        """
        last = None
        if self.entries:
            last = {key: value for key, value in vars(self.entries[-1]).items() if key not in {"changes", "actor"}}
        return {"head": self.head, "lines": len(self.entries), "problems": list(self.problems), "last": last}

    def as_json(self) -> dict[str, Any]:
        """The log as one JSON object."""
        return {
            "head": self.head,
            "problems": list(self.problems),
            "runs": [entry.as_json() for entry in self.entries],
        }


@dataclass
class LogWriter:
    """Appends to an environment's log; whoever holds the environment's lock."""

    path: Path
    clock: Clock = SYSTEM_CLOCK

    def record(self, result: str, **fields: Any) -> str:
        """Append one line, flushed to the disk; returns its digest. Raises `PovError` if the disk refuses."""
        path, log = self.path, read_log(self.path)
        number = log.entries[-1].n + 1 if log.entries else 1
        at = timestamp(self.clock.wall())
        line = {"schema": SCHEMA, "n": number, "at": at, "result": result, **fields, "prev": log.head}
        line["digest"] = digest_of(line)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(descriptor_to_append(path), "ab+", buffering=0) as stream:
                # A line that a crash cut off is closed first, or it would take this one with it.
                end = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, end - 1))
                cut_off = stream.read(1) not in {b"", b"\n"}
                _append(stream.fileno(), end, b"\n" * cut_off + canonical(line) + b"\n")
        except OSError as error:
            fix = "free some space on this disk, or make the folder writable"
            raise PovError(f"cannot write {path}", cause=str(error), fix=fix) from error
        return str(line["digest"])


def _append(file: int, end: int, content: bytes) -> None:
    """Write all of it behind `end`, to the disk; where that refuses, nothing: no line is half there, or unknown."""
    try:
        while content:
            content = content[os.write(file, content) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, end)
        raise


def read_log(path: Path) -> Log:
    """An environment's log (`Home.terraform_log`), its chain checked; an empty one where nothing was ever applied.

    What does not fit is told by its line, and the rest is read. Raises `PovError` where the file cannot be read.
    """
    try:
        lines = bytes_of(path).split(b"\n")
    except FileNotFoundError:
        return Log()
    except OSError as error:
        raise PovError(f"cannot read {path}", cause=str(error.strerror)) from error
    entries: list[Entry] = []
    problems: list[str] = []
    head = BEGINNING
    for at, line in enumerate(lines, start=1):
        if not line:
            continue
        record = _object(line)
        if record is None:
            problems.append(f"{path.name}:{at}: cut off or not JSON")
            continue
        if record.get("schema") != SCHEMA:
            problems.append(f"{path.name}:{at}: has the schema {record.get('schema')}, and this version reads {SCHEMA}")
            continue
        if record.get("prev") != head or record.get("digest") != digest_of(record):
            problems.append(f"{path.name}:{at}: does not fit the chain: it, or one before it, was changed")
        head = text(record.get("digest"))
        entries.append(_entry(record))
    return Log(tuple(entries), tuple(problems))


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = parsed(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _entry(record: Mapping[str, Any]) -> Entry:
    return Entry(
        n=whole(record.get("n")) or 0,
        at=text(record.get("at")),
        run=text(record.get("run")),
        result=text(record.get("result")),
        command=text(record.get("command")),
        actor=text(record.get("actor")),
        configuration=mapping(record.get("configuration")),
        plan=text(record.get("plan")),
        approved=text(record.get("approved")),
        judged=text(record.get("judged")),
        before=mapping(record.get("before")),
        after=mapping(record.get("after")),
        changes=tuple(mapping(one) for one in items(record.get("changes"))),
        seconds=number(record.get("seconds")) or 0.0,
        why=text(record.get("why")),
        digest=text(record.get("digest")),
    )


def last_known(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """The state's mark after the newest run that tells one; nothing once the state is gone."""
    for entry in reversed(entries):
        if entry.result == GONE:
            return {}
        if entry.after:
            return entry.after
    return {}
