"""The landing zone on a real API server: everybody's way around it is tried. Nothing that is asked here changes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pov.base.errors import NotFound, Transient
from pov.base.paths import data
from pov.base.wait import Pending, wait_for
from pov.bundle import require_current
from pov.steps.argocd.manifest import Values, install
from pov.steps.core import Outcome
from pov.steps.templates import document, documents_of
from pov.workflows import gate_admission
from tests.contract.landing_zone import (
    ADMIN,
    CONTROLLER,
    GITOPS,
    INSTALLED_BY,
    NODE,
    TERRAFORM,
    Who,
    Zone,
    impersonating,
    on_control_plane,
)
from tests.contract.sizes import CPU65, ENOUGH, TOO_MUCH, bare_pod, pod_spec, workload
from tests.contract.ways_in import (
    APPLICATION,
    ARGOCD_SERVER,
    AS_ITSELF,
    CORE,
    GUARDED,
    MERGE,
    RIGHTS,
    SHELLS,
    TOKEN,
    attempts,
    borrowing,
    furniture,
    named,
)

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    """The reference engagement's, with what Git brings and with Argo CD's own objects."""
    with on_control_plane(tmp_path_factory.mktemp("zone"), "gitops-35") as zone:
        assert zone.run() is Outcome.CHANGED
        for space in ("prod", "staging"):
            for manifest in furniture(space):
                zone.kube._api.call(
                    "PATCH",
                    zone.kube._kinds.of(manifest).path(space, manifest["metadata"]["name"]),
                    body=manifest,
                    content_type="application/apply-patch+yaml",
                    headers=impersonating(GITOPS),
                    query={"fieldManager": "argocd", "force": "true"},
                )
        _install_argocd(zone)
        yield zone


def _install_argocd(zone: Zone) -> None:
    """Argo CD's manifests as the bring-up applies them, what it follows, and an account and a pod to try with."""
    values = Values("argocd:1", "redis:1", {"type": "ClusterIP"}, "", {}, b"x")
    official = documents_of(require_current().argocd_manifest)
    zone.kube.as_installer().apply(install(official, values), set_name="argocd")
    wait_for("Argo CD's kinds", lambda: _served(zone), timeout_s=30, interval_s=0.1)
    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "pov"}, "spec": {}}
    pod = {**furniture("argocd")[1], "metadata": {"name": "argocd-application-controller-0"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "job-controller"}}
    for who, path, body in (
        (ARGOCD_SERVER, "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects", project),
        (ARGOCD_SERVER, "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications", APPLICATION),
        (CONTROLLER, "/api/v1/namespaces/argocd/pods", pod),
        (ADMIN, "/api/v1/namespaces/kube-system/serviceaccounts", account),
    ):
        zone.kube._api.call("POST", path, body=body, headers=impersonating(who))


def _served(zone: Zone) -> bool | Pending:
    try:
        zone.kube._api.call("GET", "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects")
        zone.kube._api.call("GET", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications")
    except (NotFound, Transient):
        return Pending("not served yet")
    return True


@pytest.mark.parametrize("what", [attempt[0] for attempt in attempts("prod")])
def test_prod_takes_changes_from_git_alone(zone: Zone, what: str) -> None:
    _, method, path, body, kind = next(attempt for attempt in attempts("prod") if attempt[0] == what)
    allowed, said = zone.ask(ADMIN, method, path, body, kind)
    assert not allowed
    assert "changes come from Git" in said
    for listed in (GITOPS, CONTROLLER, NODE):
        allowed, said = zone.ask(listed, method, path, body, kind)
        # Kubernetes itself keeps nodes from most of this where it runs with all of its own checks.
        assert allowed or "is forbidden: node" in said or "unexpected pod subresource" in said, f"{listed[0]}: {said}"
        assert "changes come from Git" not in said


@pytest.mark.parametrize("what", [attempt[0] for attempt in attempts("staging")])
def test_staging_warns(zone: Zone, what: str) -> None:
    _, method, path, body, kind = next(attempt for attempt in attempts("staging") if attempt[0] == what)
    allowed, said = zone.ask(ADMIN, method, path, body, kind)
    assert allowed, said
    assert "changes come from Git" in said


@pytest.mark.parametrize("shell", SHELLS)
def test_no_shell_in_prod(zone: Zone, shell: str) -> None:
    for method in ("GET", "POST"):
        allowed, said = zone.ask(ADMIN, method, f"/api/v1/namespaces/prod/pods/till-1/{shell}")
        assert not allowed
        assert "changes come from Git" in said


@pytest.mark.parametrize("what", GUARDED)
def test_the_way_from_git_cannot_be_widened_by_hand(zone: Zone, what: str) -> None:
    method, path, body, kind, listed = GUARDED[what]
    allowed, said = zone.ask(ADMIN, method, path, body, kind)
    assert not allowed
    assert "somebody may not" in said
    # An account that is let through elsewhere lends nobody its name either.
    if "token" in what:
        assert not zone.ask(CONTROLLER, method, path, body, kind)[0]
    for who in listed:
        allowed, said = zone.ask(who, method, path, body, kind)
        assert "may not" not in said, f"{who[0]}: {said}"
        # Nodes are kept from most by Kubernetes itself, and there is no node to run a shell on.
        assert allowed or "is forbidden: node" in said or "host assigned" in said, f"{who[0]}: {said}"


def test_what_is_no_way_in_is_nobodys_business(zone: Zone) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
    opaque = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new"}, "data": {}}
    for path, body in (("kube-system/configmaps", settings), ("kube-system/secrets", opaque)):
        assert zone.ask(ADMIN, "POST", f"{CORE}/{path}", body) == (True, "")
    # A restart is no change, and a token of a service opens no stage.
    assert zone.ask(ADMIN, "DELETE", f"{CORE}/argocd/pods/argocd-application-controller-0")[0]
    assert zone.ask(ADMIN, "POST", f"{CORE}/default/pods", borrowing("default"))[0]


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_the_guardrail_would_refuse_is_refused_in_the_cluster_to_everybody(zone: Zone, what: str) -> None:
    method, path, body, words = TOO_MUCH[what]
    for who in (ADMIN, GITOPS, CONTROLLER, TERRAFORM):
        # Containers of a pod are told apart by name, as kubectl does it.
        patch = "application/strategic-merge-patch+json" if path.endswith("/resize") else MERGE
        allowed, said = zone.ask(who, method, path, body, patch if method == "PATCH" else "")
        assert not allowed, who
        assert f"Refused by the guardrail. {words}" in said, who


def test_the_gate_asks_the_cluster_what_it_would_take_from_git(zone: Zone) -> None:
    fits = workload("Deployment", pod_spec(), replicas=2)
    fits = {**fits, "metadata": {**fits["metadata"], "namespace": "staging"}}
    too_much = {
        **workload("Deployment", pod_spec(requests={"cpu": "65"})),
        "metadata": {"name": "large", "namespace": "staging"},
    }
    elsewhere = {**fits, "metadata": {"name": "x", "namespace": "nowhere"}}
    nowhere = {**fits, "metadata": {"name": "y"}}
    found = gate_admission.tried([fits, too_much, elsewhere, nowhere], zone.kube, "demo")
    assert [refusal.what.split(":")[0] for refusal in found.refusals] == [
        "Deployment large in staging", "Deployment x in nowhere", "Deployment y",
    ]  # fmt: skip
    assert "Refused by the guardrail. 65 CPU cores are asked for" in found.refusals[0].what
    assert found.refusals[0].limit == "the admission policies of demo"


@pytest.mark.parametrize("what", ENOUGH)
def test_what_a_stage_has_room_for_passes(zone: Zone, what: str) -> None:
    method, path, body = ENOUGH[what]
    allowed, said = zone.ask(GITOPS, method, path, body, MERGE if method == "PATCH" else "")
    assert allowed, said


def test_the_same_asked_for_elsewhere_is_nobodys_business(zone: Zone) -> None:
    """A stage is bounded, and no other namespace: terraform/README.md says so."""
    allowed, said = zone.ask(ADMIN, "POST", f"{CORE}/default/pods", bare_pod(CPU65))
    assert allowed, said


@pytest.mark.parametrize("who", [ADMIN, GITOPS, INSTALLED_BY], ids=["an administrator", "Git", "the installer"])
@pytest.mark.parametrize("kind", ["resourcequotas", "limitranges"])
def test_a_stages_own_limits_are_changed_by_terraform_alone(zone: Zone, kind: str, who: Who) -> None:
    path = f"{CORE}/staging/{kind}/landing-zone"
    for method, body in (
        ("DELETE", None),
        (
            "PATCH",
            {"spec": {"hard": {"pods": "999"}}}
            if kind == "resourcequotas"
            else {"metadata": {"labels": {"by": "hand"}}},
        ),
    ):
        allowed, said = zone.ask(who, method, path, body, MERGE if body else "")
        assert allowed is (who is INSTALLED_BY), said
        assert allowed or "are changed by pov up alone" in said
        assert zone.ask(TERRAFORM, method, path, body, MERGE if body else "")[0]
        # Kubernetes itself empties a namespace that goes.
        assert zone.ask(CONTROLLER, method, path, body, MERGE if body else "")[0]


def test_known_limit_who_may_impersonate_is_who_they_say(zone: Zone) -> None:
    """The server sees the name that is taken on; terraform/README.md says so."""
    for who, path in ((GITOPS, f"{CORE}/prod/configmaps"), (INSTALLED_BY, f"{CORE}/argocd/configmaps")):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
        assert zone.ask(who, "POST", path, body)[0]


def test_known_limit_the_nodes_files_are_open_to_a_pod_elsewhere(zone: Zone) -> None:
    """Where no Pod Security profile is in force, a pod may mount what the control plane keeps on its node."""
    pod = named(furniture("default")[1], "host-path")
    volume = {"name": "host", "hostPath": {"path": "/etc/kubernetes"}}
    pod["spec"] = {**pod["spec"], "volumes": [volume]}
    assert zone.ask(ADMIN, "POST", f"{CORE}/default/pods", pod)[0]
    for space in ("prod", "staging", "argocd"):
        assert not zone.ask(ADMIN, "POST", f"{CORE}/{space}/pods", pod)[0], space


def test_known_limit_bindings_events_and_tokens_of_services_are_not_matched(zone: Zone) -> None:
    """Nobody is asked about them, in prod either; terraform/README.md says so."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "clerk"}}
    zone.kube._api.call("POST", f"{CORE}/prod/serviceaccounts", body=account, headers=impersonating(GITOPS))
    till = {"kind": "Pod", "namespace": "prod", "name": "till-1"}
    node = {"kind": "Node", "name": "one"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "till-1"}, "target": node}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "told", "namespace": "prod"},
        "involvedObject": till,
        "reason": "Told",
        "message": "told",
        "type": "Normal",
    }
    for path, body in (("pods/till-1/binding", binding), ("events", event), ("serviceaccounts/clerk/token", TOKEN)):
        allowed, said = zone.ask(ADMIN, "POST", f"{CORE}/prod/{path}", body)
        assert allowed, said
    assert zone.kube.create_token("clerk", "prod", audience="", ttl_s=600).reveal()


def test_known_limit_vaults_own_pod_is_open_to_an_administrator(zone: Zone) -> None:
    """Who runs commands there or reads its Secrets has the seal key and the storage; vault/README.md says so."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vault"}}
    zone.kube._api.call("POST", "/api/v1/namespaces", body=space)
    shell = "pods/vault-0/exec?command=sh&stdout=true"

    def open_there() -> bool | Pending:
        # The server's policies hear of a namespace a moment after it is made.
        allowed, said = zone.ask(ADMIN, "POST", f"{CORE}/vault/{shell}")
        return True if allowed else Pending(said)

    wait_for("a shell beside Vault to be let through", open_there, timeout_s=30)
    assert zone.ask(ADMIN, "GET", f"{CORE}/vault/secrets")[0]
    assert not zone.ask(ADMIN, "POST", f"{CORE}/argocd/{shell}")[0]


@pytest.mark.parametrize(("may", "method", "path", "body"), RIGHTS)
def test_argo_cd_may_write_what_git_holds_in_the_stages_and_nothing_else(
    zone: Zone, may: bool, method: str, path: str, body: Any
) -> None:
    allowed, said = zone.ask(AS_ITSELF, method, path, body, MERGE if method == "PATCH" else "")
    assert allowed is may, said
    assert may or "cannot" in said


def test_the_project_and_the_role_name_the_same_kinds(zone: Zone) -> None:
    project = document(data("argocd", "project.yaml").read_text().replace("$repository", "x").replace("$dest", "#"))
    told = {(entry["group"], entry["kind"].lower() + "s") for entry in project["spec"]["namespaceResourceWhitelist"]}
    told = {(group, name.replace("ys", "ies")) for group, name in told}
    role = zone.kube.get("rbac.authorization.k8s.io/v1/Role", "gitops-deployer", "prod")
    assert role is not None
    may = {(group, name) for rule in role["rules"] for group in rule["apiGroups"] for name in rule["resources"]}
    assert may == told


def test_elsewhere_nobody_is_asked(zone: Zone) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
    allowed, said = zone.ask(ADMIN, "POST", "/api/v1/namespaces/default/configmaps", body)
    assert allowed
    assert said == ""


def test_agents_read_the_one_policy_and_nothing_else(zone: Zone) -> None:
    agent = ("system:serviceaccount:staging:ledger", ("system:serviceaccounts", "system:serviceaccounts:staging"))
    core = "/api/v1/namespaces/{}/configmaps"
    assert zone.ask(agent, "GET", core.format("staging") + "/certificate-policy")[0]
    watch = core.format("staging") + "?fieldSelector=metadata.name%3Dcertificate-policy"
    assert zone.ask(agent, "GET", watch)[0]
    assert not zone.ask(agent, "GET", core.format("staging") + "/settings")[0]
    assert not zone.ask(agent, "GET", core.format("staging"))[0]
    assert not zone.ask(agent, "GET", core.format("prod") + "/certificate-policy")[0]


def test_pods_must_be_restricted(zone: Zone) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "loose"},
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    }
    allowed, said = zone.ask(GITOPS, "POST", "/api/v1/namespaces/staging/pods", pod)
    assert not allowed
    assert "restricted" in said
