"""What Argo CD will see: the real kustomize on the real files, and Argo CD's own manifest as it is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from pov.base.paths import data
from pov.bundle import Bundle
from pov.config.estates import Estate, estates
from pov.config.scenario import load_scenario
from pov.config.topology import generate
from pov.steps.argocd import manifest as argocd_install
from pov.steps.git import content as repository
from pov.steps.git import overlay
from pov.steps.templates import document, documents, documents_of
from tests.unit.steps.restricted import violations

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

MOCK = "localhost/pov/mock:1.0.0-abc"


def build(bundle: Bundle, folder: Path, files: dict[str, str], stage: str) -> list[dict[str, Any]]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    argv = [str(bundle.binaries["kustomize"]), "build", str(folder / "stages" / stage)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns of nothing"
    return documents(done.stdout)


def files_of(name: str) -> tuple[dict[str, str], list[Estate]]:
    scenario = load_scenario(name)
    topology = generate(scenario.services.seed, scenario.services.count)
    everything = estates(scenario)
    files = repository.files(topology, everything, scenario, MOCK, ca_pem="PEM\n")
    return files, [estate for estate in everything if estate.kind == "gitops"]


@pytest.mark.parametrize("name", ["gitops-35", "quickstart"])
def test_every_environment_builds_to_what_its_estate_needs(bundle: Bundle, tmp_path: Path, name: str) -> None:
    files, gitops = files_of(name)
    allowed = {
        (entry["group"], entry["kind"])
        for entry in document(data("argocd", "project.yaml").read_text().replace("$", ""))["spec"][
            "namespaceResourceWhitelist"
        ]
    }
    for estate in gitops:
        built = build(bundle, tmp_path, files, estate.name)
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for item in built:
            assert item["metadata"]["namespace"] == estate.namespace
            group = item["apiVersion"].split("/")[0] if "/" in item["apiVersion"] else ""
            assert (group, item["kind"]) in allowed, "Argo CD's project lets it in"
            found.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
        assert found["Deployment"].keys() == found["ServiceAccount"].keys() == set(estate.services)
        assert found["Service"].keys() == {f"{n}{end}" for n in estate.services for end in ("", "-pods")}
        (topology,) = (config for config in found["ConfigMap"] if config.startswith("topology-"))
        for deployment in found["Deployment"].values():
            pod = deployment["spec"]["template"]["spec"]
            assert {c["image"] for c in (*pod["initContainers"], *pod["containers"])} == {MOCK}
            used = {v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
            assert used == {topology, "vault-ca"}
            assert violations(pod) == []


def test_a_new_version_of_one_service_changes_that_deployment_alone(bundle: Bundle, tmp_path: Path) -> None:
    files, _ = files_of("gitops-35")
    before = build(bundle, tmp_path / "before", files, "staging")
    path = "stages/staging/kustomization.yaml"
    changed = {**files, path: overlay.with_images(files[path], {"ledger": "localhost/pov/mock:2"})}
    after = build(bundle, tmp_path / "after", changed, "staging")
    differing = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    ((old, new),) = differing
    assert (new["kind"], new["metadata"]["name"]) == ("Deployment", "ledger")
    new["spec"]["template"]["spec"]["containers"][0]["image"] = MOCK
    assert new == old, "the service's image and nothing else"


def test_a_renewal_changes_the_policy_alone(bundle: Bundle, tmp_path: Path) -> None:
    files, _ = files_of("gitops-35")
    path = "stages/staging/certificate-policy.yaml"
    changed = {**files, path: overlay.with_generation(files[path], 2)}
    before = build(bundle, tmp_path / "before", files, "staging")
    after = build(bundle, tmp_path / "after", changed, "staging")
    ((_, new),) = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert (new["kind"], new["metadata"]["name"]) == ("ConfigMap", "certificate-policy")
    assert new["data"]["generation"] == "2"


def test_argocds_manifest_of_the_pinned_release_fits(bundle: Bundle) -> None:
    official = documents_of(bundle.argocd_manifest)
    service = {"type": "NodePort"}
    values = argocd_install.Values("argocd:1", "redis:1", service, "PEM", {"admin.password": b"x"}, b"cache")
    fitted = argocd_install.install(official, values)
    workloads = {m["metadata"]["name"]: m for m in fitted if m["kind"] in {"Deployment", "StatefulSet"}}
    expected = {name for names in argocd_install.WORKLOADS.values() for name in names}
    running = {name for name, manifest in workloads.items() if manifest["spec"].get("replicas") != 0}
    assert running == expected
    for name in expected:
        pod = workloads[name]["spec"]["template"]["spec"]
        assert violations(pod) == [], name
        containers = [*(pod.get("initContainers") or ()), *pod["containers"]]
        assert {c["image"] for c in containers} <= {"argocd:1", "redis:1"}, "in the node already"
        assert {c["imagePullPolicy"] for c in containers} == {"IfNotPresent"}
        assert "limits" in pod["containers"][0]["resources"]
        variables = [entry["name"] for entry in pod["containers"][0].get("env", [])]
        assert len(variables) == len(set(variables)), "the API server refuses a variable that is set twice"
        volumes = {volume["name"] for volume in pod.get("volumes") or ()}
        assert {mount["name"] for mount in pod["containers"][0].get("volumeMounts") or ()} <= volumes
    parameters = next(m for m in fitted if m["metadata"]["name"] == "argocd-cmd-params-cm")["data"]
    read = {
        entry["valueFrom"]["configMapKeyRef"]["key"]
        for workload in workloads.values()
        for entry in workload["spec"]["template"]["spec"]["containers"][0].get("env", [])
        if "configMapKeyRef" in entry.get("valueFrom", {})
    }
    assert parameters.keys() <= read, "every setting is one that somebody reads"
    assert all(
        m["metadata"].get("namespace") == "argocd"
        for m in fitted
        if m["kind"] not in {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    )
