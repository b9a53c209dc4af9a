"""The arm that a sceptic proposes: a good bash script on the hosts as they are. It works as an own arm does."""

from __future__ import annotations

from pov.base.paths import data
from pov.experiments.brought import Digested, OwnScript
from pov.experiments.runbook import SEEN_LIMIT_S

FOLDER = "scripts"
LIMIT_S = 600.0
_PARTS = ("common.sh", "on_host.sh")


def shipped(experiment: str) -> OwnScript:
    """The shipped script of an experiment."""
    path = data(FOLDER, f"{experiment}.sh")
    file = Digested.of(path, [path.parent / part for part in _PARTS])
    return OwnScript((str(path),), path.parent, LIMIT_S, file, SEEN_LIMIT_S)
