"""The copy of Terraform's state that the gate's Jobs see: its serial, the scenario's stages, and no secret."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.terraform_state import beyond, unpacked
from pov.model.events import Event
from pov.steps.gate.names import COPY_STAGES, COPY_STATE
from pov.steps.gate.published import publish, renewed
from pov.steps.landing_zone.asking import requested
from pov.steps.landing_zone.step import KINDS
from tests.unit.engines.fake_kube import FakeApi, over

SECRET = "/api/v1/namespaces/pov-terraform/secrets/tfstate-default-landing-zone"
COPIES = "/api/v1/namespaces/pov-gate/configmaps/"
ALLOWED = {kind.rpartition("/")[2] for kind in KINDS}


def manifest(kind: str = "Namespace", *, marked: tuple[str, ...] = ("yaml_body",), **more: Any) -> dict[str, Any]:
    paths = [[{"type": "get_attr", "value": name}] for name in marked]
    instance = {"attributes": {"kind": kind, "yaml_body": "…"}, "sensitive_attributes": paths}
    return {"mode": "managed", "type": "kubectl_manifest", "name": "one", "instances": [instance], **more}


def state(*resources: dict[str, Any], serial: int = 7, outputs: dict[str, Any] | None = None) -> bytes:
    told = {"version": 4, "lineage": "l", "serial": serial, "resources": list(resources), "outputs": outputs or {}}
    return json.dumps(told).encode()


WITHOUT_A_PATH: dict[str, Any] = {"attributes": {"kind": "Namespace"}, "sensitive_attributes": [[]]}


class Zone:
    """A cluster with a state in it, or without."""

    def __init__(self, folder: Path, scenario: str = "enterprise-scope") -> None:
        self.api, self.told = FakeApi(), list[Event]()
        found = load_scenario(scenario)
        kube, emit = over(self.api, folder), self.told.append
        self.ctx: Any = SimpleNamespace(kube=kube, scenario=found, estates=estates(found), emit=emit)

    def holds(self, content: bytes) -> None:
        value = base64.b64encode(gzip.compress(content)).decode()
        self.api.objects[SECRET] = {"metadata": {"name": "tfstate"}, "data": {"tfstate": value}}

    def publish(self) -> bool:
        return publish(self.ctx)

    @property
    def copies(self) -> dict[str, dict[str, Any]]:
        return {path.removeprefix(COPIES): one for path, one in self.api.objects.items() if path.startswith(COPIES)}


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    return Zone(tmp_path)


def test_the_copy_is_named_by_its_serial_and_the_older_one_goes(zone: Zone) -> None:
    zone.holds(state(manifest()))
    assert zone.publish() is True
    assert zone.publish() is False
    (copy,) = zone.copies.values()
    assert list(zone.copies) == ["gate-state-7"]
    assert copy["metadata"]["labels"]["pov.dev/state-serial"] == "7"
    assert unpacked(base64.b64decode(copy["binaryData"][COPY_STATE])) == state(manifest())
    stages = requested(zone.ctx.scenario, zone.ctx.estates)
    assert json.loads(copy["data"][COPY_STAGES]) == stages
    zone.holds(state(manifest(), serial=8))
    assert zone.publish() is True
    assert list(zone.copies) == ["gate-state-8"]


def test_where_there_is_no_gate_nothing_is_published(tmp_path: Path) -> None:
    zone = Zone(tmp_path, "gitops-35")
    zone.holds(state(manifest()))
    assert zone.publish() is False
    assert zone.copies == {}


def test_without_a_state_there_is_no_copy(zone: Zone) -> None:
    zone.holds(state(manifest()))
    zone.publish()
    del zone.api.objects[SECRET]
    assert zone.publish() is True
    assert zone.copies == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (state(manifest("Secret")), "kubectl_manifest.one is of the kind Secret"),
        (state(manifest(), manifest("ConfigMap")), "kubectl_manifest.one is of the kind ConfigMap"),
        (state(manifest(type="random_password")), "random_password.one is no manifest"),
        (state(manifest(mode="data")), "kubectl_manifest.one is no manifest"),
        (state(manifest(marked=("yaml_body", "name"))), "kubectl_manifest.one has a sensitive name"),
        (state(outputs={"key": {"value": "x", "sensitive": True}}), "the output key is sensitive"),
        (b"no state", "it cannot be read"),
        (state(manifest() | {"instances": [WITHOUT_A_PATH]}), "it cannot be read"),
        (state({"mode": "managed"}), "it cannot be read"),
        (b'{"serial": 7, "lineage": "l", "resources": [3]}', "it cannot be read"),
    ],
)
def test_a_state_that_holds_more_is_not_shown_and_the_copy_goes(content: bytes, why: str, zone: Zone) -> None:
    zone.holds(state(manifest()))
    zone.publish()
    zone.holds(content)
    assert zone.publish() is True
    assert zone.copies == {}
    (event,) = zone.told
    assert event.kind == "warning"
    assert event.message.startswith(f"Terraform's state is not shown to the gate's Jobs: {why}")


def test_one_that_is_too_large_is_not_shown(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pov.steps.gate.published._MOST_BYTES", 10)
    zone.holds(state(manifest()))
    assert zone.publish() is False
    assert zone.copies == {}
    assert "it takes" in zone.told[0].message


def test_manifests_of_the_landing_zone_are_nobodys_secret() -> None:
    kinds = [manifest(kind) for kind in sorted(ALLOWED)]
    always = manifest(marked=("yaml_body", "yaml_incluster", "live_manifest_incluster"))
    told = {"decision": {"value": "within", "sensitive": False}}
    assert beyond(state(*kinds, always, outputs=told), ALLOWED) == ""


def test_after_trials_it_is_renewed_and_what_cannot_be_is_told(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    zone.holds(state(manifest()))
    with pytest.raises(KeyboardInterrupt), renewed(zone.ctx):
        raise KeyboardInterrupt
    assert list(zone.copies) == ["gate-state-7"]

    def fails(_: object) -> bool:
        raise PovError("the cluster does not answer")

    monkeypatch.setattr("pov.steps.gate.published.publish", fails)
    with renewed(zone.ctx):
        pass
    (event,) = zone.told
    assert event.kind == "warning"
    assert event.message == "pull requests are judged on an older state until pov up: the cluster does not answer"
