"""When workloads are ready, and why they are not: read from the objects, the pods and the events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError, TimedOut
from pov.base.wait import Pending, Waiting, wait_for

INTERVAL_S = 0.4
_LOOK_AT_PODS_EVERY_S = 2.0
# How long a reason may stand before it is a verdict, in seconds. A crash may heal once a neighbour is up.
_HOPELESS_AFTER_S: Mapping[str, float] = {
    "ErrImageNeverPull": 10.0,
    "InvalidImageName": 0.0,
    "ErrImagePull": 20.0,
    "ImagePullBackOff": 20.0,
    "CreateContainerConfigError": 30.0,
    "CrashLoopBackOff": 60.0,
}

List = Callable[[str, str], list[dict[str, Any]]]
"""Objects of a kind in a namespace."""


def pending(document: Mapping[str, Any]) -> str | None:
    """Why this workload is not rolled out yet, or None if it is."""
    kind, name = document["kind"], document["metadata"]["name"]
    spec, status = document.get("spec") or {}, document.get("status") or {}
    if document["metadata"].get("deletionTimestamp"):
        return f"{name}: being deleted"
    if kind == "Pod":
        return None if _condition(status, "Ready") else f"{name}: {status.get('phase', 'Pending').lower()}"
    if kind == "Job":
        return None if _condition(status, "Complete") else f"{name}: running"
    if status.get("observedGeneration", 0) < document["metadata"].get("generation", 1):
        return f"{name}: not seen by its controller yet"
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        ready = min(status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    elif kind == "StatefulSet":
        wanted = spec.get("replicas", 1)
        ready = min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    else:
        wanted = spec.get("replicas", 1)
        ready = min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
        if ready >= wanted and status.get("replicas", 0) > wanted:
            return f"{name}: old pods are ending"
    return None if ready >= wanted else f"{name}: {ready} of {wanted} ready"


def _condition(status: Mapping[str, Any], name: str) -> bool:
    return any(c["type"] == name and c["status"] == "True" for c in status.get("conditions") or ())


def pod_trouble(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """What holds a pod up, as (reason, text): an image, a crash, no node."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason and reason not in {"ContainerCreating", "PodInitializing"}:
            ended = (container.get("lastState") or {}).get("terminated") or {}
            code = f", last exit code {ended['exitCode']}" if "exitCode" in ended else ""
            return (
                reason,
                f"pod {name}, container {container['name']}: {reason}{code} {waiting.get('message', '')}".strip(),
            )
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return "Unschedulable", f"pod {name}: no node takes it: {condition.get('message', '')}"
    return None


class Rollout:
    """Waits until all `names` of one kind in a namespace are rolled out."""

    def __init__(
        self,
        kind: str,
        names: Sequence[str],
        namespace: str,
        listing: List,
        *,
        clock: Clock = SYSTEM_CLOCK,
        kubectl: str = "kubectl",
    ) -> None:
        self._kubectl = f"{kubectl} -n {namespace}"
        self._kind = kind
        self._names = names
        self._namespace = namespace
        self._list = listing
        self._clock = clock
        self._looked = clock.monotonic()
        self._since: dict[str, float] = {}
        self._troubles: list[str] = []

    def wait(self, timeout_s: float, on_pending: Callable[[Waiting], None] | None) -> None:
        """Return once all are ready. Raises `TimedOut` with reasons, `PovError` at once for what cannot heal."""
        what = f"{self._kind} {', '.join(self._names)} in {self._namespace}"
        try:
            wait_for(
                what,
                self._look,
                timeout_s=timeout_s,
                interval_s=INTERVAL_S,
                clock=self._clock,
                on_pending=on_pending,
                fix=f"{self._kubectl} describe pods",
            )
        except TimedOut as error:
            raise TimedOut(error.message, cause=error.cause, fix=error.fix, details=self._reasons()) from error

    def _look(self) -> bool | Pending:
        found = {item["metadata"]["name"]: item for item in self._list(self._kind, self._namespace)}
        waiting = []
        for name in self._names:
            state = pending(found[name]) if name in found else f"{name}: not there yet"
            if state is not None:
                waiting.append(state)
        if not waiting:
            return True
        self._judge_pods()
        more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
        return Pending(waiting[0] + more + (f"; {self._troubles[0]}" if self._troubles else ""))

    def _judge_pods(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked < _LOOK_AT_PODS_EVERY_S:
            return
        self._looked = now
        found = [(pod, pod_trouble(pod)) for pod in self._list("Pod", self._namespace) if self._is_ours(pod)]
        troubled = [(pod, trouble) for pod, trouble in found if trouble is not None]
        self._troubles = [text for _, (_, text) in troubled]
        seen = {f"{pod['metadata']['uid']} {reason}" for pod, (reason, _) in troubled}
        self._since = {key: since for key, since in self._since.items() if key in seen}
        for pod, (reason, text) in troubled:
            since = self._since.setdefault(f"{pod['metadata']['uid']} {reason}", now)
            if now - since >= _HOPELESS_AFTER_S.get(reason, float("inf")):
                look = "logs --all-containers" if reason == "CrashLoopBackOff" else "describe pod"
                fix = f"{self._kubectl} {look} {pod['metadata']['name']}"
                raise PovError(f"{self._kind} in {self._namespace} cannot start", cause=text, fix=fix)

    def _is_ours(self, pod: Mapping[str, Any]) -> bool:
        # Pods are named after the workload that made them.
        name = str(pod["metadata"]["name"])
        return any(name == wanted or name.startswith(f"{wanted}-") for wanted in self._names)

    def _reasons(self) -> list[str]:
        try:
            events = self._list("Event", self._namespace)
        except PovError:
            return self._troubles
        warnings = [event for event in events if event.get("type") == "Warning"]
        warnings.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        told = [
            f"{event['involvedObject'].get('name', '')}: {event.get('reason', '')}: {event.get('message', '')}"
            for event in warnings[-3:]
        ]
        return [*self._troubles, *told]
