"""What a stage has in all, on a real API server: its quota refuses the sum, its limits a container, the gate tells it.

The policies see one object at a time: whatever is asked for here fits a stage by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pov.base.files import write_atomic
from pov.base.wait import Pending, wait_for
from pov.cli.main import main
from pov.engines.kube_api import Refused
from pov.state.home import Home
from pov.steps.core import Outcome
from pov.steps.landing_zone.deal import keep
from tests.contract.landing_zone import CONTROLLER, GITOPS, TERRAFORM, Zone, impersonating, on_control_plane
from tests.contract.sizes import bare_pod, claim, pod_spec, workload
from tests.contract.test_applying import deal_of
from tests.contract.ways_in import CORE, MERGE, named

# The gate's program is compiled where no command has asked for it yet: minutes, on a busy machine.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]

STAGE = "{prod: {cpu: 2, memoryGib: 5, pods: 2, services: 1, storageGib: 10}}"
PODS, CLAIMS, SERVICES = (f"{CORE}/prod/{kind}" for kind in ("pods", "persistentvolumeclaims", "services"))
QUOTA = f"{CORE}/prod/resourcequotas/landing-zone"
EXCEEDED = "exceeded quota: landing-zone, requested: "


def service(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "more"},
        "spec": {"ports": [{"port": 1}], **spec},
    }


TAKEN = (
    # What runs in the stage: all of its pods and services, and most of the rest.
    (PODS, named(bare_pod(pod_spec(requests={"cpu": "1500m"}, limits={"memory": "4Gi"})), "large")),
    (PODS, named(bare_pod(pod_spec()), "plain")),
    (SERVICES, named(service(), "first")),
    (CLAIMS, named(claim("6Gi"), "first")),
)


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    """Where a deal has `prod` with the figures of `STAGE`, and `TAKEN` lies in it."""
    root = tmp_path_factory.mktemp("bounds")
    with on_control_plane(root, "quickstart") as zone:
        zone.ctx.deal = keep(zone.ctx.home, deal_of(root / "deal", STAGE))
        assert zone.run() is Outcome.CHANGED
        wait_for("the quota to be in force", lambda: _in_force(zone), timeout_s=60, interval_s=0.1)
        for path, body in TAKEN:
            wait_for(f"{body['metadata']['name']} to be taken", lambda: _made(zone, path, body), timeout_s=60)  # noqa: B023
        yield zone


def _in_force(zone: Zone) -> bool | Pending:
    """Once the server counts. It compares with the status, which a controller copies from the spec: by hand without."""
    quota = zone.kube.get("ResourceQuota", "landing-zone", "prod")
    assert quota is not None
    if not quota.get("status", {}).get("hard"):
        hard = quota["spec"]["hard"]
        status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        headers = impersonating(TERRAFORM)
        zone.kube._api.call("PATCH", f"{QUOTA}/status", body=status, content_type=MERGE, headers=headers)
    allowed, said = zone.ask(GITOPS, "POST", SERVICES, service(type="NodePort"))
    return True if EXCEEDED in said else Pending(said or f"allowed: {allowed}")


def _made(zone: Zone, path: str, body: dict[str, Any]) -> bool | Pending:
    """Made for real, as Argo CD; a namespace whose account is still to come takes no pods."""
    try:
        zone.kube._api.call("POST", path, body=body, headers=impersonating(GITOPS))
    except Refused as refusal:
        return Pending(refusal.message)
    return True


# What is asked for, and the figures that are exceeded by it, each against what is used and what there is.
BEYOND: dict[str, tuple[str, dict[str, Any], dict[str, tuple[str, str, str]]]] = {
    "a pod more": (PODS, bare_pod(pod_spec()), {"pods": ("1", "2", "2")}),
    "cores": (
        PODS,
        bare_pod(pod_spec(requests={"cpu": "600m"})),
        {"pods": ("1", "2", "2"), "requests.cpu": ("600m", "1505m", "2")},
    ),
    "memory, by request and limit": (
        PODS,
        bare_pod(pod_spec(limits={"memory": "1Gi"})),
        {
            "limits.memory": ("1Gi", "4160Mi", "5Gi"),
            "pods": ("1", "2", "2"),
            "requests.memory": ("1Gi", "4112Mi", "5Gi"),
        },
    ),
    "storage": (CLAIMS, claim("5Gi"), {"requests.storage": ("5Gi", "6Gi", "10Gi")}),
    "a service more": (SERVICES, service(), {"services": ("1", "1", "1")}),
    "a port of the node": (
        SERVICES,
        service(type="NodePort"),
        {"services": ("1", "1", "1"), "services.nodeports": ("1", "0", "0")},
    ),
    "a load balancer": (
        SERVICES,
        service(type="LoadBalancer", allocateLoadBalancerNodePorts=False),
        {"services": ("1", "1", "1"), "services.loadbalancers": ("1", "0", "0")},
    ),
}


@pytest.mark.parametrize("what", BEYOND)
def test_the_sum_of_a_stage_is_refused_by_its_quota_to_everybody(zone: Zone, what: str) -> None:
    path, body, exceeded = BEYOND[what]
    asked, used, limited = (",".join(f"{name}={figures[at]}" for name, figures in exceeded.items()) for at in range(3))
    for who in (GITOPS, CONTROLLER):
        allowed, said = zone.ask(who, "POST", path, body)
        assert not allowed, who
        assert f"{EXCEEDED}{asked}, used: {used}, limited: {limited}" in said, who


def test_what_is_left_of_a_stage_is_not_refused(zone: Zone) -> None:
    allowed, said = zone.ask(GITOPS, "POST", CLAIMS, claim("4Gi"))
    assert allowed, said


@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_a_container_above_the_limits_is_refused(zone: Zone, place: str) -> None:
    spec = pod_spec(init="5m")
    spec[place][0]["resources"] = {"limits": {"memory": "4097Mi"}}
    allowed, said = zone.ask(GITOPS, "POST", PODS, bare_pod(spec))
    assert not allowed
    assert "maximum memory usage per Container is 4Gi, but limit is 4097Mi" in said


def test_a_container_that_asks_for_nothing_is_given_what_the_limits_say(zone: Zone) -> None:
    """So that it counts."""
    pod = zone.kube.get("Pod", "plain", "prod")
    assert pod is not None
    (container,) = pod["spec"]["containers"]
    assert container["resources"] == {"limits": {"memory": "64Mi"}, "requests": {"cpu": "5m", "memory": "16Mi"}}


def test_the_gate_tells_what_the_cluster_would_not_take(
    zone: Zone, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pov gate --manifests` in the engagement folder of an environment that runs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder, manifests = tmp_path / "acme", tmp_path / "rendered"
    manifests.mkdir()
    assert main(["init", str(folder), "--scenario", "quickstart"]) == 0
    with (folder / "engagement.yaml").open("a") as file:
        file.write("scope: {users: 50000}\n")
    home = Home(folder / ".pov" / "here")
    write_atomic(home.kubeconfig, zone.kube.kubeconfig.read_bytes())
    assert zone.ctx.deal is not None
    keep(home, zone.ctx.deal)
    (tmp_path / "signers").touch()
    fits = workload("Deployment", pod_spec(), replicas=2)
    fits["metadata"]["namespace"] = "prod"
    (manifests / "fits.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(fits))))
    gate = [*("--engagement", str(folder), "--name", "here", "gate"), *("--signers", str(tmp_path / "signers"))]
    gate += ["--manifests", str(manifests)]
    capsys.readouterr()
    assert main(gate) == 0
    passed = capsys.readouterr().out.splitlines()
    assert passed[-1].startswith("passed: 0 to create, ")
    left = [line for line in passed if line.startswith(("not checked", "refused"))]
    assert [line.partition(" (")[0] for line in left] == [
        "not checked: capacity over other deals: no register of their approvals is at hand",
        "not checked: records: no branch that it would go into is named",
    ]

    large = workload("Deployment", pod_spec(requests={"cpu": "65"}))
    large["metadata"] = {"name": "large", "namespace": "prod"}
    more = service()
    more["metadata"]["namespace"] = "prod"
    (manifests / "too-much.yaml").write_text(yaml.safe_dump_all(json.loads(json.dumps([large, more]))))
    assert main(gate) == 4
    refused = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refused: ")]
    assert len(refused) == 2
    assert refused[0].startswith("refused: Deployment large in prod: ")
    assert "Refused by the guardrail. 65 CPU cores are asked for" in refused[0]
    assert refused[1].startswith("refused: Service more in prod: ")
    assert f"{EXCEEDED}services=1" in refused[1]
    for line in refused:
        assert line.endswith(
            "limit: the admission policies of here; passes with: what it says; may approve: platform team"
        )

    assert main([*gate, "--json"]) == 4
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert len(checks["admission"]["refusals"]) == 2
