"""What `pov up` asks of this machine, checked before anything is changed; every problem is told at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from pov.base.errors import PovError, PreflightFailed, Problem
from pov.base.limits import CGROUP, PROC
from pov.base.ports import free_ports
from pov.config.scenario import Scenario
from pov.engines.kind import Node
from pov.steps.kind.capacity import Room, largest, need, shortages
from pov.steps.kind.foreign import remedy
from pov.steps.kind.intent import NODE_PORTS, Intent
from pov.steps.kind.place import Place
from pov.steps.kind.room import is_here, room

_DISK_GIB = 4.0
"""The node's own layer, volumes and logs; images lie in the node's image."""
_INOTIFY = {"max_user_instances": 256, "max_user_watches": 65_536}
"""A node with dozens of pods opens more than the 128 instances that distributions start with."""


def check(scenario: Scenario, place: Place, *, proc: Path = PROC, cgroup: Path = CGROUP) -> None:
    """Raises `PreflightFailed` with everything that is in the way. Changes nothing.

    That a privileged container runs is proved where the place's engine is chosen. An environment that runs already is
    not asked for room that it has taken.
    """
    try:
        containers, node, intent = place.containers, place.kind().node(), Intent.load(place.home)
        ours = node is not None and intent is not None and intent.fits(node)
        info = containers.info()
    except PovError as error:
        # Nothing else about the place can be known. What is known of this machine is told with it.
        why = f"{error.message}: {error.cause}" if error.cause else error.message
        raise PreflightFailed([Problem("container engine", why, error.fix), *_ports()]) from error
    problems = [] if node is None or ours else [_foreign(place, node)]
    here = is_here(info, proc=proc)
    can_be_had = room(containers.kind, info, running=ours, proc=proc, cgroup=cgroup)
    problems += _capacity(scenario, can_be_had, "" if here else f", or give {containers.kind}'s machine more")
    if not ours:
        # The kernel and the disk of another machine cannot be looked at from here.
        problems += [*_disk(info.folder), *_inotify(proc)] if here else []
        problems += _ports()
    if problems:
        raise PreflightFailed(problems)


def _foreign(place: Place, node: Node) -> Problem:
    told = "there is a cluster of this name that this environment did not make"
    return Problem(place.cluster, told, remedy(place, node))


def _capacity(scenario: Scenario, room: Room, otherwise: str) -> list[Problem]:
    missing = shortages(need(scenario), room)
    if not missing:
        return []
    count = scenario.services.count
    fitting = largest(scenario, room)
    fix = f"N = {fitting} fits: pov up --services {fitting}" if fitting else "no N fits: use a larger machine"
    return [Problem(f"N = {count}", "; ".join(missing), f"{fix}{otherwise}")]


def _disk(folder: str) -> list[Problem]:
    place = _existing(Path(folder))
    free = shutil.disk_usage(place).free / 2**30
    if free >= _DISK_GIB:
        return []
    return [Problem(str(place), f"{free:.1f} GiB free, {_DISK_GIB:.0f} GiB are needed", "make room on that disk")]


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _inotify(proc: Path) -> list[Problem]:
    problems = []
    for name, least in _INOTIFY.items():
        try:
            value = int((proc / "sys/fs/inotify" / name).read_text())
        except OSError:
            continue
        if value < least:
            fix = f"sysctl -w fs.inotify.{name}={2 * least}"
            problems.append(Problem(f"fs.inotify.{name}", f"is {value}, at least {least} are needed", fix))
    return problems


def _ports() -> list[Problem]:
    try:
        free_ports(len(NODE_PORTS) + 1)
    except OSError as error:
        return [Problem("127.0.0.1", f"no free ports: {error}", "end a program that holds many")]
    return []
