"""What each part took between two readings: by container, with what came and went in between."""

from __future__ import annotations

from typing import Any

import pytest

from pov.base.errors import PovError
from pov.engines.control_groups import Counters, Used
from pov.workflows.metering import Meter, parts_of
from tests.unit.reporting.simulated import TickingClock

MIB = 2**20


def pod(namespace: str, *containers: str, sidecars: tuple[str, ...] = ()) -> dict[str, Any]:
    """A pod whose containers have their names as ids, after the namespace."""

    def told(names: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"name": name, "containerID": f"containerd://{namespace}-{name}"} for name in names]

    status = {"containerStatuses": told(containers), "initContainerStatuses": told(sidecars)}
    return {"metadata": {"name": "x", "namespace": namespace}, "status": status}


PODS = [
    pod("argocd", "server"), pod("argocd", "repo"), pod("vault", "vault", "audit-rotation"), pod("gitea", "gitea"),
    pod("kube-system", "etcd"), pod("pov-system", "prober", sidecars=("agent",)), pod("legacy", "host"),
    pod("staging", "service", sidecars=("agent",)), pod("dev", "service", sidecars=("agent",)),
    {"metadata": {"name": "waits", "namespace": "dev"}, "status": {"containerStatuses": [{"name": "service"}]}},
    {"metadata": {"name": "new", "namespace": "dev"}},
]  # fmt: skip


def counters(node: float, pods: float, **containers: float) -> Counters:
    """A MiB for each container, 100 for all pods, 300 for the node."""
    held = {name.replace("_", "-"): Used(seconds, MIB) for name, seconds in containers.items()}
    return Counters(Used(node, 300 * MIB), Used(pods, 100 * MIB), held)


def meter(*readings: Counters | PovError) -> Meter:
    """One that is read every ten seconds."""
    clock, left = TickingClock(), list(readings)

    def read() -> Counters:
        clock.sleep(10.0)
        now = left.pop(0)
        if isinstance(now, PovError):
            raise now
        return now

    return Meter(read, lambda: PODS, clock=clock)


def test_containers_belong_to_parts() -> None:
    found = parts_of(PODS)
    assert found["argocd-repo"] == "argocd"
    assert found["vault-audit-rotation"] == "vault"
    assert (found["staging-service"], found["staging-agent"]) == ("services", "agents")
    assert (found["pov-system-prober"], found["pov-system-agent"]) == ("prober", "prober")
    assert (found["legacy-host"], found["kube-system-etcd"], found["gitea-gitea"]) == ("legacy", "kubernetes", "gitea")


def test_a_span_is_the_difference_of_two_readings_part_by_part() -> None:
    one = meter(
        counters(100.0, 60.0, argocd_server=5.0, argocd_repo=2.0, staging_service=1.0, dev_service=9.0, sandbox=0.5),
        # The service in dev is another one by now, and the old one ended with what it had taken since.
        counters(107.0, 65.0, argocd_server=6.5, argocd_repo=2.25, staging_service=1.5, dev_agent=0.75, sandbox=0.5),
    )
    one.begin()
    span = one.span()
    assert span is not None
    assert span["seconds"] == 10.0
    assert span["processor_s"] == {"argocd": 1.75, "services": 0.5, "agents": 0.75, "others": 2.0, "node": 2.0}
    assert sum(span["processor_s"].values()) == 7.0, "the parts are all that the node took"
    assert span["memory_mib"] == {"argocd": 2.0, "services": 1.0, "agents": 1.0, "others": 96.0, "node": 200.0}
    assert span["containers"] == {"argocd": 2, "services": 1, "agents": 1}


def test_no_part_takes_less_than_nothing() -> None:
    one = meter(counters(10.0, 5.0, gitea_gitea=1.0), counters(10.5, 5.5, gitea_gitea=1.9))
    one.begin()
    assert one.span() == {
        "seconds": 10.0,
        "processor_s": {"gitea": 0.9, "others": 0.0, "node": 0.0},
        "memory_mib": {"gitea": 1.0, "others": 99.0, "node": 200.0},
        "containers": {"gitea": 1},
    }


def test_after_a_reading_that_failed_no_span_bridges_the_gap() -> None:
    one = meter(counters(1.0, 1.0), PovError("no answer"), counters(9.0, 9.0), counters(10.0, 9.5))
    one.begin()
    with pytest.raises(PovError):
        one.span()
    assert one.span() is None
    span = one.span()
    assert span is not None
    assert (span["seconds"], span["processor_s"]) == (10.0, {"others": 0.5, "node": 0.5})


def test_no_span_bridges_a_node_that_started_anew() -> None:
    one = meter(
        counters(500.0, 400.0, argocd_server=90.0), counters(8.0, 3.0, argocd_server=1.0),
        counters(12.0, 6.0, argocd_server=2.5),
    )  # fmt: skip
    one.begin()
    assert one.span() is None, "less than nothing was taken, which is no figure"
    span = one.span()
    assert span is not None
    assert span["processor_s"] == {"argocd": 1.5, "others": 1.5, "node": 1.0}
