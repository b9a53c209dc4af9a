"""The prober's and the legacy estate's manifests, and that a second run changes nothing."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import NotFound
from pov.engines.certificates import details, signed_by
from pov.engines.legacy_ca import LegacyCa
from pov.steps.core import Outcome, Report
from pov.steps.legacy import estate as legacy
from pov.steps.legacy import ssh as legacy_ssh
from pov.steps.services import prober
from tests.unit.steps.vault_world import World, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = make(tmp_path, monkeypatch)
    found.ctx.bundle.images = {"mock": "pov/mock:1.0.0", "legacy-host": "pov/legacy-host:1.0.0"}  # type: ignore[misc]
    found.ctx.bundle.binaries = {"kubectl": Path("/bin/kubectl")}  # type: ignore[misc]
    found.kube.on_apply = lambda live: None
    return found


def run(world: World, module: Any) -> Outcome:
    outcome: Outcome = module.step().run(world.ctx, Report("x", lambda event: None))
    return outcome


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


@pytest.mark.parametrize("module", [prober, legacy])
def test_a_second_run_changes_nothing(world: World, module: Any) -> None:
    assert run(world, module) is Outcome.CHANGED
    first = module.manifests(world.ctx)
    assert run(world, module) is Outcome.UNCHANGED
    assert module.manifests(world.ctx) == first


def test_the_prober_is_confined(world: World) -> None:
    documents = prober.manifests(world.ctx)
    labels = of_kind(documents, "Namespace")["pov-system"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = of_kind(documents, "Deployment")["prober"]["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in containers)
    assert all(c["imagePullPolicy"] == "IfNotPresent" for c in containers)
    assert pod["automountServiceAccountToken"] is False
    assert of_kind(documents, "Service")["prober"]["spec"]["ports"][0]["port"] == 9443


def test_the_prober_knows_every_estate_and_what_to_show_there(world: World) -> None:
    config = json.loads(of_kind(prober.manifests(world.ctx), "ConfigMap")["prober"]["data"]["prober.json"])
    found = {estate["name"]: estate for estate in config["estates"]}
    assert {name: estate["certs"] for name, estate in found.items()} == {
        "dev": "/certs",
        "staging": "/certs",
        "legacy": "/legacy-certs",
    }
    assert found["legacy"]["edges"] == found["staging"]["edges"]
    assert ["payment-gateway", "checkout-bff"] in found["staging"]["edges"]


def test_the_prober_has_an_identity_in_the_legacy_estate(world: World) -> None:
    secret = of_kind(prober.manifests(world.ctx), "Secret")["prober-legacy-certs"]
    pem = base64.b64decode(secret["data"]["tls.crt"]).decode()
    assert "spiffe://pov.dev/ns/pov-system/sa/prober" in details(pem).names
    assert signed_by(pem, LegacyCa.load(world.ctx.home.secrets_dir).pem)


def test_without_legacy_estate_nothing_of_it_is_there(world: World) -> None:
    bare = world.ctx.scenario.legacy.model_copy(update={"hosts": 0})
    world.ctx.scenario = world.ctx.scenario.model_copy(update={"legacy": bare})
    assert "prober-legacy-certs" not in of_kind(prober.manifests(world.ctx), "Secret")
    assert legacy.hosts_of(world.ctx) == ()


def test_the_token_is_made_once_and_connects(world: World) -> None:
    with pytest.raises(NotFound, match="not there yet"):
        prober.connect(world.ctx)
    run(world, prober)
    token = world.ctx.home.secret(prober.TOKEN)
    assert token is not None
    assert len(token.reveal()) > 30
    prober.connect(world.ctx).close()
    assert token == world.ctx.home.secret(prober.TOKEN)


def test_every_legacy_service_has_an_address_a_port_and_a_certificate(world: World) -> None:
    documents = legacy.manifests(world.ctx)
    (host,) = legacy.hosts_of(world.ctx)
    services = of_kind(documents, "Service")
    staging = next(estate for estate in world.ctx.estates if estate.name == "staging")
    assert set(services) == set(staging.services)
    ports = [services[placed.service]["spec"]["ports"][0] for placed in host.services]
    assert [port["port"] for port in ports] == [8443] * 5
    assert [port["targetPort"] for port in ports] == [8443, 8444, 8445, 8446, 8447]
    keys = of_kind(documents, "Secret")["legacy-1-keys"]["data"]
    pem = base64.b64decode(keys["ledger.crt"]).decode()
    assert {"ledger.legacy.svc", "ledger", "spiffe://pov.dev/ns/legacy/sa/ledger"} == set(details(pem).names)
    lines = of_kind(documents, "ConfigMap")["legacy-1"]["data"]["services"].splitlines()
    assert lines[0] == "payment-gateway 8443 18081"
    layout = of_kind(documents, "ConfigMap")["layout"]["data"]
    assert json.loads(layout["topology.json"])["namespace"] == "legacy"


def test_a_host_starts_anew_for_other_inputs_alone(world: World) -> None:
    def inputs() -> dict[str, str]:
        template = of_kind(legacy.manifests(world.ctx), "StatefulSet")["legacy-1"]["spec"]["template"]
        found: dict[str, str] = template["metadata"]["annotations"]
        return found

    run(world, legacy)
    first = inputs()
    assert inputs() == first
    world.kube.delete("Secret", "legacy-1-keys", "legacy")
    other = inputs()
    assert other["pov.dev/keys"] != first["pov.dev/keys"]
    assert other["pov.dev/layout"] == first["pov.dev/layout"]


def test_no_private_key_is_in_a_config_map_or_a_digest(world: World) -> None:
    run(world, legacy)
    documents = [d for d in legacy.manifests(world.ctx) if d["kind"] != "Secret"]
    assert "PRIVATE KEY" not in json.dumps(documents)


def test_runbooks_reach_each_host_and_check_who_it_is(world: World) -> None:
    with pytest.raises(NotFound, match="legacy-1 is not there yet"):
        legacy_ssh.runbooks(world.ctx)
    run(world, legacy)
    with legacy_ssh.runbooks(world.ctx) as books:
        config = (books.folder / "ssh" / "ssh_config").read_text()
        assert "StrictHostKeyChecking yes" in config
        assert f"--kubeconfig {world.ctx.home.kubeconfig}" in config
        assert "exec --stdin legacy-1-0 -- /usr/sbin/sshd -i -E /var/log/sshd.log -f" in config
        inventory = json.loads((books.folder / "inventory.yml").read_text())["all"]
        assert inventory["vars"]["release_root"] == "/opt/pov"
        placed = inventory["hosts"]["legacy-1"]["host_services"]
        assert placed[0] == {"service": "payment-gateway", "port": 8443, "health_port": 18081}
        known = (books.folder / "ssh" / "known_hosts").read_text()
        assert known.startswith("legacy-1 ssh-ed25519 ")
        modes = {path.name: path.stat().st_mode & 0o777 for path in (books.folder / "ssh").iterdir()}
        assert modes["id"] == 0o600
    assert not books.folder.exists()


def test_the_entrypoint_is_a_shell_script_without_mistakes() -> None:
    script = Path(__file__).parents[3] / "mock_services" / "legacy" / "entrypoint.sh"
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)
