"""Every run of an engagement folder, unfinished ones too: whoever counts only the good ones proves nothing.

A run records at its beginning which ones came before it, with their heads. One that somebody took away later is still
named by those that came after, and is counted as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pov.base.files import text_of
from pov.model.reading import items, mapping, parsed, text, whole

SCHEMA = "pov.dev/runs/v1"
FINISHED, INTERRUPTED, UNFINISHED, MISSING = "finished", "interrupted", "unfinished", "missing"
"""Ended by itself; ended early, and summed up; was killed, or runs still; named by a later run, and not there."""


@dataclass(frozen=True)
class Entry:
    """One run. `saved` is its number of samples of `planned` ones, `head` the digest of the last.

    `resumed` is how often it had ended early and went on.
    """

    run: str
    environment: str
    started: str
    state: str
    planned: int
    saved: int
    head: str
    frozen: str = ""
    resumed: int = 0

    def as_json(self) -> dict[str, Any]:
        """To be recorded."""
        return asdict(self)


def runs_in(root: Path, since: str = "") -> tuple[Entry, ...]:
    """The runs below `root` that began at `since` (ISO 8601, UTC) or later, in the order in which they began."""
    found: dict[str, Entry] = {}
    named: dict[str, Entry] = {}
    for path in sorted(root.glob(".pov/*/runs/*/environment.json")):
        record = _object(path)
        entry = _entry(path, record)
        found[entry.run] = entry
        for before in entries(record.get("earlier_runs")):
            named[before.run] = before
    gone = [_missing(entry) for run, entry in named.items() if run not in found]
    chosen = [entry for entry in (*found.values(), *gone) if entry.started >= since]
    return tuple(sorted(chosen, key=lambda entry: (entry.started, entry.run)))


def entries(records: object) -> tuple[Entry, ...]:
    """Entries as a run or a report recorded them; what does not fit is left out."""
    return tuple(
        Entry(
            run=text(item.get("run")),
            environment=text(item.get("environment")),
            started=text(item.get("started")),
            state=text(item.get("state")),
            planned=whole(item.get("planned")) or 0,
            saved=whole(item.get("saved")) or 0,
            head=text(item.get("head")),
            frozen=text(item.get("frozen")),
            resumed=whole(item.get("resumed")) or 0,
        )
        for item in map(mapping, items(records))
        if text(item.get("run"))
    )


def as_json(runs: Iterable[Entry], since: str) -> dict[str, Any]:
    """The list as a document of its own."""
    return {"schema": SCHEMA, "since": since, "runs": [entry.as_json() for entry in runs]}


def _entry(path: Path, record: Mapping[str, Any]) -> Entry:
    summary = _object(path.parent / "summary.json")
    lines = _lines(path.parent / "samples.jsonl")
    state = UNFINISHED if not summary else FINISHED
    if mapping(summary.get("run")).get("interrupted"):
        state = INTERRUPTED
    return Entry(
        run=path.parent.name,
        environment=path.parent.parent.parent.name,
        started=text(record.get("started")),
        state=state,
        planned=len(items(record.get("plan"))),
        saved=len(lines),
        head=text(mapping(_parsed(lines[-1]) if lines else {}).get("digest")),
        frozen=text(mapping(record.get("frozen")).get("digest")),
        resumed=sum(len(items(mapping(_parsed(line)).get("resumed"))) for line in lines if '"resumed"' in line),
    )


def _missing(entry: Entry) -> Entry:
    return Entry(**{**asdict(entry), "state": MISSING})


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in text_of(path).split("\n") if line]
    except OSError:
        return []


def _object(path: Path) -> Mapping[str, Any]:
    try:
        return mapping(_parsed(text_of(path)))
    except OSError:
        return {}


def _parsed(content: str) -> Any:
    try:
        return parsed(content)
    except ValueError:
        return None
