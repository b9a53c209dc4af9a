"""Sets, looks and refusals against a real API server; the unit tests' fake is held to the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError
from pov.engines.kube import Kube
from tests.contract.apiserver import control_plane
from tests.unit.engines.fake_kube import FakeApi, over

pytestmark = pytest.mark.contract

SPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {"colour": "blue", "empty": ""},
}
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "door", "namespace": "shop"},
    "stringData": {"code": "1234"},
}
WORKLOAD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "till", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "till"}},
        "template": {
            "metadata": {"labels": {"app": "till"}},
            "spec": {
                "containers": [
                    {
                        "name": "till",
                        "image": "till:1",
                        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
                        "securityContext": {"allowPrivilegeEscalation": False},
                    }
                ],
                "volumes": [{"name": "scratch", "emptyDir": {}}],
            },
        },
    },
}
ALL = [SPACE, CONFIG, SECRET, WORKLOAD]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as kube:
        yield kube


@pytest.fixture(params=["real", "fake"])
def kube(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kube]:
    kube = request.getfixturevalue("real") if request.param == "real" else over(FakeApi(), tmp_path)
    kube.apply(ALL, set_name="shop")
    yield kube
    kube.apply([SPACE], set_name="shop")


def test_a_second_apply_changes_nothing(kube: Kube) -> None:
    assert not kube.apply(ALL, set_name="shop")


def test_a_changed_manifest_is_applied(kube: Kube) -> None:
    changed = {**CONFIG, "data": {"colour": "red"}}
    assert kube.apply([SPACE, changed, SECRET, WORKLOAD], set_name="shop")
    found = kube.get("ConfigMap", "settings", "shop")
    assert found is not None
    assert found["data"] == {"colour": "red"}


def test_a_change_by_hand_is_repaired(kube: Kube) -> None:
    kube.patch("ConfigMap", "settings", "shop", {"data": {"colour": "green"}})
    assert kube.apply(ALL, set_name="shop")
    assert (kube.get("ConfigMap", "settings", "shop") or {})["data"]["colour"] == "blue"
    kube.delete("Secret", "door", "shop")
    assert kube.apply(ALL, set_name="shop")
    assert kube.secret("door", "shop") == {"code": b"1234"}


def test_a_secret_changed_by_hand_is_repaired(kube: Kube) -> None:
    kube.patch("Secret", "door", "shop", {"data": {"code": "eg=="}})
    assert kube.apply(ALL, set_name="shop")
    assert kube.secret("door", "shop") == {"code": b"1234"}


def test_what_is_no_longer_in_the_set_goes(kube: Kube) -> None:
    kube.apply([{**CONFIG, "metadata": {"name": "other", "namespace": "shop"}}], set_name="another")
    assert kube.apply([SPACE, SECRET], set_name="shop")
    assert kube.get("ConfigMap", "settings", "shop") is None
    assert kube.get("Deployment", "till", "shop") is None
    assert kube.get("ConfigMap", "other", "shop") is not None
    assert not kube.apply([SPACE, SECRET], set_name="shop")


def service(name: str, *node_ports: int) -> dict[str, Any]:
    ports = [{"name": f"n{number}", "port": number, "nodePort": number} for number in node_ports]
    spec = {"type": "NodePort", "selector": {"app": "till"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def test_what_a_service_with_node_ports_loses_goes(kube: Kube) -> None:
    assert kube.apply([service("door", 30444, 30445)], set_name="doors")
    assert not kube.apply([service("door", 30444, 30445)], set_name="doors")
    kube.apply([service("door", 30445)], set_name="doors")
    live = kube.get("Service", "door", "shop")
    assert live is not None
    assert [port["nodePort"] for port in live["spec"]["ports"]] == [30445]
    assert kube.apply([], set_name="doors")
    assert kube.get("Service", "door", "shop") is None


def test_a_node_port_of_another_service_is_told_at_once(kube: Kube) -> None:
    kube.apply([service("first", 30444)], set_name="doors")
    with pytest.raises(PovError, match="needs node port 30444, which Service first of namespace shop has"):
        kube.apply([service("second", 30444)], set_name="more-doors")
    kube.apply([], set_name="doors")
    assert kube.apply([service("second", 30444)], set_name="more-doors")
    kube.apply([], set_name="more-doors")


def test_looks(kube: Kube) -> None:
    assert [item["metadata"]["name"] for item in kube.list("Secret", "shop", labels="pov.dev/set=shop")] == ["door"]
    assert kube.list("Deployment", "shop")[0]["kind"] == "Deployment"
    assert kube.get("apps/v1/Deployment", "till", "shop") is not None
    assert kube.get("ConfigMap", "nothing", "shop") is None
    assert kube.secret("nothing", "shop") is None
    assert kube.list("Unheard", "shop") == []
    with pytest.raises(NotFound):
        kube.patch("ConfigMap", "nothing", "shop", {"data": {}})
    assert not kube.delete("ConfigMap", "nothing", "shop")
    assert kube.delete("ConfigMap", "settings", "shop", wait_s=5)


def test_the_hash_of_a_secret_tells_nothing(kube: Kube) -> None:
    before = kube.get("Secret", "door", "shop")
    kube.apply([SPACE, CONFIG, {**SECRET, "stringData": {"code": "9999"}}, WORKLOAD], set_name="shop")
    after = kube.get("Secret", "door", "shop")
    assert kube.secret("door", "shop") == {"code": b"9999"}
    assert before is not None
    assert after is not None
    assert before["metadata"]["annotations"] == after["metadata"]["annotations"]


def test_definitions_come_before_their_objects(real: Kube) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "drinks.bar.dev"},
        "spec": {
            "group": "bar.dev",
            "scope": "Namespaced",
            "names": {"plural": "drinks", "kind": "Drink"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    drink = {
        "apiVersion": "bar.dev/v1",
        "kind": "Drink",
        "metadata": {"name": "tea", "namespace": "default"},
        "spec": {},
    }
    assert real.apply([drink, definition], set_name="bar")
    assert real.get("Drink", "tea", "default") is not None
    assert not real.apply([drink, definition], set_name="bar")
    assert real.apply([], set_name="bar")
    assert real.list("Drink", "default") == []
    assert real.apply([drink, definition], set_name="bar"), "the same again after its definition was gone"


def test_a_misfit_is_refused_with_the_servers_words(real: Kube) -> None:
    real.apply([SPACE], set_name="shop")
    with pytest.raises(PovError, match="expected string"):
        real.apply([SPACE, {**CONFIG, "data": {"colour": {}}}], set_name="shop")


def test_dry_runs_in_anothers_name(real: Kube) -> None:
    real.apply([SPACE], set_name="shop")
    allowed, said, _ = real.can_i_dry_run(CONFIG, as_user="somebody")
    assert not allowed
    assert "forbidden" in said
    allowed, said, _ = real.can_i_dry_run(CONFIG, as_user="somebody", as_groups=("system:masters",))
    assert allowed, said
    assert real.get("ConfigMap", "settings", "shop") is None


def test_tokens_and_versions(real: Kube) -> None:
    real.apply([SPACE], set_name="shop")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "clerk", "namespace": "shop"}}
    real.apply([SPACE, account], set_name="shop")
    token = real.create_token("clerk", "shop", audience="vault")
    assert token.reveal().count(".") == 2
    assert str(token) == "***"
    assert real.version().startswith("v1.")
    host, authority = real.endpoint()
    assert host.startswith("https://127.0.0.1:")
    assert authority.startswith("-----BEGIN CERTIFICATE-----")


def test_company_variables_are_ignored(real: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nonexistent.pem")
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert Kube(real.kubeconfig).version().startswith("v1.")
