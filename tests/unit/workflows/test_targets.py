"""A target is one file and one line: an environment comes up on it by the plan, is looked at and removed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from pov.base.errors import InvalidInput, NotFound
from pov.base.paths import data
from pov.engines.certificates import details
from pov.steps.cluster import ENDPOINTS
from pov.steps.git.overlay import AGENT_IMAGE
from pov.workflows import down, status
from pov.workflows import open as pages
from pov.workflows.environment import attach
from pov.workflows.record import versions
from tests.fakes.cluster import endpoints
from tests.fakes.vault import FakeVault, Server
from tests.unit.workflows.whole_world import TARGET, World, make, overlay_images, service_types


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def test_an_environment_comes_up_on_it_by_the_plan_and_a_second_up_finds_nothing_to_do(world: World) -> None:
    result = world.up(scenario="quickstart")
    assert result.changed
    assert result.addresses == endpoints("quickstart")
    assert {step.name for step in result.steps} > {"cluster", "network", "vault", "git", "argocd", "legacy", "verify"}
    exposed = {"vault-outside", "gitea", "argocd-server", "prober"}
    assert service_types(world.kube("quickstart")) == dict.fromkeys(exposed, "LoadBalancer")
    again = world.up(scenario="quickstart")
    assert [step.name for step in again.steps if step.outcome.value == "changed"] == []


def test_its_certificates_are_for_the_names_that_it_gave(world: World) -> None:
    world.up(scenario="quickstart")
    for namespace, name in (("gitea", "gitea-tls"), ("argocd", "argocd-server-tls"), ("vault", "vault-tls")):
        held = world.kube("quickstart").secret(name, namespace)
        assert held is not None
        said = set(details(held["tls.crt"].decode()).names)
        assert {urlsplit(url).hostname for url in endpoints("quickstart").values()} <= said


def test_a_run_on_it_records_what_it_is_made_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.up(scenario="quickstart")
    monkeypatch.setattr("pov.workflows.record.Vault", lambda *_: FakeVault(Server()))
    told = versions(attach(world.root, "quickstart", world.events.append))
    assert told["cluster in memory"] == "1"
    assert not {"kind", "container engine"} & told.keys()


def test_what_open_tells_logs_in_to_vault_by_the_role_of_its_layout_and_shows_no_token(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.up(scenario="quickstart")
    monkeypatch.setattr("pov.workflows.open.shutil.which", lambda _: "/usr/bin/kubectl")
    (page,) = pages.run(pages.OpenOptions(world.root, what="vault", browser=False), world.events.append).pages
    programs, token = tmp_path / "programs", "abc.DEF_1-2.ghi"
    programs.mkdir()
    for name, does in (("kubectl", f"echo {token}"), ("curl", f"cat > {programs}/body")):
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {programs}/{name}.argv\n{does}\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", page.command], check=True, env=environment, timeout=30)
    asked = (programs / "kubectl.argv").read_text().split()
    called = (programs / "curl.argv").read_text()
    settings = YAML(typ="safe").load(data("vault", "layout.yaml"))["settings"]
    role = settings[f"auth/kubernetes/role/{asked[4]}"]
    assert asked[:2] == ["--kubeconfig", str(world.root / ".pov" / "quickstart" / "kubeconfig")]
    assert asked[2:5] == ["create", "token", role["bound_service_account_names"][0]]
    assert asked[asked.index("--namespace") + 1] in role["bound_service_account_namespaces"]
    assert asked[asked.index("--audience") + 1] == role["audience"]
    assert json.loads((programs / "body").read_text()) == {"role": asked[4], "jwt": token}
    assert token not in called
    assert called.split()[-1] == endpoints("quickstart")["vault"] + "/v1/auth/kubernetes/login"
    assert "--noproxy\n*\n" in called, "the page is on this machine, whatever proxy its user has"


def test_without_a_kubectl_on_the_path_the_bundles_own_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.up(scenario="quickstart")
    monkeypatch.setattr("pov.workflows.open.shutil.which", lambda _: None)

    def told() -> str:
        options = pages.OpenOptions(world.root, what="vault", browser=False)
        return pages.run(options, world.events.append).pages[0].command.split()[0]

    bundle = attach(world.root, "quickstart", world.events.append).bundle
    monkeypatch.setitem(cast("dict[str, Path]", bundle.binaries), "kubectl", Path("/bundle/kubectl"))
    monkeypatch.setattr("pov.bundle.current", lambda: bundle)
    assert told() == "/bundle/kubectl"
    monkeypatch.setattr("pov.bundle.current", lambda: None)
    assert told() == "kubectl"


def test_it_is_looked_at_and_taken_down_when_the_bundle_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.up(scenario="quickstart")
    monkeypatch.setattr("pov.bundle.current", lambda: None)
    seen = status.run(status.StatusOptions(world.root), world.events.append)
    assert seen.problems == ()
    assert seen.addresses == endpoints("quickstart")
    assert {app["name"] for app in seen.applications} == {"dev", "staging"}
    assert seen.engines["kubernetes"] == "v1.37.2"
    shown = pages.run(pages.OpenOptions(world.root), world.events.append).pages
    assert {page.what: urlsplit(page.url).hostname for page in shown}["gitea"] == "gitea.quickstart.example"
    assert "no web page" in next(page.note for page in shown if page.what == "argocd")
    context = attach(world.root, None, world.events.append)
    with pytest.raises(NotFound, match="no bundle") as refusal:
        context.binaries  # noqa: B018 - asking is the point
    assert refusal.value.fix == "pov bundle build"
    assert down.run(down.DownOptions(world.root), world.events.append).removed[0] == "cluster quickstart"
    with pytest.raises(NotFound):
        attach(world.root, None, world.events.append)


def test_what_runs_is_read_from_the_pods(world: World) -> None:
    world.up(scenario="quickstart")
    pods = {"argocd-server": "quay.io/argoproj/argocd:v3.4@sha256:ab", "a": "localhost/pov/mock:1", "b": "x/mock:2"}
    for name, image in pods.items():
        spec = {"containers": [{"name": "main", "image": image}]}
        world.kube("quickstart").put({"kind": "Pod", "metadata": {"name": name, "namespace": "n"}, "spec": spec})
    seen = status.run(status.StatusOptions(world.root), world.events.append)
    assert seen.engines["argocd"] == "quay.io/argoproj/argocd:v3.4@sha256:ab"
    assert seen.engines["mock"] == "localhost/pov/mock:1, x/mock:2"


def test_a_target_that_there_is_not_is_refused_with_those_that_there_are(world: World) -> None:
    with pytest.raises(InvalidInput) as refusal:
        world.up(scenario="quickstart", target="mars")
    assert f"kind, {TARGET}" in str(refusal.value.problems[0].fix)
    assert len(ENDPOINTS) == 4
    assert not list(world.root.iterdir())


def test_another_number_of_services_is_brought_up_and_kept_from_then_on(world: World) -> None:
    def running() -> set[str]:
        seen = status.run(status.StatusOptions(world.root), world.events.append)
        return {service.name for service in seen.services if service.estate == "staging"}

    world.up(name="x", scenario="quickstart", services=4)
    assert len(running()) == 4
    for asked, wanted in (({}, 4), ({"services": 6}, 6), ({"scenario": "quickstart"}, 6), ({"target": None}, 6)):
        world.up(name="x", **asked)
        assert len(running()) == wanted
        assert len([name for name in overlay_images(world) if name != AGENT_IMAGE]) == wanted
