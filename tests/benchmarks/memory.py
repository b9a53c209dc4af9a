"""What the node takes at rest, and who takes it: the control group's figure, and each component's share of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from pov.base.wait import Pending, wait_for
from pov.engines.containers import Containers

_SETTLED = 0.01
_EVERY_S = 5.0
_SHARES = r"""
for p in /proc/[0-9]*; do
  pss=$(awk '/^Pss:/ {print $2}' $p/smaps_rollup 2>/dev/null) || continue
  [ -n "$pss" ] || continue
  pod=$(sed -n 's/.*pod\([0-9a-f_-]\{36\}\).*/\1/p' $p/cgroup 2>/dev/null | head -n 1)
  word=$(tr '\000\n' '  ' < $p/cmdline 2>/dev/null | cut -d ' ' -f 2)
  echo "$pss ${pod:--} $(tr ' ' '_' < $p/comm) ${word:--}"
done
"""


def at_rest(containers: Containers, node: str) -> int:
    """Bytes in use by the node, once five readings in a row, five seconds apart, lie within 1 %."""
    readings: list[int] = []

    def settled() -> int | Pending:
        readings.append(_in_use(containers, node))
        last = readings[-5:]
        if len(last) == 5 and max(last) - min(last) <= _SETTLED * max(last):
            return last[-1]
        return Pending(f"{readings[-1] / 1e9:.2f} GB")

    return wait_for("the node at rest", settled, timeout_s=300, interval_s=_EVERY_S)


def _in_use(containers: Containers, node: str) -> int:
    """Memory of the node's container and everything in it, as its control group counts it."""
    script = "cat /sys/fs/cgroup/memory.current 2>/dev/null || cat /sys/fs/cgroup/memory/memory.usage_in_bytes"
    return int(containers.exec(node, "sh", "-c", script).stdout.strip())


def shares(containers: Containers, node: str, pods: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    """Proportional resident memory in bytes by component, largest first; `pods` gives (namespace, name) by UID.

    Shared pages are split among those who share them, so the sum is no more than what is there. Services and their
    agents are told apart by namespace and process.
    """
    found: Counter[str] = Counter()
    for line in containers.exec(node, "sh", "-c", _SHARES, timeout_s=120).stdout.splitlines():
        pss, uid, command, word = line.split(" ", 3)
        found[component(pods.get(uid.replace("_", "-")), command, word)] += int(pss) * 1024
    return dict(found.most_common())


def component(pod: tuple[str, str] | None, command: str, word: str) -> str:
    """Whom a process belongs to, in words; `word` is its first argument, which tells an agent from its service."""
    if pod is None:
        return f"node: {'containerd' if command.startswith(('containerd', 'ctr')) else command}"
    namespace, name = pod
    if command == "pause":
        return "pod sandboxes"
    if namespace in {"dev", "staging", "prod"}:
        return f"{namespace}: {'agents' if word == 'agent' else 'services'}"
    stem = re.sub(r"(-[0-9a-f]{7,10})?-[0-9a-z]{5}$|-[0-9]+$|-pov-.*$", "", name)
    return f"{namespace}: {stem}"
