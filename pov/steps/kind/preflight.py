"""What `pov up` asks of this machine, checked before anything is changed; every problem is told at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pov.base.errors import CommandFailed, PovError, PreflightFailed, Problem
from pov.base.paths import cache_root
from pov.base.ports import free_ports
from pov.config.scenario import Scenario
from pov.engines.containers import Containers
from pov.engines.kind import Node
from pov.steps.kind.capacity import Room, largest, need, shortages
from pov.steps.kind.intent import NODE_PORTS, Intent
from pov.steps.kind.place import Place

_DISK_GIB = 4.0
"""The node's own layer, volumes and logs; images lie in the node's image."""
_INOTIFY = {"max_user_instances": 256, "max_user_watches": 65_536}
"""A node with dozens of pods opens more than the 128 instances that distributions start with."""
_STORAGE = {"docker": ("/var/lib/docker",), "podman": ("/var/lib/containers", "~/.local/share/containers")}
_PROC = Path("/proc")


def check(scenario: Scenario, place: Place, *, proc: Path = _PROC) -> None:
    """Raises `PreflightFailed` with everything that is in the way. Changes nothing.

    That a privileged container runs is proved where the place's engine is chosen. An environment that runs already is
    not asked for room that it has taken.
    """
    containers, node, intent = place.containers, place.kind().node(), Intent.load(place.home)
    ours = node is not None and intent is not None and intent.fits(node)
    problems = _foreign(node, ours=ours, cluster=place.cluster)
    problems += _capacity(scenario, _room(containers, running=ours, proc=proc))
    if not ours:
        problems += [*_disk(containers), *_inotify(proc), *_ports()]
    if problems:
        raise PreflightFailed(problems)


def _foreign(node: Node | None, *, ours: bool, cluster: str) -> list[Problem]:
    if node is None or ours:
        return []
    fix = (
        f"give this environment another --name; or, if that one is yours to lose: kind delete cluster --name {cluster}"
    )
    return [Problem(cluster, "there is a cluster of this name that this environment did not make", fix)]


def _capacity(scenario: Scenario, room: Room) -> list[Problem]:
    missing = shortages(need(scenario), room)
    if not missing:
        return []
    count = scenario.services.count
    fitting = largest(scenario, room)
    fix = f"N = {fitting} fits: pov up --services {fitting}" if fitting else "no N fits: use a larger machine"
    return [Problem(f"N = {count}", "; ".join(missing), fix)]


def _room(containers: Containers, *, running: bool, proc: Path) -> Room:
    cores = os.cpu_count() or 1
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return Room(_engine_mib(containers), cores)
    figures = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    # A running environment's own memory is not available any more, and is its own to use.
    return Room(figures["MemTotal"] if running else figures["MemAvailable"], cores)


def _engine_mib(containers: Containers) -> float:
    """Memory of the virtual machine that containers run in, where there is no /proc here."""
    field = "{{.MemTotal}}" if containers.kind == "docker" else "{{.Host.MemTotal}}"
    try:
        return int(containers.run("info", "--format", field).stdout) / 2**20
    except (CommandFailed, ValueError) as error:
        raise PovError(f"{containers.kind} does not say how much memory it has", fix="pov doctor") from error


def _disk(containers: Containers) -> list[Problem]:
    places = [Path(place).expanduser() for place in _STORAGE[containers.kind]]
    place = next((path for path in places if path.is_dir() and os.access(path, os.W_OK)), _existing(cache_root()))
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
