"""The configuration repository's files, as texts and as what they mean to a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.config.estates import Estate, estates
from pov.config.scenario import Scenario, load_scenario
from pov.config.topology import generate
from pov.config.weights import cpu_requests
from pov.model.topology import Service
from pov.steps import templates
from pov.steps.git import content as repository
from pov.steps.git import overlay
from pov.steps.git.overlay import Kept
from pov.steps.templates import document, documents
from tests.e2e import netpol
from tests.unit.steps.restricted import violations

MOCK = "localhost/pov/mock:1.0.0-abc"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def scenario(name: str = "gitops-35") -> Scenario:
    return load_scenario(name)


def render(what: Scenario, kept: Mapping[str, Kept] | None = None, image: str = MOCK) -> dict[str, str]:
    topology = generate(what.services.seed, what.services.count)
    return repository.files(topology, estates(what), what, image, ca_pem=CA, kept=kept)


def gitops(what: Scenario) -> list[Estate]:
    return [estate for estate in estates(what) if estate.kind == "gitops"]


@pytest.mark.parametrize("name", ["gitops-35", "quickstart"])
def test_the_same_scenario_gives_the_same_files_and_each_is_yaml(name: str) -> None:
    files = render(scenario(name))
    assert files == render(scenario(name))
    for path, text in files.items():
        if path.endswith(".yaml"):
            assert documents(text), path
        assert text.endswith("\n"), path
        assert "$" not in text.replace("$(NAMESPACE)", ""), f"a placeholder is left in {path}"


def test_a_base_for_every_service_that_runs_somewhere_and_an_overlay_for_every_environment() -> None:
    what = scenario()
    files = render(what)
    bases = {path.split("/")[1] for path in files if path.startswith("services/")}
    assert bases == {name for estate in gitops(what) for name in estate.services}
    assert {path.split("/")[1] for path in files if path.startswith("stages/")} == {"dev", "staging", "prod"}
    for estate in gitops(what):
        kustomization = document(files[f"stages/{estate.name}/kustomization.yaml"])
        assert kustomization["namespace"] == estate.namespace
        shared = [entry.split("/")[-1] for entry in kustomization["resources"] if entry.startswith("../")]
        assert sorted(shared) == sorted(estate.services)
        assert overlay.images_of(files[f"stages/{estate.name}/kustomization.yaml"]) == dict.fromkeys(
            (*estate.services, overlay.AGENT_IMAGE), MOCK
        )


def test_nothing_of_the_legacy_estate_is_in_git() -> None:
    assert not [path for path in render(scenario()) if "legacy" in path]


def test_every_pod_fits_the_restricted_profile_and_says_what_it_needs() -> None:
    what = scenario()
    for path, text in render(what).items():
        if not path.endswith("/deployment.yaml"):
            continue
        spec = document(text)["spec"]
        pod = spec["template"]["spec"]
        assert violations(pod) == [], path
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["initContainers"], *pod["containers"]):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert container["resources"]["limits"].keys() == {"memory"}
        (service,) = pod["containers"]
        name = spec["selector"]["matchLabels"]["app"]
        assert service["resources"]["requests"]["cpu"] == f"{cpu_requests(what)[name]}m"
        assert service["resources"]["limits"]["memory"] == what.services.resources.memory_limit
        mounted = {mount["name"] for mount in service["volumeMounts"]}
        assert mounted == {"certs", "topology"}, "the service itself holds no token"
        (agent,) = pod["initContainers"]
        assert agent["restartPolicy"] == "Always"
        assert f"--ttl={what.pki.ttl}" in agent["args"]


def test_a_service_account_has_the_name_of_its_service() -> None:
    for path, text in render(scenario()).items():
        if path.endswith("/serviceaccount.yaml"):
            name = path.split("/")[1]
            assert document(text)["metadata"]["name"] == name
            deployment = document(render(scenario())[f"services/{name}/deployment.yaml"])
            assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
            break
    else:
        pytest.fail("no service account at all")


def _policies(files: Mapping[str, str], estate: Estate) -> list[dict[str, Any]]:
    paths = [f"services/{name}/networkpolicy.yaml" for name in estate.services]
    found = [document(files[path]) for path in (*paths, f"stages/{estate.name}/default-deny.yaml")]
    return [{**policy, "metadata": {**policy["metadata"], "namespace": estate.namespace}} for policy in found]


def _pod(namespace: str, **labels: str) -> netpol.Pod:
    return netpol.Pod(
        namespace, {"kubernetes.io/metadata.name": namespace}, {k.replace("_", "-"): v for k, v in labels.items()}
    )


@pytest.mark.parametrize("name", ["gitops-35", "quickstart"])
def test_network_policies_allow_every_edge_and_refuse_every_other_pair(name: str) -> None:
    what = scenario(name)
    files = render(what)
    for estate in gitops(what):
        policies = _policies(files, estate)
        pods = {service: _pod(estate.namespace, app=service) for service in estate.services}
        edges = {(edge.source, edge.target) for edge in estate.edges}
        assert edges
        for source, target in itertools.permutations(estate.services, 2):
            said = netpol.allowed(policies, pods[source], pods[target], 8443)
            assert said == ((source, target) in edges), (estate.name, source, target)
            assert not netpol.allowed(policies, pods[source], pods[target], 8081)


def test_what_every_service_needs_is_allowed_and_nothing_else() -> None:
    what = scenario()
    files = render(what)
    everything = [policy for estate in gitops(what) for policy in _policies(files, estate)]
    vault, prober, dns = (
        _pod("vault", app="vault"),
        _pod("pov-system", app="prober"),
        _pod("kube-system", k8s_app="kube-dns"),
    )
    stranger, git = _pod("pov-system", app="other"), _pod("gitea", app="gitea")
    for estate in gitops(what):
        for name in estate.services:
            pod = _pod(estate.namespace, app=name)
            assert netpol.allowed(everything, prober, pod, 8443)
            assert not netpol.allowed(everything, stranger, pod, 8443)
            assert netpol.allowed(everything, pod, vault, 8200)
            assert not netpol.allowed(everything, pod, vault, 8201)
            assert netpol.allowed(everything, pod, dns, 53, "UDP")
            assert netpol.allowed(everything, pod, dns, 53)
            assert not netpol.allowed(everything, pod, git, 3000)
            for other in (there for there in gitops(what) if there != estate):
                assert not netpol.allowed(everything, pod, _pod(other.namespace, app=name), 8443)


def test_the_topology_says_who_may_call_whom_in_this_environment() -> None:
    import json

    what = scenario()
    files = render(what)
    for estate in gitops(what):
        told = json.loads(files[f"stages/{estate.name}/topology.json"])
        assert told["namespace"] == estate.namespace
        calls = {(name, call["to"]) for name, entry in told["services"].items() for call in entry["calls"]}
        callers = {(caller, name) for name, entry in told["services"].items() for caller in entry["callers"]}
        assert calls == callers == {(edge.source, edge.target) for edge in estate.edges}
        addresses = {call["address"] for entry in told["services"].values() for call in entry["calls"]}
        assert addresses == {f"{edge.target}.{estate.namespace}.svc:8443" for edge in estate.edges}


def test_versions_and_renewals_that_somebody_set_stay() -> None:
    what = scenario()
    first = render(what)
    path, policy = "stages/staging/kustomization.yaml", "stages/staging/certificate-policy.yaml"
    changed = dict(first)
    changed[path] = overlay.with_images(first[path], {"ledger": "localhost/pov/mock:trial-7"})
    changed[policy] = overlay.with_generation(first[policy], 4)
    kept = {estate.name: overlay.read_kept(changed, estate.name) for estate in gitops(what)}
    assert render(what, kept) == changed
    # A new image of the bring-up's own reaches everybody who ran the one before, and nobody else.
    newer = render(what, kept, "localhost/pov/mock:1.0.0-def")
    images = overlay.images_of(newer[path])
    assert images.pop("ledger") == "localhost/pov/mock:trial-7"
    assert set(images.values()) == {"localhost/pov/mock:1.0.0-def"}
    assert overlay.generation_of(newer[policy]) == 4


def test_one_version_is_one_edit() -> None:
    path = "stages/staging/kustomization.yaml"
    before = render(scenario())[path]
    after = overlay.with_images(before, {"ledger": "localhost/pov/mock:2.0.0"})
    lines = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert lines == [('  newTag: "1.0.0-abc"', '  newTag: "2.0.0"')]


@pytest.mark.parametrize(
    "reference",
    [
        "localhost/pov/mock:1.0.0",
        "mock",
        "registry.example:5000/team/mock:v1",
        "localhost/mock@sha256:" + "a" * 64,
    ],
)
def test_image_references_survive_a_round_trip(reference: str) -> None:
    text = f"x: 1\nimages:\n{overlay.image_entries({'a': reference, 'b': 'c:d'})}\n"
    assert overlay.images_of(text) == {"a": reference, "b": "c:d"}


def test_a_service_comes_and_goes_without_a_trace() -> None:
    before = render(scenario())["stages/dev/kustomization.yaml"]
    after = overlay.with_service(before, "new-one", MOCK)
    assert overlay.images_of(after) == {**overlay.images_of(before), "new-one": MOCK}
    assert document(after)["resources"] == [*document(before)["resources"], "../../services/new-one"]
    assert overlay.with_service(after, "new-one", MOCK) == after
    assert overlay.without_service(after, "new-one") == before
    assert overlay.without_service(before, "new-one") == before
    with pytest.raises(PovError, match="not as the bring-up wrote it"):
        overlay.with_service("resources: []\nimages:\n", "new-one", MOCK)


def test_a_service_outside_the_topology_calls_nobody_and_has_no_credential() -> None:
    what = scenario()
    topology = generate(what.services.seed, what.services.count)
    files = repository.service_files(Service("new-one", "domain"), topology, what, 5)
    assert {path.split("/")[1] for path in files} == {"new-one"}
    (policy,) = documents(files["services/new-one/networkpolicy.yaml"])
    (rule,) = policy["spec"]["ingress"]
    assert [peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]] == ["prober"]
    assert "credential" not in files["services/new-one/deployment.yaml"]


def test_services_under_proof_alone_have_a_credential() -> None:
    what = scenario()
    files = render(what)
    running = {path.split("/")[1] for path in files if path.startswith("services/")}
    found = {name for name in running if "--credential-mount=secret" in files[f"services/{name}/deployment.yaml"]}
    assert found == set(what.pov_services)
    assert len(running) > len(found)
    for name in found:
        (deployment,) = documents(files[f"services/{name}/deployment.yaml"])
        (service,) = deployment["spec"]["template"]["spec"]["containers"]
        assert "--credential=/certs/credential" in service["args"]


def test_a_service_that_does_not_run_there_is_refused() -> None:
    with pytest.raises(PovError, match="does not run nobody"):
        overlay.with_images(render(scenario())["stages/dev/kustomization.yaml"], {"nobody": "a:b"})


@pytest.mark.parametrize("text", ["images: [", "images: [{newTag: x}]", "- a\n- b", ""])
def test_an_overlay_that_was_broken_by_hand_is_told(text: str) -> None:
    files = {"stages/dev/kustomization.yaml": text, "stages/dev/certificate-policy.yaml": "data: {generation: '1'}"}
    with pytest.raises(PovError):
        overlay.read_kept(files, "dev")


def test_a_missing_overlay_holds_nothing() -> None:
    assert overlay.read_kept({}, "dev") == Kept()


def test_a_manifest_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "install.yaml"
    path.write_text("a: 1\n---\n---\nb: [2]\n")
    assert templates.documents_of(path) == [{"a": 1}, {"b": [2]}]
    with monkeypatch.context() as patch:
        patch.setattr(templates, "documents", lambda text: pytest.fail("parsed again"))
        assert templates.documents_of(path) == [{"a": 1}, {"b": [2]}]
    (cached,) = (tmp_path / "cache" / "manifests").iterdir()
    cached.write_text("[{")
    assert templates.documents_of(path) == [{"a": 1}, {"b": [2]}]
    path.write_text("c: 3\n")
    assert templates.documents_of(path) == [{"c": 3}]
