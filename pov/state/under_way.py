"""That a run is being measured, and what it notes beside its samples (`under-way.json`): if it ends early it can go on.

It holds the trial that was begun last, and where the run went on since its last sample; the next sample carries both.
Whoever ends a run whose trial goes badly, and has it measured again, leaves a trace. It is gone once a run has ended by
itself.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pov.base.clock import timestamp
from pov.base.files import text_of, write_atomic
from pov.model.reading import mapping, number, parsed, resumptions, text
from pov.model.sample import CUT_OFF, INTERRUPTED, Resumption

FILE = "under-way.json"
_HELD = "samples.jsonl"


@dataclass(frozen=True)
class Note:
    """The trial that was begun last, and where the run went on since its last sample."""

    trial: str = ""
    resumed: tuple[Resumption, ...] = ()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Tell others, as long as the block lasts, that this run is being measured: the kernel drops it with the process.

    A file system without locks costs no more than the telling, and so does another's look at this very moment.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stream = stack.enter_context((folder / _HELD).open("rb"))
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_held(folder: Path) -> bool:
    """Whether a process is measuring this run now."""
    try:
        with (folder / _HELD).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def name_of(slot: Mapping[str, Any]) -> str:
    """A trial in words: experiment, arm and number."""
    return " ".join(text(slot.get(key)) for key in ("experiment", "arm", "trial"))


def write(folder: Path, note: Note) -> None:
    """Raises `OSError` if the disk refuses."""
    write_atomic(folder / FILE, json.dumps(asdict(note), indent=2, ensure_ascii=False) + "\n")


def read(folder: Path) -> Note:
    """What was noted; nothing where nothing can be read."""
    try:
        found = mapping(parsed(text_of(folder / FILE)))
    except (OSError, ValueError):
        return Note()
    return Note(text(found.get("trial")), resumptions(found.get("resumed")))


def unsaved(folder: Path, samples: Iterable[Mapping[str, Any]]) -> str:
    """The trial that had begun last, where no sample of it was saved; empty for none."""
    begun = read(folder).trial
    return begun if begun not in {name_of(sample) for sample in samples} else ""


def noted_anew(
    folder: Path, environment: Mapping[str, Any], samples: Iterable[Mapping[str, Any]], summary: object, at: datetime
) -> Note:
    """The note of a run that goes on at `at`: what its next sample will carry, with this time as the last of it."""
    saved, before = list(samples), read(folder)
    last = _last(environment, saved, summary)
    now = Resumption(len(saved), INTERRUPTED if summary else CUT_OFF, last, timestamp(at), unsaved(folder, saved))
    # What a sample carries already is not told twice.
    return replace(before, resumed=(*(one for one in before.resumed if one.after == len(saved)), now))


def _last(environment: Mapping[str, Any], samples: list[Mapping[str, Any]], summary: object) -> str:
    """The last moment that the files tell: of the end, of the last sample's clock, or of the beginning."""
    finished = text(mapping(mapping(summary).get("run")).get("finished"))
    started = text(environment.get("started"))
    if finished or not samples:
        return finished or started
    begun, took = text(samples[-1].get("started")), number(samples[-1].get("seconds")) or 0.0
    try:
        return timestamp(datetime.fromisoformat(begun) + timedelta(seconds=took))
    except ValueError:
        return begun or started
