"""What a node can have: memory and processors as the container engine has them, within the limits it runs under.

An engine may run in a virtual machine of its own, with less than the host has; and this machine may itself be a
container that is limited, with a host's figures in its /proc.
"""

from __future__ import annotations

from pathlib import Path

from pov.base.limits import CGROUP, PROC, Limits, at_top
from pov.engines.containers import Engine, Info
from pov.steps.kind.capacity import Room

_SAME = 0.01
"""Two looks at one machine's memory differ by less than this part of it."""


def is_here(info: Info, *, proc: Path = PROC) -> bool:
    """Whether the engine's containers run on this very machine, so that what its /proc says is true of them."""
    total = _meminfo(proc).get("MemTotal")
    return total is not None and abs(info.memory_mib - total) < _SAME * total


def room(kind: Engine, info: Info, *, running: bool, proc: Path = PROC, cgroup: Path = CGROUP) -> Room:
    """What a node could have now; with `running`, what one that has taken its part already may have in all."""
    if not is_here(info, proc=proc):
        return Room(info.memory_mib, info.processors)
    limits = at_top(cgroup) if _shares_limits(kind, info, proc) else Limits()
    # A running environment's own memory is not available any more, and is its own to use.
    mib = _meminfo(proc)["MemTotal" if running else "MemAvailable"]
    allowed = limits.mib if running else limits.free_mib
    if allowed is not None:
        mib = min(mib, allowed)
    return Room(mib, min(float(info.processors), limits.cores or info.processors))


def _meminfo(proc: Path) -> dict[str, float]:
    """By name, in MiB; empty where there is none."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        return {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines)}
    except (OSError, ValueError, IndexError):
        return {}


def _shares_limits(kind: Engine, info: Info, proc: Path) -> bool:
    """Whether containers come under this machine's own limits: not if they are made by a daemon outside of it."""
    if kind == "podman":
        return not info.remote
    return any(_text(comm) == "dockerd" for comm in proc.glob("[0-9]*/comm"))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
