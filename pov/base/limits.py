"""What control groups allow of a machine: a container or a session may have less than the host's /proc tells."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limits:
    """What is allowed: MiB in all, MiB that are not in use yet or can be reclaimed, cores. None is no limit."""

    mib: float | None = None
    free_mib: float | None = None
    cores: float | None = None


def at_top(cgroup: Path = CGROUP) -> Limits:
    """The limits at the top of what can be seen: in a container those are the container's."""
    memory, cpu = _controllers(cgroup)
    return _limits(cgroup, [memory], [cpu])


def of_this_process(*, proc: Path = PROC, cgroup: Path = CGROUP) -> Limits:
    """The tightest limits of this process's own group and of all above it that can be seen."""
    memory, cpu = _controllers(cgroup)
    rows = [line.split(":", 2) for line in _text(proc / "self/cgroup").splitlines() if line.count(":") >= 2]
    own = {name: path for _, names, path in rows for name in names.split(",")}
    if _is_v2(cgroup):
        own = dict.fromkeys(("memory", "cpu"), own.get("", ""))
    return _limits(cgroup, _upwards(memory, own.get("memory", "")), _upwards(cpu, own.get("cpu", "")))


def processors() -> int:
    """Those that this process may run on, whatever a quota leaves of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores(*, proc: Path = PROC, cgroup: Path = CGROUP) -> int:
    """Cores that this process may use at once, a part of one counted whole."""
    there = processors()
    return min(there, math.ceil(of_this_process(proc=proc, cgroup=cgroup).cores or there))


def memory(*, proc: Path = PROC, cgroup: Path = CGROUP) -> int:
    """Bytes of memory that this process may use: the machine's, or what its control groups leave of them."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = of_this_process(proc=proc, cgroup=cgroup).mib
    return there if allowed is None else min(there, int(allowed * 2**20))


def _is_v2(cgroup: Path) -> bool:
    return (cgroup / "cgroup.controllers").exists()


def _controllers(cgroup: Path) -> tuple[Path, Path]:
    """Where the groups of memory and of processors begin: the old layout has a tree for each."""
    return (cgroup, cgroup) if _is_v2(cgroup) else (cgroup / "memory", cgroup / "cpu")


def _upwards(top: Path, path: str) -> list[Path]:
    """A group and those above it. Of a path that is another namespace's, the top alone can be seen."""
    own = top / path.strip("/")
    if ".." in own.parts or not own.is_dir():
        return [top]
    return [own, *(folder for folder in own.parents if folder.is_relative_to(top))]


def _limits(cgroup: Path, memory: Iterable[Path], cpu: Iterable[Path]) -> Limits:
    if _is_v2(cgroup):
        held = [_memory(folder, "memory.max", "memory.current", "inactive_file") for folder in memory]
        quotas = [_text(folder / "cpu.max").partition(" ")[::2] for folder in cpu]
    else:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        held = [_memory(folder, *names) for folder in memory]
        quotas = [(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")) for folder in cpu]
    bounds = [bound for bound in held if bound is not None]
    allowed = (_cores(quota, period) for quota, period in quotas)
    return Limits(
        min((mib for mib, _ in bounds), default=None),
        min((free for _, free in bounds), default=None),
        min((count for count in allowed if count is not None), default=None),
    )


def _memory(folder: Path, limit: str, usage: str, inactive: str) -> tuple[float, float] | None:
    allowed = _number(_text(folder / limit))
    # The old layout writes no limit as the largest number of pages there is.
    if allowed is None or allowed >= 2**60:
        return None
    pairs = (line.partition(" ") for line in _text(folder / "memory.stat").splitlines())
    reclaimable = next((_number(value) or 0 for name, _, value in pairs if name == inactive), 0)
    used = max(0, (_number(_text(folder / usage)) or 0) - reclaimable)
    return allowed / 2**20, (allowed - used) / 2**20


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
