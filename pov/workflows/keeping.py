"""What a run that was killed keeps of the configuration repository: renewed before that is taken away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.scratch import scratch
from pov.model.events import Emit, Event
from pov.model.reading import mapping, text
from pov.state.home import Home
from pov.state.runs import CONFIGURATION, read_run, saved_in


def commits_of(samples: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The commits that a run's samples name."""
    named = (text(mapping(sample.get("details")).get("revision")) for sample in samples)
    return tuple(dict.fromkeys(commit for commit in named if commit))


def renew(home: Home, emit: Emit) -> None:
    """Give each run without an end what its samples deployed, as far as the working copy holds all of it.

    It may not: the run may be of an environment of that name that was taken down before. What such a run has stays.
    Nothing here stops what comes next: what could not be kept is told.
    """
    for path in saved_in(home.runs_dir):
        if (path / "summary.json").is_file():
            continue
        try:
            if _renewed(home, path):
                emit(Event("note", "down", f"run {path.name} ended early: what it deployed is kept with it"))
        except (PovError, OSError) as error:
            emit(Event("warning", "down", f"run {path.name}: what it deployed could not be kept: {error}"))


def _renewed(home: Home, path: Path) -> bool:
    from pov.engines import history
    from pov.steps.git import repository

    commits = commits_of(read_run(path).samples)
    if not commits:
        return False
    with scratch() as folder:
        bundle = folder / CONFIGURATION
        if not repository.last_fetched(home, bundle) or history.bundle_problems(bundle, commits):
            return False
        write_atomic(path / CONFIGURATION, bundle.read_bytes())
    return True
