"""A cluster in which a StatefulSet becomes a pod at once, and a Vault server that lives on its claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.redact import Secret
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.certificates import Trust
from pov.model.events import Event
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.kind.target import KindCluster
from pov.steps.vault import pod as vault_pod
from pov.steps.vault import step as vault
from tests.fakes.cluster import endpoints
from tests.fakes.kube import FakeKube, Key
from tests.fakes.vault import FakeVault, Server


class Containers:
    """Notes what is run in the node."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def exec(self, container: str, *argv: str, **options: Any) -> None:
        self.ran.append((container, *argv))


@dataclass
class World:
    ctx: Context
    kube: FakeKube
    server: Server
    containers: Containers
    events: list[Event] = field(default_factory=list)

    def up(self) -> Outcome:
        return vault.step().run(self.ctx, Report("vault", self.events.append))

    @property
    def mark(self) -> str:
        claim = self.kube.get("PersistentVolumeClaim", "vault-data", "vault")
        assert claim is not None
        return str(claim["metadata"].get("annotations", {}).get(vault.MARK, ""))

    def pod(self, **status: Any) -> None:
        """Put the pod that the StatefulSet asks for."""
        self.kube.put(pod(**status))


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, engine: str = "openbao") -> World:
    scenario = load_scenario("quickstart")
    if engine != "openbao":
        scenario = scenario.model_copy(update={"engines": scenario.engines.model_copy(update={"vault": engine})})
    kube, server, containers = FakeKube(), Server(auto_unseal=engine == "openbao"), Containers()
    bundle: Any = SimpleNamespace(images={"openbao": "openbao:1", "vault": "hashicorp/vault:1"})
    any_kube: Any = kube
    home = Home(tmp_path / "demo")
    cluster = KindCluster(home, "demo")
    vars(cluster.place)["containers"] = containers
    topology: Any = None
    ctx = Context(
        name="demo",
        scenario=scenario,
        engagement=None,
        home=home,
        cluster=cluster,
        topology=topology,
        estates=estates(scenario),
        emit=lambda event: None,
        endpoints=endpoints("demo"),
    )
    ctx.kube, ctx.bundle = any_kube, bundle
    ctx.trust, _ = Trust.ensure(ctx.home)
    world = World(ctx, kube, server, containers)

    play_cluster(kube, server)
    play_engine(monkeypatch, server)
    return world


def play_cluster(kube: FakeKube, server: Server) -> None:
    """A StatefulSet becomes a pod at once, and with its claim the server loses all it had."""

    def applied(live: dict[str, Any]) -> None:
        if live["kind"] == "StatefulSet":
            live["metadata"]["generation"] = 1
            live["status"] = {"observedGeneration": 1, "updateRevision": "1"}
            kube.put(pod())

    def deleted(key: Key) -> None:
        if key[0] == "StatefulSet":
            kube.delete("Pod", "vault-0", "vault")
        if key[0] == "PersistentVolumeClaim":
            server.wipe()

    kube.on_apply, kube.on_delete, kube.token = applied, deleted, server.account


def pod(**status: Any) -> dict[str, Any]:
    """The pod that the StatefulSet asks for."""
    metadata = {"name": "vault-0", "namespace": "vault", "labels": {"controller-revision-hash": "1"}}
    spec: dict[str, Any] = {"containers": []}
    return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running", **status}}


def play_engine(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Have the step meet this server."""
    monkeypatch.setattr(vault, "Vault", lambda url, ca, token=None: FakeVault(server, token))
    monkeypatch.setattr(vault, "_POLL_S", 0.001)
    monkeypatch.setattr(vault_pod, "_POLL_S", 0.001)


def lines(secret: Secret | None) -> list[str]:
    return secret.reveal().splitlines() if secret else []
