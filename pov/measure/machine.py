"""The machine that the numbers come from."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from pov.base.limits import CGROUP, PROC, cores, of_this_process, processors


def machine(*, proc: Path = PROC, cgroup: Path = CGROUP) -> dict[str, Any]:
    """Cores, processor, memory in MiB (total and available), load over 1, 5 and 15 minutes, kernel, Python.

    Cores and memory are those that this process is allowed, where control groups leave it less than the machine has.
    """
    memory = _table(proc / "meminfo")
    allowed = of_this_process(proc=proc, cgroup=cgroup)
    return {
        "cores": cores(proc=proc, cgroup=cgroup),
        "processor": _table(proc / "cpuinfo").get("model name", platform.processor() or "unknown"),
        "memory_mib": _mebibytes(memory.get("MemTotal"), allowed.mib),
        "memory_available_mib": _mebibytes(memory.get("MemAvailable"), allowed.free_mib),
        "load": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load_per_core() -> float:
    """The load of the last minute, per core that this process may run on.

    A quota is left out of it: the load is the whole machine's, and so are the cores that it is spread over.
    """
    return os.getloadavg()[0] / processors()


def _table(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().split("\n")
    except OSError:
        return {}
    rows = (line.partition(":") for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, _, value in rows}


def _mebibytes(text: str | None, allowed: float | None) -> int | None:
    if text is None:
        return None
    there = int(text.split()[0]) // 1024
    return there if allowed is None else min(there, int(allowed))
