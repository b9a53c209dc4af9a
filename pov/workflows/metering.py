"""Reads what each part of an environment takes, between trials: no clock of a trial runs meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.config.estates import LEGACY
from pov.engines.control_groups import Counters, Used
from pov.measure.footprint import AGENTS, NODE, OTHERS, SERVICES
from pov.steps.argocd.manifest import NAMESPACE as ARGOCD
from pov.steps.context import Context
from pov.steps.git.server import NAMESPACE as GITEA
from pov.steps.vault.layout import PLATFORM_NAMESPACE
from pov.steps.vault.server import NAMESPACE as VAULT

_AGENT = "agent"
_PARTS = {
    ARGOCD: "argocd",
    VAULT: "vault",
    GITEA: "gitea",
    "kube-system": "kubernetes",
    LEGACY: "legacy",
    PLATFORM_NAMESPACE: "prober",
}
_MIB = 2**20
_NOTHING = Used(0.0, 0)


@dataclass(frozen=True)
class _Reading:
    at: float
    counters: Counters


class Meter:
    """Of one environment. Spans follow each other: each goes from the reading before to a new one."""

    def __init__(
        self,
        counters: Callable[[], Counters],
        pods: Callable[[], Iterable[Mapping[str, Any]]],
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._counters = counters
        self._pods = pods
        self._clock = clock
        self._last: _Reading | None = None

    @classmethod
    def of(cls, ctx: Context) -> Meter:
        """Of a running environment, on its target's word. Nothing is asked before the first reading."""

        def counters() -> Counters:
            return ctx.cluster.counters()

        return cls(counters, lambda: ctx.kube.list("v1/Pod"))

    def begin(self) -> None:
        """Read anew, whatever was read before. Raises `PovError` where it cannot be read."""
        self._last = None
        self._last = self._read()

    def span(self) -> dict[str, Any] | None:
        """What was taken since the reading before, by part; None where there is none. Raises as `begin` does.

        A node that started anew in between counts from nothing: no span bridges that, either.
        """
        before, self._last = self._last, None
        self._last = now = self._read()
        if before is None or _backwards(before.counters, now.counters):
            return None
        parts = parts_of(self._pods())
        return {"seconds": round(now.at - before.at, 3), **_split(before.counters, now.counters, parts)}

    def _read(self) -> _Reading:
        at = self._clock.monotonic()
        return _Reading(at, self._counters())


def _backwards(before: Counters, now: Counters) -> bool:
    """Whether the node's counters began anew between two readings."""
    return now.node.seconds < before.node.seconds or now.pods.seconds < before.pods.seconds


def parts_of(pods: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The part that each container belongs to, by its id."""
    found: dict[str, str] = {}
    for pod in pods:
        part = _PARTS.get(str(pod["metadata"].get("namespace")))
        status = pod.get("status") or {}
        for told in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            # A stage's: its services, and beside each the agent that fetches its certificate.
            own = part or (AGENTS if told["name"] == _AGENT else SERVICES)
            found[str(told.get("containerID", "")).rpartition("/")[2]] = own
    return found


def _split(before: Counters, now: Counters, parts: Mapping[str, str]) -> dict[str, Any]:
    """Processor seconds, MiB and containers by part. What the node counts and no container has is the node's own."""
    seconds: defaultdict[str, float] = defaultdict(float)
    memory: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for name, used in now.containers.items():
        if name in parts:
            # One that came meanwhile began at nothing.
            seconds[parts[name]] += used.seconds - before.containers.get(name, _NOTHING).seconds
            memory[parts[name]] += used.memory
            number[parts[name]] += 1
    pods_s = now.pods.seconds - before.pods.seconds
    apart = {
        OTHERS: (pods_s - sum(seconds.values()), now.pods.memory - sum(memory.values())),
        NODE: (now.node.seconds - before.node.seconds - pods_s, now.node.memory - now.pods.memory),
    }
    # Groups are read one after the other: what is left of a sum may be a hair below nothing.
    spent = {**seconds, **{name: max(0.0, told[0]) for name, told in apart.items()}}
    held = {**memory, **{name: max(0, told[1]) for name, told in apart.items()}}
    return {
        "processor_s": {name: round(value, 3) for name, value in spent.items()},
        "memory_mib": {name: round(value / _MIB, 1) for name, value in held.items()},
        "containers": dict(number),
    }
