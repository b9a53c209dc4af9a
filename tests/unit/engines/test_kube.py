"""Sets against the fake API server (the real one runs the same suite as a contract test), and what calls come to."""

from __future__ import annotations

import base64
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound, PovError, Transient
from pov.base.wait import Waiting
from pov.engines.certificates import issue, make_ca
from pov.engines.kube_api import Connection, PortHeld, Refused, _problem, _warnings
from pov.engines.kube_apply import digest, prepared
from tests.unit.engines.fake_kube import FakeApi, over

SPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {"colour": "blue"},
}
WORKLOAD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "till", "namespace": "shop"},
    "spec": {"replicas": 1},
}


def test_an_object_is_made_once_and_stays_as_it_is(tmp_path: Path) -> None:
    api = FakeApi()
    api.answers["POST", "/api/v1/namespaces/shop/configmaps"] = {}
    assert over(api, tmp_path).create(CONFIG) is True
    api.answers["POST", "/api/v1/namespaces/shop/configmaps"] = Transient("the cluster's API answered 409")
    with pytest.raises(Transient):
        over(api, tmp_path).create(CONFIG)
    api.objects["/api/v1/namespaces/shop/configmaps/settings"] = {**CONFIG, "data": {"colour": "red"}}
    assert over(api, tmp_path).create(CONFIG) is False
    assert api.objects["/api/v1/namespaces/shop/configmaps/settings"]["data"] == {"colour": "red"}


def test_namespaces_first_and_workloads_last(tmp_path: Path) -> None:
    api = FakeApi()
    assert over(api, tmp_path).apply([WORKLOAD, CONFIG, SPACE], set_name="shop")
    written = [path.rsplit("/", 1)[1] for method, path in api.calls if method == "PATCH"]
    assert written == [
        "pov-set-shop",
        "shop",
        "settings",
        "till",
    ]


def test_a_second_apply_only_looks(tmp_path: Path) -> None:
    api = FakeApi()
    kube = over(api, tmp_path)
    kube.apply([SPACE, CONFIG], set_name="shop")
    api.calls.clear()
    assert not kube.apply([SPACE, CONFIG], set_name="shop")
    assert {method for method, _ in api.calls} == {"GET"}
    assert len(api.calls) == 3, "the inventory, and one list for each kind and namespace"


def test_a_set_cut_off_halfway_is_finished_and_still_pruned(tmp_path: Path) -> None:
    api = FakeApi()
    api.answers["PATCH", "/apis/apps/v1/namespaces/shop/deployments/till"] = Refused("no", status=403)
    kube = over(api, tmp_path)
    with pytest.raises(PovError):
        kube.apply([SPACE, CONFIG, WORKLOAD], set_name="shop")
    api.answers.clear()
    assert kube.apply([SPACE], set_name="shop")
    assert kube.get("ConfigMap", "settings", "shop") is None


def test_a_node_port_that_is_held_for_no_service_is_waited_for(tmp_path: Path) -> None:
    api = FakeApi()
    api.leaked[30443] = 2
    spec = {"type": "NodePort", "ports": [{"port": 443, "nodePort": 30443}]}
    door = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "door", "namespace": "shop"}, "spec": spec}
    heard: list[Waiting] = []
    # An apply that makes a service keeps its ports, until a repair, if it is cut off; a creation gives them back.
    assert over(api, tmp_path).apply([door], set_name="shop", on_pending=heard.append)
    assert "/api/v1/namespaces/shop/services/door" in api.objects
    [waiting] = heard
    assert waiting.limit_s == 600
    assert "node port of Service door" in waiting.what
    assert "30443" in waiting.state
    made = [method for method, path in api.calls if "/services" in path and method in {"POST", "PATCH"}]
    assert made == ["POST", "POST", "POST", "PATCH", "PATCH"]


def test_a_secrets_digest_knows_names_and_no_values() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "one"}}
    other = {**secret, "stringData": {"a": "two"}}
    assert digest(secret) == digest(other)
    assert digest(secret) != digest({**secret, "stringData": {"b": "one"}})
    full = prepared(secret, "shop")
    assert full["data"] == {"a": "b25l"}
    assert "stringData" not in full
    assert secret["stringData"] == {"a": "one"}, "what was handed in stays as it was"


def test_the_servers_status_becomes_our_error() -> None:
    def told(status: int, text: str = "", method: str = "GET") -> PovError:
        return _problem(method, "/x", status, text, ())

    assert isinstance(told(404), NotFound)
    assert isinstance(told(404, "404 page not found", "PATCH"), Transient)
    for status in (409, 429, 500, 503):
        assert isinstance(told(status), Transient)
    assert isinstance(told(403, "error looking up service account shop/default"), Transient)
    taken = """{"message": "Service \\"git\\" is invalid: spec.ports[0].nodePort: Invalid value: 30300: """
    assert isinstance(told(422, taken + 'provided port is already allocated"}', "PATCH"), PortHeld)
    assert isinstance(told(422, taken + 'rpc error: code = Unavailable desc = error reading"}', "PATCH"), Transient)
    assert isinstance(told(422, taken + 'etcdserver: request timed out"}', "PATCH"), Transient)
    assert isinstance(told(422, '{"message": "Service is invalid: spec.ports: Required value"}', "PATCH"), Refused)
    misfit = told(500, '{"message": "failed to create typed patch object: expected string"}')
    assert isinstance(misfit, Refused)
    refused = told(403, '{"message": "changes come from Git"}')
    assert isinstance(refused, Refused)
    assert refused.message == "changes come from Git"


def test_warnings_are_taken_out_of_their_headers() -> None:
    assert _warnings(['299 - "changes \\"by hand\\""', "odd"]) == ('changes "by hand"', "odd")


def test_what_is_killed_gets_no_time_to_end_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi()
    kube = over(api, tmp_path)
    kube.apply([SPACE, CONFIG], set_name="shop")
    sent: list[Any] = []
    call = api.call

    def heard(method: str, path: str, **more: Any) -> Any:
        sent.extend([more["body"]] if method == "DELETE" else [])
        return call(method, path, **more)

    monkeypatch.setattr(api, "call", heard)
    for kill in (False, True):
        kube.delete("ConfigMap", "settings", "shop", kill=kill)
        kube.apply([SPACE, CONFIG], set_name="shop")
    assert sent == [{"propagationPolicy": "Background"}, {"propagationPolicy": "Background", "gracePeriodSeconds": 0}]


def test_no_kubeconfig_is_told(tmp_path: Path) -> None:
    from pov.engines.kube import Kube

    with pytest.raises(NotFound, match="no kubeconfig"):
        Kube(tmp_path / "missing").version()


def test_a_killed_process_keys_go_with_the_next_connection(tmp_path: Path) -> None:
    pair = issue(make_ca("cluster"), "somebody", ["somebody"])
    data = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in (("client-certificate-data", pair.certificate), ("client-key-data", pair.key.reveal()))
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": data}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    program = (
        "import os, sys; from pathlib import Path; from pov.engines.kube_api import Connection; "
        "Connection(Path(sys.argv[1])).configuration(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(kubeconfig)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "client").iterdir()
    assert {file.read_text() for file in left.iterdir()} == {pair.certificate, pair.key.reveal()}
    held = Path(Connection(kubeconfig).configuration().key_file)
    assert list((tmp_path / "client").iterdir()) == [held.parent]
    assert held.parent != left
    assert stat.S_IMODE(held.parent.stat().st_mode) == 0o700
