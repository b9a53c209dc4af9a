"""`pov people`: recordings of people at a terminal are listed, watched, agreed to, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import InvalidInput, PovError, Problem
from pov.base.masking import Masker
from pov.model.asciicast import MARKED, OUTPUT, Cast, read_cast
from pov.state.people import Consent, Recording, keep, named, recordings
from pov.state.runs import read_run
from pov.workflows.finding import located

IDLE_S = 2.0
"""A recording is shown with no longer standstill than this, at its own speed."""
_AFTERWARDS = "\x1b[0m\x1b[?1049l\x1b[?25h\r\n"
"""Colours, another screen, a hidden cursor: as they were."""


@dataclass(frozen=True)
class Which:
    """A run: the newest one of the only environment with runs, unless told otherwise; and a recording of it."""

    root: Path
    name: str | None = None
    run: str | None = None
    recording: str = ""


@dataclass(frozen=True)
class PeopleResult:
    """A run's recordings."""

    run: str
    recordings: tuple[Recording, ...]

    def as_json(self) -> dict[str, Any]:
        """As one JSON document."""
        rows = [
            {"name": one.name, "by": one.by, "state": one.state, "sha256": one.sha256, "path": str(one.path)}
            for one in self.recordings
        ]
        return {"run": self.run, "recordings": rows}


def listed(which: Which) -> PeopleResult:
    """Every recording of the run. Raises `NotFound` without a run."""
    return _of(which)[0]


def play(
    which: Which, write: Callable[[str], object], *, speed: float, counts: bool, clock: Clock = SYSTEM_CLOCK
) -> PeopleResult:
    """Show a recording from its beginning to its end; `counts` says that a person watches, not a file.

    That it was watched is kept only when it came to its end, and is the one that its sample tells of.
    """
    _, recording = _one(which)
    cast = read_cast(recording.path)
    try:
        _show(cast, write, speed, clock)
    finally:
        write(_AFTERWARDS)
    if counts and recording.whole and recording.by:
        # Somebody who has agreed and watches it again has agreed still.
        agreed = recording.consent.agreed if recording.agreed and recording.consent is not None else ""
        keep(recording, Consent(recording.found, recording.by, timestamp(clock.wall()), speed, agreed))
    return listed(which)


def agree(which: Which, by: str, *, clock: Clock = SYSTEM_CLOCK) -> PeopleResult:
    """The person agrees that reports carry the recording. Raises `PovError` unless it is theirs and they watched it."""
    _, recording = _one(which)
    _theirs(recording, by)
    if not recording.whole:
        raise PovError(f"{recording.name}: {recording.state}", fix="pov people list")
    if not recording.watched or recording.consent is None:
        fix = f"pov people play {recording.name}, to its end"
        raise PovError(f"{by} has not watched {recording.name} yet, as it is now", fix=fix)
    keep(recording, replace(recording.consent, agreed=timestamp(clock.wall())))
    return listed(which)


def withdraw(which: Which, by: str, *, delete: bool) -> PeopleResult:
    """The person agrees no longer; with `delete` the recording goes, too. The sample and its digest stay."""
    _, recording = _one(which)
    _theirs(recording, by)
    keep(recording, None)
    if delete:
        recording.path.unlink(missing_ok=True)
    return listed(which)


def _theirs(recording: Recording, by: str) -> None:
    if by != recording.by:
        whose = recording.by or "nobody that is known"
        raise InvalidInput([Problem("--by", f"{recording.name} is of {whose}, not of {by}", "only they can say so")])


def _of(which: Which) -> tuple[PeopleResult, Path]:
    _, folder = located(which.root, which.name, which.run)
    saved = read_run(folder)
    return PeopleResult(folder.name, recordings(folder, saved.samples)), folder


def _one(which: Which) -> tuple[PeopleResult, Recording]:
    result, _ = _of(which)
    return result, named(result.recordings, which.recording)


def _show(cast: Cast, write: Callable[[str], object], speed: float, clock: Clock) -> None:
    # Once more: what is done to the terminal it is shown on is none of a recording that somebody may have edited.
    masker, last = Masker(), 0.0
    for event in cast.events:
        clock.sleep(min(event.at - last, IDLE_S) / speed)
        last = event.at
        if event.kind == OUTPUT:
            shown = masker.take(event.at, event.text)
        elif event.kind == MARKED:
            shown = [*masker.rest(), (event.at, f"\r\n\x1b[7m {event.text} \x1b[0m\r\n")]
        else:
            continue
        for _, text in shown:
            write(text)
    for _, text in masker.rest():
        write(text)
