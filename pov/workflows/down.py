"""`pov down`: takes away exactly what `pov up` made. Every wait is bounded; running it twice is fine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import PovError
from pov.base.whoami import whoami
from pov.model.events import Emit, Event
from pov.state.home import Home
from pov.workflows.environment import RECORD, below, choose, environments, home_of, recall


@dataclass(frozen=True)
class DownOptions:
    """`images` also removes the images that `pov` made from the container storage."""

    root: Path
    name: str | None = None
    images: bool = False


@dataclass(frozen=True)
class DownResult:
    """What was taken away, in words, and what was kept. Without a name nothing was up that could have been meant."""

    name: str | None
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"name": self.name, "removed": self.removed, "kept": self.kept, "seconds": round(self.seconds, 3)}


def run(options: DownOptions, emit: Emit) -> DownResult:
    """Remove the cluster (its finalizers die with it), the network if `up` made it and nobody uses it, the files.

    What `state.home.KEPT` names stays; a run that was killed first gets what it deployed. A cluster of the same name
    that `pov` did not make is not touched.

    Without a name, and where nothing is up, nothing is done. Raises `NotFound` for a name that was never one here where
    others are up, here or in an engagement folder below, and without a name for the latter: those are mistyped.
    """
    from pov.bundle import storage
    from pov.steps.targets import DEFAULT, target_named
    from pov.workflows.keeping import renew

    known = environments(options.root)
    if options.name is None and not known and not below(options.root):
        return DownResult(None, (), (), 0.0)
    name = choose(options.root, options.name)
    home = home_of(options.root, name)
    if not home.root.exists() and (known or below(options.root)):
        recall(home, name)
    started = SYSTEM_CLOCK.monotonic()
    removed: list[str] = []
    emit(Event("started", "down", f"Taking {name} down", 10))
    with home.lock():
        renew(home, emit)
        target = recall(home, name).target if (home.root / RECORD).exists() else DEFAULT
        removed += target_named(target)(home, name).remove(lambda text: emit(Event("warning", "down", text)))
        try:
            home.journal_writer().record("down", removed=list(removed))
            _note_the_end(home)
        except PovError as error:
            # A full disk: what is removed here makes room on it.
            emit(Event("warning", "down", f"not noted that it went: {error.message}: {error.cause}"))
        removed += home.remove()
        if options.images:
            removed += storage.remove_all()
    seconds = SYSTEM_CLOCK.monotonic() - started
    emit(Event("changed" if removed else "unchanged", "down", f"{name} is down", seconds))
    return DownResult(name, tuple(removed), tuple(map(str, home.kept())), seconds)


def _note_the_end(home: Home) -> None:
    """Terraform's state lies in the cluster and goes with it: its log says so, once."""
    from pov.state.terraform_log import GONE, LogWriter, last_known, read_log

    entries = read_log(home.terraform_log).entries
    if entries and entries[-1].result != GONE:
        about = {"run": secrets.token_hex(4), "command": "pov down", "actor": whoami()}
        LogWriter(home.terraform_log).record(GONE, **about, before=dict(last_known(entries)))
