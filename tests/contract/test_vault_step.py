"""The Vault step against a real API server and a real OpenBao; kubelet and controllers are played."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.redact import Secret
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.kube import Kube
from pov.model.events import silent
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.vault import server as vault_server
from pov.steps.vault import step as vault
from tests.contract.apiserver import control_plane
from tests.contract.openbao import Bao, Cluster, cluster
from tests.fakes.cluster import FakeCluster

pytestmark = pytest.mark.contract
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def ctx(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    work = tmp_path_factory.mktemp("bao")
    bao = Bao(work)
    bao.start()
    try:
        scenario = load_scenario("gitops-35")
        bundle: Any = SimpleNamespace(images={"openbao": "openbao:1"})
        nothing: Any = None
        home = Home(work / "home")
        made = Context(
            name="contract",
            scenario=scenario,
            engagement=None,
            home=home,
            cluster=FakeCluster(home, "demo"),
            topology=nothing,
            estates=estates(scenario),
            emit=silent,
            endpoints={"vault": bao.url},
        )
        made.kube, made.trust, made.bundle = kube, bao.trust, bundle
        yield made
    finally:
        bao.stop()


def play_the_cluster(ctx: Context) -> dict[str, Any]:
    """What controllers would do: a pod for the StatefulSet, and its status. Returns the pod as it was admitted."""
    api = ctx.kube._api
    found = ctx.kube.get("apps/v1/StatefulSet", "vault", "vault")
    assert found is not None
    template = found["spec"]["template"]
    status = {
        "observedGeneration": found["metadata"]["generation"],
        **dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas"), 1),
        **dict.fromkeys(("currentRevision", "updateRevision"), "one"),
    }
    place = "/apis/apps/v1/namespaces/vault/statefulsets/vault/status"
    api.call("PATCH", place, body={"status": status}, content_type=MERGE)
    labels = {**template["metadata"]["labels"], "controller-revision-hash": "one"}
    pod = {"metadata": {"name": "vault-0", "namespace": "vault", "labels": labels}, "spec": template["spec"]}
    api.call("POST", "/api/v1/namespaces/vault/pods", body={"apiVersion": "v1", "kind": "Pod", **pod})
    place = "/api/v1/namespaces/vault/pods/vault-0/status"
    admitted: dict[str, Any] = api.call("PATCH", place, body={"status": {"phase": "Running"}}, content_type=MERGE).body
    return admitted


def test_the_cluster_admits_the_manifests_under_the_restricted_profile(ctx: Context) -> None:
    made = vault_server.manifests(ctx, vault_server.engine(ctx))
    assert ctx.kube.apply(made, set_name=vault_server.SET)
    assert play_the_cluster(ctx)["status"]["phase"] == "Running"
    # Read back from the cluster, everything is as it was: certificate, seal key, claim.
    assert not ctx.kube.apply(vault_server.manifests(ctx, vault_server.engine(ctx)), set_name=vault_server.SET)
    assert not ctx.kube.can_i_dry_run(privileged())[0]


def privileged() -> dict[str, Any]:
    container = {"name": "any", "image": "any", "securityContext": {"privileged": True}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "any", "namespace": "vault"},
        "spec": {"containers": [container]},
    }


def test_it_is_set_up_once_and_found_set_up(ctx: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with cluster(tmp_path) as api:
        outside(ctx, api, monkeypatch)
        run = vault.step().run
        told: list[str] = []
        assert run(ctx, Report("vault", lambda event: told.append(event.message))) is Outcome.CHANGED
        assert "initialising" in told
        claim = ctx.kube.get("v1/PersistentVolumeClaim", vault_server.CLAIM, "vault")
        assert claim is not None
        assert claim["metadata"]["annotations"][vault.MARK] == "completed"
        assert ctx.home.secret(vault.ROOT_TOKEN) is None
        told.clear()
        assert run(ctx, Report("vault", lambda event: told.append(event.message))) is Outcome.UNCHANGED
        assert "initialising" not in told
        # The mark is not part of the manifest: applying it again leaves it there.
        assert vault.connect(ctx).engine().startswith("OpenBao ")


def outside(ctx: Context, api: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server runs outside of the cluster: it is told where tokens are reviewed, and by whose leave."""

    def token(account: str, namespace: str, *, audience: str, ttl_s: int = 600) -> Secret:
        return api.account(namespace, account, audience)

    real = vault.converge

    def converge(server: Any, wishes: Any, **options: Any) -> bool:
        if "kubernetes/" not in (server.read("sys/auth") or {}):
            server.write("sys/auth/kubernetes", {"type": "kubernetes"})
            reviewer = api.account("vault", "vault").reveal()
            config = {"kubernetes_host": api.url, "kubernetes_ca_cert": api.ca_pem, "token_reviewer_jwt": reviewer}
            server.write("auth/kubernetes/config", config)
        return real(server, dataclasses.replace(wishes, kubernetes_host=api.url), **options)

    monkeypatch.setattr(ctx.kube, "create_token", token)
    monkeypatch.setattr(vault, "converge", converge)
