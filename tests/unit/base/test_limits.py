"""What control groups allow, in either layout: of a made-up machine, whose files say it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base import limits
from pov.base.limits import Limits
from pov.bundle import toolchain
from pov.measure import machine

MIB = 2**20
HOST = 32_000
"""MiB of the machine, of which 16,000 are available."""

V1 = {
    "proc/self/cgroup": "9:name=systemd:/\n5:cpu,cpuacct:/jobs/one\n4:memory:/jobs/one\n0::/\n",
    "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "cgroup/memory/jobs/memory.limit_in_bytes": f"{6000 * MIB}\n",
    "cgroup/memory/jobs/memory.usage_in_bytes": f"{5000 * MIB}\n",
    "cgroup/memory/jobs/memory.stat": f"cache 1\ntotal_inactive_file {500 * MIB}\n",
    "cgroup/memory/jobs/one/memory.limit_in_bytes": f"{4000 * MIB}\n",
    "cgroup/memory/jobs/one/memory.usage_in_bytes": f"{1000 * MIB}\n",
    "cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "cgroup/cpu/jobs/cpu.cfs_quota_us": "50000\n",
    "cgroup/cpu/jobs/cpu.cfs_period_us": "100000\n",
    "cgroup/cpu/jobs/one/cpu.cfs_quota_us": "-1\n",
}
V2 = {
    "proc/self/cgroup": "0::/jobs/one\n",
    "cgroup/cgroup.controllers": "cpu memory\n",
    "cgroup/jobs/memory.max": f"{6000 * MIB}\n",
    "cgroup/jobs/memory.current": f"{5000 * MIB}\n",
    "cgroup/jobs/memory.stat": f"inactive_file {500 * MIB}\n",
    "cgroup/jobs/cpu.max": "50000 100000\n",
    "cgroup/jobs/one/memory.max": f"{4000 * MIB}\n",
    "cgroup/jobs/one/memory.current": f"{1000 * MIB}\n",
    "cgroup/jobs/one/cpu.max": "max 100000\n",
}
NONE = Limits()
TIGHTEST = Limits(4000, 1500, 0.5)
"""All that the group itself may have, what is left within the one above it, and that one's quota."""


def there(folder: Path, files: dict[str, str]) -> dict[str, Path]:
    """The two folders of a machine with these files."""
    held = f"MemTotal: {HOST * 1024} kB\nMemAvailable: {HOST * 512} kB\n"
    for name, text in {"proc/meminfo": held, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {"proc": folder / "proc", "cgroup": folder / "cgroup"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (V1, TIGHTEST),
        (V2, TIGHTEST),
        # The path is the host's: what is mounted here is the container's own group.
        ({"proc/self/cgroup": "0::/../other\n", "cgroup/cgroup.controllers": "", "cgroup/cpu.max": "150000 100000\n"},
         Limits(cores=1.5)),
        ({"proc/self/cgroup": "4:memory:/docker/ab\n", "cgroup/memory/memory.limit_in_bytes": f"{6000 * MIB}\n"},
         Limits(6000, 6000)),
        ({"cgroup/cgroup.controllers": "cpu\n", "cgroup/cpu.max": "what\n", "cgroup/memory.max": "\n"}, NONE),
        ({"proc/self/cgroup": "nonsense\n"}, NONE),
        ({}, NONE),
    ],
    ids=["v1", "v2", "another namespace's path", "a path that is not here", "nonsense", "no group", "no such files"],
)  # fmt: skip
def test_the_tightest_limit_of_the_own_group_and_those_above_holds(
    tmp_path: Path, files: dict[str, str], found: Limits
) -> None:
    assert limits.of_this_process(**there(tmp_path, files)) == found


@pytest.mark.parametrize(("quota", "counted"), [("50000", 1), ("150000", 2), ("6400000", 4), ("max", 4)])
def test_a_part_of_a_core_counts_whole_and_a_quota_makes_no_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, counted: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    files = {**V2, "cgroup/jobs/cpu.max": f"{quota} 100000\n"}
    assert limits.cores(**there(tmp_path, files)) == counted


def test_the_machine_that_is_recorded_is_what_a_run_was_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)

    def told(files: dict[str, str], name: str) -> tuple[object, ...]:
        found = machine.machine(**there(tmp_path / name, files))
        return found["cores"], found["memory_mib"], found["memory_available_mib"]

    assert told({}, "whole") == (4, HOST, HOST // 2)
    assert told(V2, "limited") == (1, 4000, 1500)
    assert told({**V2, "cgroup/jobs/one/memory.max": f"{2 * HOST * MIB}\n"}, "loosely") == (1, 6000, 1500)


def test_compilers_are_told_an_eighth_of_the_memory_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_s = there(tmp_path, {**V2, "cgroup/jobs/one/memory.max": f"{24_000 * MIB}\n",
                                 "cgroup/jobs/memory.max": "max\n"})  # fmt: skip
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": HOST * 256}.__getitem__)
    assert limits.memory(**machine_s) == 24_000 * MIB
    assert limits.memory(**there(tmp_path / "whole", {})) == HOST * MIB
    made: Any = SimpleNamespace(folder=tmp_path, facts={"go": "go"})
    go = toolchain.Go(made)
    monkeypatch.setattr(go, "_where_from", dict)
    for allowed, told in ((24_000, 3_000), (2_000, 1_024)):
        monkeypatch.setattr(toolchain, "memory", lambda allowed=allowed: allowed * MIB)
        assert go.env()["GOMEMLIMIT"] == str(told * MIB)
