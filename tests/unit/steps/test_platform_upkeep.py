"""Parts of the platform are killed, restarted and asked: what is done to the cluster, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError, Transient
from pov.engines.vault import Status
from pov.steps import upkeep
from pov.steps.argocd import watched as argocd
from pov.steps.argocd.manifest import WORKLOADS
from pov.steps.vault import step as vault

AT = datetime(2026, 3, 9, tzinfo=UTC)


class Cluster:
    def __init__(self) -> None:
        self.who = "administrator"
        self.patched: list[tuple[str, str, str, str, Any]] = []
        self.deleted: list[tuple[str, str, bool]] = []
        self.ready = 1

    def as_installer(self) -> Cluster:
        other = Cluster()
        other.who, other.patched = "installer", self.patched
        return other

    def patch(self, kind: str, name: str, namespace: str, patch: Mapping[str, Any]) -> None:
        self.patched.append((self.who, kind, name, namespace, patch["spec"]["template"]["metadata"]["annotations"]))

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        return [{"metadata": {"name": f"{namespace}-{n}"}} for n in range(2)]

    def delete(self, kind: str, name: str, namespace: str, *, kill: bool = False) -> None:
        self.deleted.append((name, namespace, kill))

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        if self.ready < 0:
            return None
        counts = {"updatedReplicas": self.ready, "readyReplicas": self.ready, "availableReplicas": self.ready}
        return {"metadata": {"name": name}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1, **counts}}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def ctx(cluster: Cluster) -> Any:
    return SimpleNamespace(kube=cluster, scenario=SimpleNamespace(engines=SimpleNamespace(vault="openbao")))


def test_a_restart_changes_every_workload_as_whoever_installs_it(ctx: Any, cluster: Cluster) -> None:
    upkeep.restart(ctx, "argocd", AT)
    mark = {"pov.dev/restarted": "2026-03-09T00:00:00.000Z"}
    wanted = [("installer", f"apps/v1/{kind}", n, "argocd", mark) for kind, names in WORKLOADS.items() for n in names]
    assert cluster.patched == wanted
    upkeep.restart(ctx, "vault", AT)
    assert cluster.patched[-1] == ("installer", "apps/v1/StatefulSet", "vault", "vault", mark)


def test_a_kill_gives_no_time_to_end(ctx: Any, cluster: Cluster) -> None:
    upkeep.kill(ctx, "vault")
    assert cluster.deleted == [("vault-0", "vault", True), ("vault-1", "vault", True)]


def test_a_vault_that_persons_open_is_not_touched(ctx: Any, cluster: Cluster) -> None:
    ctx.scenario.engines.vault = "vault"
    for act in (
        lambda: upkeep.kill(ctx, "vault"),
        lambda: upkeep.restart(ctx, "vault", AT),
        lambda: upkeep.comes_back(ctx, "vault"),
    ):
        with pytest.raises(PovError, match="Vault would stay sealed"):
            act()
    assert (cluster.deleted, cluster.patched) == ([], [])


def refuses(error: Exception) -> Any:
    def ask(_ctx: Any) -> None:
        raise error

    return ask


@pytest.mark.parametrize(
    ("ready", "error", "told"),
    [
        (1, None, ""),
        (0, None, "vault: 0 of 1 ready"),
        (-1, None, "vault is not there"),
        (1, Transient("no answer"), "no answer"),
        (1, PovError("it is sealed"), "it is sealed"),
    ],
)
def test_it_serves_once_it_is_rolled_out_and_lets_somebody_in(
    ctx: Any,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    ready: int,
    error: Exception | None,
    told: str,
) -> None:
    cluster.ready = ready
    ask = refuses(error) if error else lambda _ctx: None
    monkeypatch.setattr(upkeep, "PARTS", {"vault": replace(upkeep.PARTS["vault"], ask=ask)})
    assert upkeep.lacking(ctx, "vault") == told


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, ctx: Any) -> dict[str, Any]:
    """What Vault's seal status says; Argo CD says its version."""
    status = {"initialised": True, "sealed": False, "auto_unseal": True, "engine": "OpenBao 2.5.1"}

    def read() -> Any:
        return Status(**status)

    ctx.url = lambda name: f"https://{name}.example"
    monkeypatch.setattr(vault, "reach", lambda ctx: SimpleNamespace(status=read))
    monkeypatch.setattr(argocd, "connect", lambda ctx: SimpleNamespace(version=lambda: "v3.2.1"))
    return status


def test_a_part_says_itself_what_it_is(ctx: Any, told: dict[str, Any]) -> None:
    assert upkeep.says(ctx, "vault") == "OpenBao 2.5.1, open"
    assert upkeep.says(ctx, "argocd") == "Argo CD v3.2.1"


NOT_OPEN = [({"sealed": True}, "sealed"), ({"initialised": False}, "not initialised")]


@pytest.mark.parametrize(("change", "word"), NOT_OPEN)
def test_a_vault_that_is_not_open_is_told_with_where_it_says_so(
    ctx: Any, told: dict[str, Any], change: dict[str, Any], word: str
) -> None:
    told |= change
    with pytest.raises(PovError, match=f"Vault is {word}") as caught:
        upkeep.says(ctx, "vault")
    assert "https://vault.example" in (caught.value.cause or "")
