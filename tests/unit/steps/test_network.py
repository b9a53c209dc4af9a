"""kube-proxy before CoreDNS, both as kubeadm declares them but for a share of the processor and eager probes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.config.scenario import load_scenario
from pov.model.events import silent
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.kind.intent import NODE_PORTS, Intent
from pov.steps.plan import bring_up
from tests.fakes.kube import FakeKube
from tests.unit.engines.fake_containers import FakeContainers
from tests.unit.steps.vault_world import make

DECLARED = {
    "kube-proxy": """
kind: ServiceAccount
apiVersion: v1
metadata: {name: kube-proxy, namespace: kube-system}
---
kind: DaemonSet
apiVersion: apps/v1
metadata: {name: kube-proxy, namespace: kube-system}
spec: {template: {spec: {containers: [{name: kube-proxy, image: "proxy:1"}]}}}
""",
    "coredns": """
kind: Deployment
apiVersion: apps/v1
metadata: {name: coredns, namespace: kube-system}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: coredns
          image: dns:1
          livenessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 60}
          readinessProbe: {httpGet: {path: /ready, port: 8181}}
""",
}


class Kubeadm(FakeContainers):
    """A node in which kubeadm prints what it would install."""

    def _answer(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        match arguments:
            case ("exec", "pov-demo-control-plane", "kubeadm", "init", "phase", "addon", name, *rest):
                assert rest == ["--config", "/kind/kubeadm.conf", "--print-manifest"]
                return 0, DECLARED[name]
        return super()._answer(arguments)


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    world = make(tmp_path, monkeypatch)
    cluster: Any = world.ctx.cluster
    vars(cluster.place)["containers"] = Kubeadm()
    bundle: Any = SimpleNamespace(binaries={})
    world.ctx.bundle = bundle
    return world.ctx


def _run(ctx: Context) -> list[Outcome]:
    return [step.run(ctx, Report(step.name, silent)) for step in ctx.cluster.steps()[1:]]


def test_names_come_after_the_way_to_the_api_server(ctx: Any) -> None:
    kube: FakeKube = ctx.kube
    seen: list[tuple[str, list[str]]] = []
    kube.on_apply = lambda live: seen.append((live["kind"], list(kube.waited)))
    assert _run(ctx) == [Outcome.CHANGED, Outcome.CHANGED]
    assert ("Deployment", ["kube-proxy"]) in seen
    assert kube.waited == ["kube-proxy", "coredns"]
    assert _run(ctx) == [Outcome.UNCHANGED, Outcome.UNCHANGED]


def test_one_name_server_whose_readiness_is_seen_at_once(ctx: Any) -> None:
    _run(ctx)
    spec = ctx.kube.get("Deployment", "coredns", "kube-system")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 1
    assert container["startupProbe"]["periodSeconds"] == 1
    assert container["startupProbe"]["httpGet"] == {"path": "/ready", "port": 8181}
    # A startup probe stands before the liveness probe: its delay would only add to it.
    assert "initialDelaySeconds" not in container["livenessProbe"]


def test_kube_proxy_has_a_share_and_tells_when_its_rules_are_there(ctx: Any) -> None:
    _run(ctx)
    spec = ctx.kube.get("DaemonSet", "kube-proxy", "kube-system")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["resources"]["requests"]["cpu"] == "100m"
    assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": 10256}


def test_what_brings_pods_early_comes_after_the_way_and_nothing_waits_for_names(ctx: Any) -> None:
    needs = {step.name: step.needs for step in bring_up(load_scenario("quickstart"), ctx.cluster)}
    assert needs["network"] == ("cluster",)
    assert {name for name in needs if "network" in needs[name]} == {"names", "vault", "git", "legacy"}
    assert not [name for name in needs if "names" in needs[name]]


def test_the_node_is_asked_once_in_the_life_of_a_cluster(ctx: Any) -> None:
    said = ctx.cluster.place.containers.said
    for cluster, asked in (("first", 2), ("first", 2), ("second", 4)):
        Intent(cluster, dict.fromkeys(NODE_PORTS, 40_000), "node:1", made=True).save(ctx.home)
        _run(ctx)
        assert len([argv for argv in said if argv[0] == "exec"]) == asked
    ctx.home.remove()
    assert not (ctx.home.root / "addons").exists()
