"""When a workload counts as ready, and how soon a hopeless one is told."""

from __future__ import annotations

from typing import Any

import pytest

from pov.base.errors import PovError, TimedOut
from pov.engines.kube_ready import Rollout, pending, pod_trouble
from tests.fakes.clock import FakeClock


def workload(kind: str, *, replicas: int = 1, generation: int = 2, **status: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "till", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": generation, **status},
    }


def waiting_pod(reason: str, name: str = "till-1") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "back-off"}}
    status = {"name": "main", "state": state, "lastState": {"terminated": {"exitCode": 3}}}
    return {"kind": "Pod", "metadata": {"name": name, "uid": name}, "status": {"containerStatuses": [status]}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (workload("Deployment", replicas=2, updatedReplicas=2, availableReplicas=2), None),
        (workload("Deployment", replicas=2, updatedReplicas=2, availableReplicas=1), "till: 1 of 2 ready"),
        (workload("Deployment", replicas=2, updatedReplicas=1, availableReplicas=2), "till: 1 of 2 ready"),
        (workload("Deployment", replicas=0), None),
        (workload("StatefulSet", updatedReplicas=1, readyReplicas=1), None),
        (workload("StatefulSet", updatedReplicas=0, readyReplicas=1), "till: 0 of 1 ready"),
        (workload("DaemonSet", desiredNumberScheduled=1, updatedNumberScheduled=1, numberAvailable=1), None),
        (workload("DaemonSet", desiredNumberScheduled=1), "till: 0 of 1 ready"),
    ],
)
def test_pending(document: dict[str, Any], said: str | None) -> None:
    assert pending(document) == said


def test_an_old_generation_is_not_ready() -> None:
    document = workload("Deployment", updatedReplicas=1, availableReplicas=1)
    document["status"]["observedGeneration"] = 1
    assert pending(document) == "till: not seen by its controller yet"


def test_old_pods_must_be_gone() -> None:
    document = workload("Deployment", updatedReplicas=1, availableReplicas=1)
    document["status"]["replicas"] = 2
    assert pending(document) == "till: old pods are ending"


def test_pods_and_jobs() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Running", "conditions": []}}
    assert pending(pod) == "p: running"
    pod["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert pending(pod) is None
    job = {"kind": "Job", "metadata": {"name": "j"}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert pending(job) is None


def test_trouble_names_container_reason_and_exit_code() -> None:
    reason, text = pod_trouble(waiting_pod("CrashLoopBackOff")) or ("", "")
    assert reason == "CrashLoopBackOff"
    assert text == "pod till-1, container main: CrashLoopBackOff, last exit code 3 back-off"
    assert pod_trouble(waiting_pod("ContainerCreating")) is None
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    pod = {"metadata": {"name": "p"}, "status": {"conditions": [condition]}}
    assert pod_trouble(pod) == ("Unschedulable", "pod p: no node takes it: Insufficient cpu")


def test_waits_until_all_are_ready() -> None:
    clock, looks = FakeClock(), [0]

    def listing(kind: str, namespace: str) -> list[dict[str, Any]]:
        looks[0] += 1
        ready = int(looks[0] > 3)
        return [workload("Deployment", updatedReplicas=ready, availableReplicas=ready)]

    told: list[str] = []
    Rollout("Deployment", ["till"], "shop", listing, clock=clock).wait(30, lambda waiting: told.append(waiting.state))
    assert told == ["till: 0 of 1 ready"]
    assert clock.now == pytest.approx(1.2)


def test_the_limit_raises_with_reasons() -> None:
    def listing(kind: str, namespace: str) -> list[dict[str, Any]]:
        if kind == "Pod":
            return [waiting_pod("Odd"), waiting_pod("Odd", "stranger")]
        if kind == "Event":
            event = {"type": "Warning", "reason": "Failed", "message": "no", "involvedObject": {"name": "till-1"}}
            return [event]
        return [workload("Deployment")]

    with pytest.raises(TimedOut, match="Deployment till in shop: not after 10 s") as limit:
        Rollout("Deployment", ["till"], "shop", listing, clock=FakeClock()).wait(10, None)
    assert "till: 0 of 1 ready; pod till-1" in limit.value.cause
    assert limit.value.details[-1] == "till-1: Failed: no"
    assert not any("stranger" in line for line in limit.value.details)


@pytest.mark.parametrize(
    ("reason", "after"), [("ErrImageNeverPull", 15), ("ImagePullBackOff", 25), ("CrashLoopBackOff", 65)]
)
def test_what_cannot_heal_is_told_early(reason: str, after: float) -> None:
    clock = FakeClock()

    def listing(kind: str, namespace: str) -> list[dict[str, Any]]:
        return [waiting_pod(reason)] if kind == "Pod" else [workload("Deployment")]

    with pytest.raises(PovError, match="cannot start") as early:
        Rollout("Deployment", ["till"], "shop", listing, clock=clock).wait(600, None)
    assert clock.now < after
    assert reason in early.value.cause


def test_a_crash_that_heals_is_forgotten() -> None:
    clock = FakeClock()

    def listing(kind: str, namespace: str) -> list[dict[str, Any]]:
        if kind == "Pod":
            return [waiting_pod("CrashLoopBackOff")] if int(clock.now) % 40 < 20 else []
        done = int(clock.now > 150)
        return [workload("Deployment", updatedReplicas=done, availableReplicas=done)]

    Rollout("Deployment", ["till"], "shop", listing, clock=clock).wait(600, None)
    assert clock.now > 150
