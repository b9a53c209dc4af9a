"""What a node can have: memory and processors as the container engine has them, within the limits it runs under.

An engine may run in a virtual machine of its own, with less than the host has; and this machine may itself be a
container that is limited, with a host's figures in its /proc.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pov.engines.containers import Engine, Info
from pov.steps.kind.capacity import Room

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
_SAME = 0.01
"""Two looks at one machine's memory differ by less than this part of it."""


@dataclass(frozen=True)
class _Limits:
    """What a control group allows: MiB in all, MiB in use that cannot be reclaimed, cores. None is no limit."""

    mib: float | None = None
    used_mib: float = 0.0
    cores: float | None = None


def is_here(info: Info, *, proc: Path = PROC) -> bool:
    """Whether the engine's containers run on this very machine, so that what its /proc says is true of them."""
    total = _meminfo(proc).get("MemTotal")
    return total is not None and abs(info.memory_mib - total) < _SAME * total


def room(kind: Engine, info: Info, *, running: bool, proc: Path = PROC, cgroup: Path = CGROUP) -> Room:
    """What a node could have now; with `running`, what one that has taken its part already may have in all."""
    if not is_here(info, proc=proc):
        return Room(info.memory_mib, info.processors)
    limits = _limits(cgroup) if _shares_limits(kind, info, proc) else _Limits()
    # A running environment's own memory is not available any more, and is its own to use.
    mib = _meminfo(proc)["MemTotal" if running else "MemAvailable"]
    if limits.mib is not None:
        mib = min(mib, limits.mib if running else limits.mib - limits.used_mib)
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


def _limits(cgroup: Path) -> _Limits:
    """The limits at the top of what can be seen: in a container those are the container's."""
    if (cgroup / "cgroup.controllers").exists():
        quota, _, period = _text(cgroup / "cpu.max").partition(" ")
        return _Limits(*_memory(cgroup, "memory.max", "memory.current", "inactive_file"), _cores(quota, period))
    memory, cpu = cgroup / "memory", cgroup / "cpu"
    found = _memory(memory, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return _Limits(*found, _cores(_text(cpu / "cpu.cfs_quota_us"), _text(cpu / "cpu.cfs_period_us")))


def _memory(folder: Path, limit: str, usage: str, inactive: str) -> tuple[float | None, float]:
    allowed = _number(_text(folder / limit))
    # The old layout writes no limit as the largest number of pages there is.
    if allowed is None or allowed >= 2**60:
        return None, 0.0
    pairs = (line.partition(" ") for line in _text(folder / "memory.stat").splitlines())
    reclaimable = next((_number(value) or 0 for name, _, value in pairs if name == inactive), 0)
    return allowed / 2**20, max(0, (_number(_text(folder / usage)) or 0) - reclaimable) / 2**20


def _cores(quota: str, period: str) -> float | None:
    wanted, every = _number(quota), _number(period)
    return wanted / every if wanted is not None and wanted > 0 and every else None


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
