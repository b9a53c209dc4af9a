"""What a node's containers use, as the kernel's control groups count it: exact at the moment of reading.

The kubelet tells the same with figures that may be a quarter of a minute old, and containerd looks once a minute here
(`kind.STATS_EVERY`): too seldom for a window of some seconds. Both layouts of control groups are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pov.base.errors import PovError
from pov.engines.containers import Containers

# A line each: the group's name, processor time, memory, file pages of it that nobody used lately. No program is started
# for a group: the shell reads the files by itself.
_SCRIPT = r"""
root=${ROOT:-/sys/fs/cgroup}
if [ -f "$root/cgroup.controllers" ]; then
  cpu=$root mem=$root used=cpu.stat held=memory.current file=inactive_file; echo v2
else
  cpu=$root/cpuacct mem=$root/memory used=cpuacct.usage held=memory.usage_in_bytes file=total_inactive_file; echo v1
fi
tell() {
  while read -r first second; do time=${second:-$first}; break; done < "$cpu$1/$used" || return 0
  read -r bytes < "$mem$1/$held" || return 0
  idle=0
  while read -r key value; do [ "$key" = "$file" ] && idle=$value && break; done < "$mem$1/memory.stat"
  echo "${1##*/} $time $bytes $idle"
}
echo "node $(tell '')"
find "$cpu" -type d -regextype posix-extended -regex \
  '.*/((kubelet-)?kubepods(\.slice)?|(cri-containerd-)?[0-9a-f]{64}(\.scope)?)' | while read -r path; do
  tell "${path#"$cpu"}" 2>/dev/null
done
true
"""
_PER_SECOND = {"v1": 1_000_000_000, "v2": 1_000_000}
_LIMIT_S = 30.0


@dataclass(frozen=True)
class Used:
    """Processor time in seconds since the group began, and the working set in bytes: memory without idle file pages."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class Counters:
    """One reading. `pods` counts those that ended, too; `containers` are those there now, by their id."""

    node: Used
    pods: Used
    containers: Mapping[str, Used]


def read(containers: Containers, node: str) -> Counters:
    """Read them in the node's container. Raises `PovError` where it does not tell."""
    return parsed(containers.exec(node, "sh", "-c", _SCRIPT, timeout_s=_LIMIT_S).stdout)


def parsed(said: str) -> Counters:
    """What the script printed. Raises `PovError` where something is missing."""
    layout, *lines = said.splitlines() or [""]
    found: dict[str, Used] = {}
    try:
        for line in lines:
            name, time, held, idle = line.split()
            found[_plain(name)] = Used(int(time) / _PER_SECOND[layout], max(0, int(held) - int(idle)))
        return Counters(found.pop("node"), found.pop("kubepods"), found)
    except (KeyError, ValueError) as error:
        raise PovError("the node's control groups cannot be read", cause=f"it says: {said[:200]!r}") from error


def _plain(name: str) -> str:
    """A group's name without what systemd and the runtime put around it."""
    return name.removesuffix(".scope").removesuffix(".slice").removeprefix("cri-containerd-").removeprefix("kubelet-")
