"""A run that ended early is made ready to go on: killed, interrupted, or where the disk took no more.

Its samples stay as they are, and the chain goes on from the last of them. What it wrote of its end goes: that is
written anew. Killed anywhere in between, all of it can be done again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.files import bytes_of
from pov.model.reading import parsed
from pov.state import under_way
from pov.state.runs import CONFIGURATION, HEAD, Chain, Run, RunWriter, cannot_write, genesis_of

# The head first: without it nobody misses the others.
_OF_THE_END = (HEAD, "summary.json", CONFIGURATION)


class _GoingOn(RunWriter):
    """The writer of a run that is there already."""

    def __init__(self, path: Path, run_id: str, chain: Chain) -> None:
        self.path = path
        self.run_id = run_id
        self._chain = chain


def reopened(saved: Run, *, clock: Clock = SYSTEM_CLOCK) -> RunWriter:
    """The writer of a saved run whose files fit, but for a last line that was cut off.

    Raises `PovError` on a full disk.
    """
    path = saved.path
    samples = path / "samples.jsonl"
    note = under_way.noted_anew(path, saved.environment, saved.samples, saved.summary, clock.wall())
    try:
        genesis = hashlib.sha256(bytes_of(path / "environment.json")).hexdigest()
        cut = len(torn(samples))
        note = replace(note, resumed=(*note.resumed[:-1], replace(note.resumed[-1], cut_bytes=cut)))
        under_way.write(path, note)
        end = _cut(samples, cut)
        for name in _OF_THE_END:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    last = str(saved.samples[-1]["digest"]) if saved.samples else genesis
    chain = Chain(last, genesis_of(saved.environment), len(saved.samples), end, resumed=note.resumed)
    return _GoingOn(path, str(saved.environment["run"]), chain)


def torn(samples: Path) -> bytes:
    """What stands after the last whole line and cannot be read; empty for nothing. May raise `OSError`."""
    tail = bytes_of(samples).rpartition(b"\n")[2]
    try:
        parsed(tail)
    except ValueError:
        return tail
    return b""


def _cut(samples: Path, cut: int) -> int:
    """Cut so many bytes off; returns where the next line begins."""
    with samples.open("r+b") as stream:
        stream.truncate(stream.seek(0, os.SEEK_END) - cut)
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            # A last sample that lacks the end of its line alone is whole.
            stream.write(b"" if stream.read(1) == b"\n" else b"\n")
        end = stream.tell()
        stream.flush()
        os.fsync(stream.fileno())
    return end
