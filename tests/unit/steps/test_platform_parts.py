"""Trust, TLS secrets, volumes and the Vault server's manifests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.engines.certificates import Trust, details, signed_by
from pov.steps.core import Outcome, Report
from pov.steps.trust import authority as trust
from pov.steps.trust.tls import certificate_of, tls_secret
from pov.steps.vault import server as vault_server
from tests.unit.steps.vault_world import World, make

NAMES = ("gitea.gitea.svc", "gitea")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


class Later:
    def __init__(self, days: int) -> None:
        self.days = days

    def wall(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError


def test_the_trust_step_makes_the_ca_and_then_finds_it(world: World) -> None:
    for path in world.ctx.home.secrets_dir.iterdir():
        path.unlink()
    told: list[str] = []
    run = trust.step().run
    assert run(world.ctx, Report("trust", lambda event: told.append(event.message))) is Outcome.CHANGED
    assert str(world.ctx.trust.ca_path) in told[0]
    assert run(world.ctx, Report("trust", lambda event: None)) is Outcome.UNCHANGED


def test_a_certificate_in_the_cluster_is_used_again(world: World) -> None:
    first = tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)
    assert first["type"] == "kubernetes.io/tls"
    assert base64.b64decode(first["data"]["ca.crt"]).decode() == world.ctx.trust.ca_pem
    world.kube.put(first)
    assert tls_secret(world.ctx, "gitea", "gitea-tls", NAMES) == first
    assert tls_secret(world.ctx, "gitea", "gitea-tls", NAMES, clock=Later(200)) == first


@pytest.mark.parametrize(("names", "days"), [((*NAMES, "more"), 0), (NAMES, 300)])
def test_one_that_covers_too_little_or_grows_old_is_replaced(world: World, names: tuple[str, ...], days: int) -> None:
    first = tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)
    world.kube.put(first)
    second = tls_secret(world.ctx, "gitea", "gitea-tls", names, clock=Later(days))
    assert certificate_of(second) != certificate_of(first)
    assert set(names) <= set(details(certificate_of(second)).names)


def test_one_of_another_ca_or_with_another_key_is_replaced(world: World) -> None:
    first = tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)
    other = tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)
    mixed = {**first, "data": {**first["data"], "tls.key": other["data"]["tls.key"]}}
    world.kube.put(mixed)
    assert certificate_of(tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)) != certificate_of(first)
    world.kube.put(first)
    for path in world.ctx.home.secrets_dir.iterdir():
        path.unlink()
    world.ctx.trust, _ = Trust.ensure(world.ctx.home)
    assert signed_by(certificate_of(tls_secret(world.ctx, "gitea", "gitea-tls", NAMES)), world.ctx.trust.ca_pem)


def test_a_claim_of_the_default_class_needs_nothing(world: World) -> None:
    world.kube.put({"kind": "StorageClass", "metadata": {"name": "standard"}, "provisioner": "rancher.io/local-path"})
    claim = world.ctx.cluster.claim(world.ctx.kube, "gitea", "data", "1Gi")
    assert [manifest["kind"] for manifest in claim.manifests] == ["PersistentVolumeClaim"]
    assert "storageClassName" not in claim.manifests[0]["spec"]
    assert world.containers.ran == []


def test_where_folders_belong_to_root_a_local_volume_of_the_node_takes_their_place(world: World) -> None:
    provisioner = "kubernetes.io/host-path"
    world.kube.put({"kind": "StorageClass", "metadata": {"name": "standard"}, "provisioner": provisioner})
    claim = world.ctx.cluster.claim(world.ctx.kube, "gitea", "data", "1Gi")
    volume, wanted = claim.manifests
    assert volume["spec"]["local"] == {"path": "/var/lib/pov/volumes/gitea-data"}
    assert volume["spec"]["storageClassName"] == wanted["spec"]["storageClassName"]
    assert world.containers.ran == [("pov-demo-control-plane", "mkdir", "-p", "/var/lib/pov/volumes/gitea-data")]
    world.kube.put(volume)
    assert world.ctx.cluster.claim(world.ctx.kube, "gitea", "data", "1Gi").manifests == claim.manifests
    assert len(world.containers.ran) == 1
    world.ctx.cluster.discard(world.ctx.kube, "gitea", "data")
    assert world.kube.get("PersistentVolume", "gitea-data") is None
    assert world.containers.ran[1][1:] == ("rm", "-rf", "/var/lib/pov/volumes/gitea-data")


def manifests(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    made = vault_server.manifests(world.ctx, vault_server.engine(world.ctx))
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in made}


def test_the_server_runs_confined(world: World) -> None:
    pod = manifests(world)["StatefulSet", "vault"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["resources"]["limits"]["memory"]
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"]
        assert not confined["allowPrivilegeEscalation"]
        assert confined["capabilities"] == {"drop": ["ALL"]}


def test_every_path_of_the_configuration_is_mounted(world: World) -> None:
    made = manifests(world)
    text = made["ConfigMap", "vault-config"]["data"]["server.hcl"]
    pod = made["StatefulSet", "vault"]["spec"]["template"]["spec"]
    mounted = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    for path in ("/vault/data", "/vault/tls", "/vault/seal", "/vault/run"):
        assert path in text
        assert path in mounted
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_an_uninitialised_server_is_reached_from_outside_and_by_no_service(world: World) -> None:
    made = manifests(world)
    outside, inside = made["Service", "vault-outside"]["spec"], made["Service", "vault"]["spec"]
    assert outside["publishNotReadyAddresses"]
    assert outside["ports"][0]["nodePort"] == 30820
    assert "publishNotReadyAddresses" not in inside
    assert inside["type"] == "ClusterIP"


def test_manifests_stay_the_same_once_they_are_in_the_cluster(world: World) -> None:
    made = manifests(world)
    for manifest in made.values():
        world.kube.put(manifest)
    assert manifests(world) == made


def test_a_new_certificate_replaces_the_pod(world: World) -> None:
    first = manifests(world)
    world.kube.put(first["Secret", "vault-seal"])
    second = manifests(world)
    assert first["Secret", "vault-seal"] == second["Secret", "vault-seal"]
    changed = "pov.dev/certificate"
    before, after = (m["StatefulSet", "vault"]["spec"]["template"]["metadata"]["annotations"] for m in (first, second))
    assert before[changed] != after[changed]


def test_hashicorp_vault_has_no_seal_key_and_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch, engine="vault")
    made = manifests(world)
    assert ("Secret", "vault-seal") not in made
    container = made["StatefulSet", "vault"]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][0] == "vault"
    assert container["image"] == "hashicorp/vault:1"
    assert 'seal "static"' not in made["ConfigMap", "vault-config"]["data"]["server.hcl"]


def test_an_engine_that_the_bundle_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch, engine="vault")
    images: Any = world.ctx.bundle.images
    del images["vault"]
    with pytest.raises(PovError, match="no image of HashiCorp Vault"):
        vault_server.engine(world.ctx)
