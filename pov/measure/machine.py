"""The machine that the numbers come from."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Cores, processor, memory in MiB (total and available), load over 1, 5 and 15 minutes, kernel, Python."""
    memory = _table(Path("/proc/meminfo"))
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _table(Path("/proc/cpuinfo")).get("model name", platform.processor() or "unknown"),
        "memory_mib": _mebibytes(memory.get("MemTotal")),
        "memory_available_mib": _mebibytes(memory.get("MemAvailable")),
        "load": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def load_per_core() -> float:
    """The load of the last minute, per core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return os.getloadavg()[0] / cores


def _table(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().split("\n")
    except OSError:
        return {}
    rows = (line.partition(":") for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, _, value in rows}


def _mebibytes(text: str | None) -> int | None:
    return int(text.split()[0]) // 1024 if text else None
