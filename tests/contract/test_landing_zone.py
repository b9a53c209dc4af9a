"""The landing zone on a real API server: Terraform makes it, and everybody's way around it is tried."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.errors import NotFound, PovError, Transient
from pov.base.paths import data
from pov.base.wait import Pending, wait_for
from pov.bundle import require_current
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.kube import INSTALLER, Kube
from pov.engines.kube_api import Refused
from pov.engines.terraform import Terraform, copy_modules, find_program
from pov.model.events import Event, silent
from pov.state.home import Home
from pov.steps.argocd.manifest import Values, install
from pov.steps.core import Outcome, Report
from pov.steps.landing_zone import step as landing_zone
from pov.steps.templates import document, documents_of
from pov.workflows import gate_admission
from tests.contract.apiserver import control_plane, providers

pytestmark = pytest.mark.contract

ADMIN = ("somebody", ("system:masters", "system:authenticated"))
CONTROLLER = (
    "system:serviceaccount:kube-system:deployment-controller",
    ("system:masters", "system:serviceaccounts:kube-system"),
)
GITOPS = ("system:serviceaccount:argocd:argocd-application-controller", ("system:masters",))
NODE = ("system:node:one", ("system:masters", "system:nodes"))
INSTALLED_BY = (INSTALLER, ("system:masters", "system:authenticated"))
ARGOCD_SERVER = ("system:serviceaccount:argocd:argocd-server", ("system:masters",))
CONTROLLER_MANAGER = ("system:kube-controller-manager", ("system:masters",))


@dataclass
class Zone:
    """A control plane with the landing zone in it, and what the step said."""

    kube: Kube
    ctx: Any
    said: list[Event]

    def run(self) -> Outcome:
        return landing_zone.step().run(self.ctx, Report("landing_zone", self.said.append))

    def ask(
        self, who: tuple[str, tuple[str, ...]], method: str, path: str, body: Any = None, kind: str = ""
    ) -> tuple[bool, str]:
        """Whether `who` may do this (dry-run where that exists), and what the server said or warned."""
        headers = {"Impersonate-User": who[0], "Impersonate-Group": who[1]}
        query = {} if method == "GET" or "?" in path else {"dryRun": "All"}
        try:
            reply = self.kube._api.call(
                method, path, body=body, headers=headers, query=query, content_type=kind or "application/json"
            )
        except Refused as refusal:
            return False, refusal.message
        except (NotFound, Transient) as passed:
            # Admitted, then nothing there to talk to: there are no nodes.
            return True, str(passed)
        return True, " ".join(reply.warnings)


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    scenario = load_scenario("gitops-35")
    with control_plane(tmp_path_factory.mktemp("control-plane")) as kube:
        ctx = SimpleNamespace(
            kube=kube,
            scenario=scenario,
            engagement=None,
            approved={},
            checked="",
            emit=silent,
            estates=estates(scenario),
            home=Home(tmp_path_factory.mktemp("home")),
            binaries={"terraform-providers": providers()},
        )
        zone = Zone(kube, ctx, [])
        assert zone.run() is Outcome.CHANGED
        for space in ("prod", "staging"):
            for manifest in _furniture(space):
                path = kube._kinds.of(manifest).path(space, manifest["metadata"]["name"])
                headers = {"Impersonate-User": GITOPS[0], "Impersonate-Group": GITOPS[1]}
                query = {"fieldManager": "argocd", "force": "true"}
                kube._api.call(
                    "PATCH",
                    path,
                    body=manifest,
                    content_type="application/apply-patch+yaml",
                    headers=headers,
                    query=query,
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
    pod = {**_furniture("argocd")[1], "metadata": {"name": "argocd-application-controller-0"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "job-controller"}}
    for who, path, body in (
        (ARGOCD_SERVER, "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects", project),
        (ARGOCD_SERVER, "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications", APPLICATION),
        (CONTROLLER, "/api/v1/namespaces/argocd/pods", pod),
        (ADMIN, "/api/v1/namespaces/kube-system/serviceaccounts", account),
    ):
        headers = {"Impersonate-User": who[0], "Impersonate-Group": who[1]}
        zone.kube._api.call("POST", path, body=body, headers=headers)


def _served(zone: Zone) -> bool | Pending:
    try:
        zone.kube._api.call("GET", "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects")
        zone.kube._api.call("GET", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications")
    except (NotFound, Transient):
        return Pending("not served yet")
    return True


APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "staging"},
    "spec": {
        "project": "pov",
        "source": {"repoURL": "https://git.example.com/x.git", "path": "."},
        "destination": {"namespace": "staging", "server": "https://kubernetes.default.svc"},
    },
}


def _furniture(space: str) -> list[dict[str, Any]]:
    """What Git brings: it has to pass the Pod Security profile, the quota and the policy."""
    container = {
        "name": "main",
        "image": "main:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    template = {"metadata": {"labels": {"app": "till"}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": "till"}}, "template": template}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "till-1"}, "spec": pod},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "till"}, "spec": spec},
    ]


def _attempts(space: str) -> list[tuple[str, str, str, Any, str]]:
    core, apps = f"/api/v1/namespaces/{space}", f"/apis/apps/v1/namespaces/{space}"
    merge = "application/merge-patch+json"
    new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
    helper = {
        "spec": {
            "ephemeralContainers": [
                {
                    "name": "shell",
                    "image": "shell:1",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ]
        }
    }
    image = {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}
    return [
        ("create", "POST", f"{core}/configmaps", new, ""),
        ("change", "PATCH", f"{core}/configmaps/settings", {"data": {"a": "c"}}, merge),
        ("delete", "DELETE", f"{core}/configmaps/settings", None, ""),
        ("restart", "PATCH", f"{apps}/deployments/till", image, merge),
        ("scale", "PATCH", f"{apps}/deployments/till/scale", {"spec": {"replicas": 3}}, merge),
        ("delete a pod", "DELETE", f"{core}/pods/till-1", None, ""),
        (
            "ephemeral container",
            "PATCH",
            f"{core}/pods/till-1/ephemeralcontainers",
            helper,
            "application/strategic-merge-patch+json",
        ),
        (
            "take the deny away",
            "DELETE",
            f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies/landing-zone-default-deny",
            None,
            "",
        ),
        (
            "weaken the profile",
            "PATCH",
            f"/api/v1/namespaces/{space}",
            {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
            merge,
        ),
    ]


SHELLS = ("exec?command=sh&stdout=true", "attach?stdout=true", "portforward?ports=80")


@pytest.mark.parametrize("what", [attempt[0] for attempt in _attempts("prod")])
def test_prod_takes_changes_from_git_alone(zone: Zone, what: str) -> None:
    _, method, path, body, kind = next(attempt for attempt in _attempts("prod") if attempt[0] == what)
    allowed, said = zone.ask(ADMIN, method, path, body, kind)
    assert not allowed
    assert "changes come from Git" in said
    for listed in (GITOPS, CONTROLLER, NODE):
        allowed, said = zone.ask(listed, method, path, body, kind)
        # Kubernetes itself keeps nodes from most of this where it runs with all of its own checks.
        assert allowed or "is forbidden: node" in said or "unexpected pod subresource" in said, f"{listed[0]}: {said}"
        assert "changes come from Git" not in said


@pytest.mark.parametrize("what", [attempt[0] for attempt in _attempts("staging")])
def test_staging_warns(zone: Zone, what: str) -> None:
    _, method, path, body, kind = next(attempt for attempt in _attempts("staging") if attempt[0] == what)
    allowed, said = zone.ask(ADMIN, method, path, body, kind)
    assert allowed, said
    assert "changes come from Git" in said


@pytest.mark.parametrize("shell", SHELLS)
def test_no_shell_in_prod(zone: Zone, shell: str) -> None:
    for method in ("GET", "POST"):
        allowed, said = zone.ask(ADMIN, method, f"/api/v1/namespaces/prod/pods/till-1/{shell}")
        assert not allowed
        assert "changes come from Git" in said


MERGE = "application/merge-patch+json"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces/argocd"
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}


def _named(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {**document, "metadata": {"name": name}}


def _borrowing(account: str) -> dict[str, Any]:
    """A pod that runs as somebody else's account."""
    pod = _named(_furniture("argocd")[1], "borrower")
    return {**pod, "spec": {**pod["spec"], "serviceAccountName": account}}


def _job(account: str) -> dict[str, Any]:
    spec = {**_borrowing(account)["spec"], "restartPolicy": "Never"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "borrower"}}
    return {**job, "spec": {"template": {"spec": spec}}}


def _lasting_token(account: str) -> dict[str, Any]:
    metadata = {"name": "lasting", "annotations": {"kubernetes.io/service-account.name": account}}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "metadata": metadata}


CONTROLLERS_IMAGE = {"spec": {"template": {"metadata": {"annotations": {"by": "hand"}}}}}
REPOSITORY = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "mine", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
}
_CORE = "/api/v1/namespaces"
GUARDED: dict[str, tuple[str, str, Any, str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    # What is tried by hand, and who may do it after all.
    "a new application": ("POST", f"{ARGO}/applications", _named(APPLICATION, "mine"), "", (ARGOCD_SERVER, GITOPS)),
    "another branch": (
        "PATCH",
        f"{ARGO}/applications/staging",
        {"spec": {"source": {"targetRevision": "mine"}}},
        MERGE,
        (ARGOCD_SERVER, GITOPS),
    ),
    "a wider project": ("PATCH", f"{ARGO}/appprojects/pov", {"spec": {"sourceRepos": ["*"]}}, MERGE, (ARGOCD_SERVER,)),
    "no project": ("DELETE", f"{ARGO}/appprojects/pov", None, "", (ARGOCD_SERVER,)),
    "a new application set": (
        "POST",
        f"{ARGO}/applicationsets",
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": {"name": "mine"},
            "spec": {
                "generators": [],
                "template": {
                    "metadata": {"name": "x"},
                    "spec": {"project": "pov", "destination": {}, "source": {"repoURL": "x"}},
                },
            },
        },
        "",
        (ARGOCD_SERVER,),
    ),
    "Argo CD's settings": (
        "PATCH",
        f"{_CORE}/argocd/configmaps/argocd-cm",
        {"data": {"a": "b"}},
        MERGE,
        (INSTALLED_BY,),
    ),
    "Argo CD's rights": (
        "PATCH",
        f"{_CORE}/argocd/configmaps/argocd-rbac-cm",
        {"data": {"policy.default": "role:admin"}},
        MERGE,
        (INSTALLED_BY,),
    ),
    "Argo CD's password": ("PATCH", f"{_CORE}/argocd/secrets/argocd-secret", {"data": {}}, MERGE, (INSTALLED_BY,)),
    "a repository of one's own": ("POST", f"{_CORE}/argocd/secrets", REPOSITORY, "", (ARGOCD_SERVER,)),
    "another image of the controller": (
        "PATCH",
        "/apis/apps/v1/namespaces/argocd/statefulsets/argocd-application-controller",
        CONTROLLERS_IMAGE,
        MERGE,
        (INSTALLED_BY,),
    ),
    "a pod as the controller": (
        "POST",
        f"{_CORE}/argocd/pods",
        _borrowing("argocd-application-controller"),
        "",
        (INSTALLED_BY, CONTROLLER, NODE),
    ),
    "a pod in kube-system": ("POST", f"{_CORE}/kube-system/pods", _borrowing("job-controller"), "", (CONTROLLER, NODE)),
    "a job as terraform": (
        "POST",
        "/apis/batch/v1/namespaces/pov-terraform/jobs",
        _job("terraform"),
        "",
        (INSTALLED_BY, CONTROLLER),
    ),
    "a container in the controller's pod": (
        "PATCH",
        f"{_CORE}/argocd/pods/argocd-application-controller-0/ephemeralcontainers",
        next(attempt[3] for attempt in _attempts("prod") if attempt[0] == "ephemeral container"),
        "application/strategic-merge-patch+json",
        (INSTALLED_BY,),
    ),
    "a shell beside the controller": (
        "POST",
        f"{_CORE}/argocd/pods/argocd-application-controller-0/exec?command=sh&stdout=true",
        None,
        "",
        (INSTALLED_BY,),
    ),
    **{
        f"a token of {account}": (
            "POST",
            f"{_CORE}/{space}/serviceaccounts/{account}/token",
            TOKEN,
            "",
            (INSTALLED_BY, CONTROLLER_MANAGER, NODE),
        )
        for space, account in (
            ("argocd", "argocd-application-controller"),
            ("argocd", "argocd-server"),
            ("kube-system", "job-controller"),
            ("pov-terraform", "terraform"),
        )
    },
    **{
        f"a lasting token of {account}": (
            "POST",
            f"{_CORE}/{space}/secrets",
            _lasting_token(account),
            "",
            (INSTALLED_BY,),
        )
        for space, account in (
            ("argocd", "argocd-application-controller"),
            ("kube-system", "job-controller"),
            ("pov-terraform", "terraform"),
        )
    },
}


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
        assert zone.ask(ADMIN, "POST", f"{_CORE}/{path}", body) == (True, "")
    # A restart is no change, and a token of a service opens no stage.
    assert zone.ask(ADMIN, "DELETE", f"{_CORE}/argocd/pods/argocd-application-controller-0")[0]
    assert zone.ask(ADMIN, "POST", f"{_CORE}/default/pods", _borrowing("default"))[0]


LIMITS = ("offering-workloads", "offering-claims", "stage-limits")
TERRAFORM = ("system:serviceaccount:pov-terraform:terraform", ("system:masters",))
APPS, BATCH = "/apis/apps/v1/namespaces/staging", "/apis/batch/v1/namespaces/staging"


def _pod(*, sidecar: str = "", init: str = "", **resources: Any) -> dict[str, Any]:
    """A pod's spec that passes the Pod Security profile; the service in it asks for `resources`."""
    spec = _furniture("staging")[1]["spec"]
    service = {**spec["containers"][0], "resources": resources}
    others = [
        {**service, "name": name, "resources": {"requests": {"cpu": cpu}}, **more}
        for name, cpu, more in (("sidecar", sidecar, {"restartPolicy": "Always"}), ("init", init, {}))
        if cpu
    ]
    return {**spec, "containers": [service], "initContainers": others}


def _workload(kind: str, pod: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"app": "greedy"}
    selected = {} if kind in {"Job", "CronJob"} else {"selector": {"matchLabels": labels}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    whole = {**selected, "template": template, **spec}
    if kind == "CronJob":
        whole = {"schedule": "@daily", "jobTemplate": {"spec": whole}}
    group = "batch/v1" if kind in {"Job", "CronJob"} else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "greedy"}, "spec": whole}


def _bare(pod: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy"}, "spec": pod}


def _claim(size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "greedy"}, "spec": spec}


def _scaler(most: int) -> dict[str, Any]:
    spec = {"maxReplicas": most, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "till"}}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "g"}, "spec": spec}


_CPU65 = _pod(requests={"cpu": "65"})
_NEVER = {"restartPolicy": "Never"}
_SCOPE = "ask for an approved scope, which allows up to 512."
_PODS = f"{_CORE}/staging/pods"
_HPA = "/apis/autoscaling/v2/namespaces/staging/horizontalpodautoscalers"
_TOO_MUCH: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "CPU of a Deployment": ("POST", f"{APPS}/deployments", _workload("Deployment", _CPU65), "65 CPU cores are asked"),
    "CPU times replicas": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(requests={"cpu": "6500m"}), replicas=10),
        f"65 CPU cores are asked for and 64 are allowed without an approved scope: {_SCOPE}",
    ),
    "CPU by its limit alone": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(limits={"cpu": "65"})),
        "65 CPU",
    ),
    "CPU with a sidecar": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(requests={"cpu": "60"}, sidecar="4500m")),
        "64.5 CPU cores are asked for and 64 are",
    ),
    "CPU of an init container": ("POST", f"{APPS}/deployments", _workload("Deployment", _pod(init="70")), "70 CPU"),
    "CPU of the pod as a whole": ("POST", _PODS, _bare({**_pod(), "resources": {"requests": {"cpu": "99"}}}), "99 CPU"),
    "CPU of a StatefulSet": (
        "POST",
        f"{APPS}/statefulsets",
        _workload("StatefulSet", _CPU65, serviceName="x"),
        "65 CPU",
    ),
    "CPU of a DaemonSet": ("POST", f"{APPS}/daemonsets", _workload("DaemonSet", _CPU65), "65 CPU cores"),
    "CPU of a ReplicaSet": ("POST", f"{APPS}/replicasets", _workload("ReplicaSet", _CPU65), "65 CPU cores"),
    "CPU of a Job": ("POST", f"{BATCH}/jobs", _workload("Job", _CPU65 | _NEVER, parallelism=2), "130 CPU cores"),
    "CPU of a CronJob": ("POST", f"{BATCH}/cronjobs", _workload("CronJob", _CPU65 | _NEVER), "65 CPU cores"),
    "CPU of a pod": ("POST", _PODS, _bare(_CPU65), "65 CPU cores"),
    "CPU beyond all measure": (
        "POST",
        _PODS,
        _bare(_pod(requests={"cpu": "9E"})),
        "9",  # and as the server writes so large a number
    ),
    "memory of a Deployment": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(limits={"memory": "3000Gi"})),
        "3000 GiB of memory are asked for and",
    ),
    "memory that is asked for alone": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(requests={"memory": "3000Gi"})),
        "3000 GiB of memory are asked",
    ),
    "CPU of a stage": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(requests={"cpu": "63"})),
        "63 CPU cores are asked for and",
    ),
    "replicas of a Deployment": (
        "PATCH",
        f"{APPS}/deployments/till",
        {"spec": {"replicas": 5000}},
        "5000 pods are asked",
    ),
    "replicas by scaling": (
        "PATCH",
        f"{APPS}/deployments/till/scale",
        {"spec": {"replicas": 5000}},
        "5000 pods are asked",
    ),
    "CPU of a pod that is there": (
        "PATCH",
        f"{_PODS}/till-1/resize",
        {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "65"}}}]}},
        "65 CPU cores are asked",
    ),
    "replicas by an autoscaler": ("POST", _HPA, _scaler(5000), "5000 pods are asked for and"),
    "storage over the size's": (
        "POST",
        f"{_CORE}/staging/persistentvolumeclaims",
        _claim("5000Gi"),
        "5000 GiB of storage are asked for and 4000 are what size Medium includes: an engineer reviews the deal.",
    ),
    "storage that the stage was not let through with": (
        "POST",
        f"{_CORE}/staging/persistentvolumeclaims",
        _claim("512Mi"),
        "0.5 GiB of storage are asked for and 0 were let through for staging: ask for a larger stage with pov up.",
    ),
}


@pytest.mark.parametrize("what", _TOO_MUCH)
def test_what_the_guardrail_would_refuse_is_refused_in_the_cluster_to_everybody(zone: Zone, what: str) -> None:
    method, path, body, words = _TOO_MUCH[what]
    for who in (ADMIN, GITOPS, CONTROLLER, TERRAFORM):
        # Containers of a pod are told apart by name, as kubectl does it.
        patch = "application/strategic-merge-patch+json" if path.endswith("/resize") else MERGE
        allowed, said = zone.ask(who, method, path, body, patch if method == "PATCH" else "")
        assert not allowed, who
        assert f"Refused by the guardrail. {words}" in said, who


def test_the_gate_asks_the_cluster_what_it_would_take_from_git(zone: Zone) -> None:
    fits = _workload("Deployment", _pod(), replicas=2)
    fits = {**fits, "metadata": {**fits["metadata"], "namespace": "staging"}}
    too_much = {
        **_workload("Deployment", _pod(requests={"cpu": "65"})),
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


_ENOUGH: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a plain Deployment": ("POST", f"{APPS}/deployments", _workload("Deployment", _pod(), replicas=2)),
    "one without resources": ("POST", _PODS, _bare(_pod(limits={"memory": "64Mi"}))),
    "one with some": (
        "POST",
        f"{APPS}/deployments",
        _workload("Deployment", _pod(requests={"cpu": "5m", "memory": "16Mi"}, sidecar="1m", init="2m"), replicas=3),
    ),
    "none at all": ("PATCH", f"{APPS}/deployments/till/scale", {"spec": {"replicas": 0}}),
    "a few more": ("PATCH", f"{APPS}/deployments/till/scale", {"spec": {"replicas": 3}}),
    "an autoscaler": ("POST", _HPA, _scaler(3)),
    "a Job": ("POST", f"{BATCH}/jobs", _workload("Job", _pod() | _NEVER)),
    "a CronJob": ("POST", f"{BATCH}/cronjobs", _workload("CronJob", _pod() | _NEVER)),
    "a DaemonSet": ("POST", f"{APPS}/daemonsets", _workload("DaemonSet", _pod())),
}


@pytest.mark.parametrize("what", _ENOUGH)
def test_what_a_stage_has_room_for_passes(zone: Zone, what: str) -> None:
    method, path, body = _ENOUGH[what]
    allowed, said = zone.ask(GITOPS, method, path, body, MERGE if method == "PATCH" else "")
    assert allowed, said


def test_the_same_asked_for_elsewhere_is_nobodys_business(zone: Zone) -> None:
    """A stage is bounded, and no other namespace: terraform/README.md says so."""
    allowed, said = zone.ask(ADMIN, "POST", f"{_CORE}/default/pods", _bare(_CPU65))
    assert allowed, said


@pytest.mark.parametrize("who", [ADMIN, GITOPS, INSTALLED_BY], ids=["an administrator", "Git", "the installer"])
@pytest.mark.parametrize("kind", ["resourcequotas", "limitranges"])
def test_a_stages_own_limits_are_changed_by_terraform_alone(
    zone: Zone, kind: str, who: tuple[str, tuple[str, ...]]
) -> None:
    path = f"{_CORE}/staging/{kind}/landing-zone"
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


def test_another_offering_and_a_scope_give_the_cluster_other_numbers(zone: Zone) -> None:
    """Nothing is typed twice: what Terraform is told is what the cluster says."""
    before = dict(zone.ctx.approved)
    zone.ctx.approved = {
        "quotas": {"cpu_standard": 7, "cpu_scoped": 9, "iops_approval": 100},
        "scope": {"reference": "acme", "approved_by": "pat"},
        "storage": {"gib": 9000.5, "of": "scope acme"},
    }
    asked = (
        (
            f"{APPS}/deployments",
            _workload("Deployment", _pod(requests={"cpu": "10"})),
            "10 CPU cores are asked for and 9",
        ),
        (
            f"{_CORE}/staging/persistentvolumeclaims",
            _claim("9001Gi"),
            "9001 GiB of storage are asked for and 9000.5 are what",
        ),
    )
    try:
        assert zone.run() is Outcome.CHANGED
        for path, body, words in asked:
            wait_for(
                f"the cluster to say: {words}",
                lambda path=path, body=body, words=words: _says(zone, path, body, words),  # type: ignore[misc]
                timeout_s=30,
                interval_s=0.1,
            )
    finally:
        zone.ctx.approved = before
        assert zone.run() is Outcome.CHANGED


def _says(zone: Zone, path: str, body: dict[str, Any], words: str) -> bool | Pending:
    allowed, said = zone.ask(GITOPS, "POST", path, body)
    return True if not allowed and words in said and "scope acme" in said else Pending(said)


def test_known_limit_who_may_impersonate_is_who_they_say(zone: Zone) -> None:
    """The server sees the name that is taken on; terraform/README.md says so."""
    for who, path in ((GITOPS, f"{_CORE}/prod/configmaps"), (INSTALLED_BY, f"{_CORE}/argocd/configmaps")):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {}}
        assert zone.ask(who, "POST", path, body)[0]


@pytest.mark.parametrize(
    "policy", ["only-from-git", "gitops-settings", "platform-workloads", "borrowed-identities", *LIMITS]
)
def test_known_limit_an_administrator_can_take_a_policy_away_and_up_puts_it_back(zone: Zone, policy: str) -> None:
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{policy}"
    assert zone.ask(ADMIN, "DELETE", path)[0]
    zone.kube.delete("ValidatingAdmissionPolicy", policy)
    assert zone.run() is Outcome.CHANGED
    assert zone.kube.get("ValidatingAdmissionPolicy", policy) is not None


def test_known_limit_the_nodes_files_are_open_to_a_pod_elsewhere(zone: Zone) -> None:
    """Where no Pod Security profile is in force, a pod may mount what the control plane keeps on its node."""
    pod = _named(_furniture("default")[1], "host-path")
    volume = {"name": "host", "hostPath": {"path": "/etc/kubernetes"}}
    pod["spec"] = {**pod["spec"], "volumes": [volume]}
    assert zone.ask(ADMIN, "POST", f"{_CORE}/default/pods", pod)[0]
    for space in ("prod", "staging", "argocd"):
        assert not zone.ask(ADMIN, "POST", f"{_CORE}/{space}/pods", pod)[0], space


AS_ITSELF = (
    "system:serviceaccount:argocd:argocd-application-controller",
    ("system:serviceaccounts", "system:serviceaccounts:argocd", "system:authenticated"),
)
RIGHTS = [
    # Whether Argo CD's controller may, by its own rights and not an administrator's.
    (True, "PATCH", "/apis/apps/v1/namespaces/prod/deployments/till", CONTROLLERS_IMAGE),
    (True, "PATCH", f"{_CORE}/staging/configmaps/settings", {"data": {"a": "c"}}),
    (True, "DELETE", f"{_CORE}/prod/configmaps/settings", None),
    (True, "GET", f"{_CORE}/kube-system/configmaps", None),
    (True, "GET", "/apis/apps/v1/replicasets", None),
    (True, "PATCH", f"{ARGO}/applications/staging", {"metadata": {"labels": {"a": "b"}}}),
    (False, "POST", "/apis/apps/v1/namespaces/default/deployments", _furniture("default")[2]),
    (False, "POST", f"{_CORE}/kube-system/configmaps", _furniture("x")[0]),
    (False, "POST", f"{_CORE}/prod/pods", _furniture("prod")[1]),
    (False, "POST", f"{_CORE}/staging/secrets", {**REPOSITORY, "metadata": {"name": "new"}}),
    (False, "GET", f"{_CORE}/argocd/pods/argocd-application-controller-0/exec?command=sh", None),
    (False, "GET", "/api/v1/secrets", None),
    (False, "GET", f"{_CORE}/vault/secrets", None),
    (
        False,
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [],
        },
    ),
    (False, "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/only-from-git", None),
    (False, "POST", f"{_CORE}/prod/serviceaccounts/default/token", TOKEN),
    (False, "DELETE", f"{_CORE}/prod/pods/till-1", None),
    (False, "DELETE", "/api/v1/namespaces/staging", None),
]


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


def test_a_second_run_starts_no_terraform(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_zone, "_terraform", lambda *_: pytest.fail("terraform was started"))
    assert zone.run() is Outcome.UNCHANGED


def test_what_somebody_changed_is_changed_back(zone: Zone) -> None:
    # Only in the name of Terraform: that is what somebody with the right to impersonate can do.
    path = f"{_CORE}/staging/resourcequotas/landing-zone"
    headers = {"Impersonate-User": TERRAFORM[0], "Impersonate-Group": TERRAFORM[1]}
    less = {"spec": {"hard": {"pods": "1"}}}
    zone.kube._api.call("PATCH", path, body=less, content_type=MERGE, headers=headers)
    zone.kube.delete("RoleBinding", "certificate-policy-reader", "dev")
    assert zone.run() is Outcome.CHANGED
    quota = zone.kube.get("ResourceQuota", "landing-zone", "staging")
    assert quota is not None
    assert int(quota["spec"]["hard"]["pods"]) > 70
    assert zone.kube.get("RoleBinding", "certificate-policy-reader", "dev") is not None
    assert "terraform plan: 1 to create, 1 to change, 0 to delete" in " ".join(event.message for event in zone.said)


def test_a_lock_left_by_a_killed_run_is_released(zone: Zone) -> None:
    lock = {"ID": "dead", "Who": landing_zone.whoami()}
    _lock(zone, lock)
    zone.kube.delete("RoleBinding", "stage-reader", "dev")
    assert zone.run() is Outcome.CHANGED
    assert zone.kube.get("RoleBinding", "stage-reader", "dev") is not None


def test_somebody_elses_lock_is_respected(zone: Zone) -> None:
    _lock(zone, {"ID": "alive", "Who": "colleague@elsewhere"})
    zone.kube.delete("RoleBinding", "stage-reader", "dev")
    with pytest.raises(PovError, match="locked by colleague@elsewhere"):
        zone.run()
    _lock(zone, None)
    assert zone.run() is Outcome.CHANGED


def test_an_old_lock_of_somebody_else_stops_nobody(zone: Zone) -> None:
    _lock(zone, {"ID": "old", "Who": "colleague@elsewhere", "Created": "2026-01-01T00:00:00.123456789Z"})
    zone.kube.delete("RoleBinding", "stage-reader", "dev")
    assert zone.run() is Outcome.CHANGED
    assert "that colleague@elsewhere left behind" in " ".join(event.message for event in zone.said)


def _lock(zone: Zone, info: dict[str, str] | None) -> None:
    import json

    full = {
        "Operation": "OperationTypeApply",
        "Info": "",
        "Version": "1.11.4",
        "Created": timestamp(SYSTEM_CLOCK.wall()),
        "Path": "",
        **(info or {}),
    }
    annotations = {"app.terraform.io/lock-info": json.dumps(full) if info else None}
    holder = info["ID"] if info else None
    patch = {"metadata": {"annotations": annotations}, "spec": {"holderIdentity": holder}}
    zone.kube.patch("coordination.k8s.io/v1/Lease", "lock-tfstate-default-landing-zone", "pov-terraform", patch)


def test_no_credential_is_written_anywhere(zone: Zone) -> None:
    token = zone.kube.as_installer().create_token("terraform", "pov-terraform", audience="").reveal()
    # Every token of this server starts with the same header and carries a claim that names the account.
    needle = token.split(".", 1)[0]
    for path in zone.ctx.home.root.rglob("*"):
        if path.is_file() and "providers" not in path.parts:
            assert needle.encode() not in path.read_bytes(), path
    state = zone.kube.secret("tfstate-default-landing-zone", "pov-terraform")
    assert state is not None


def test_the_guardrail_refuses_in_front(zone: Zone) -> None:
    wide = load_scenario("gitops-35")
    resources = wide.services.resources.model_copy(update={"cpu_request": "3"})
    services = wide.services.model_copy(update={"resources": resources})
    before = zone.ctx.scenario
    zone.ctx.scenario = wide.model_copy(update={"services": services})
    try:
        with pytest.raises(PovError) as refusal:
            zone.run()
    finally:
        zone.ctx.scenario = before
    assert "64 are allowed without an approved scope" in refusal.value.cause


def test_the_modules_own_tests_pass(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    copy_modules(data("terraform"), modules, tests=True)
    for name in ("guardrails", "landing_zone"):
        terraform = Terraform(find_program({}), modules / "modules" / name, providers=providers(), work=tmp_path / name)
        terraform.init()
        said = terraform.test()
        assert "0 failed" in said


_ALONE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.kube import Kube
from pov.model.events import silent
from pov.state.home import Home
from pov.steps.core import Report
from pov.steps.landing_zone import step as landing_zone
kubeconfig, home, mirror, count = sys.argv[1:]
scenario = load_scenario("gitops-35").with_services(int(count))
ctx = SimpleNamespace(kube=Kube(Path(kubeconfig)), scenario=scenario, engagement=None, approved={},
                      checked="", emit=silent, estates=estates(scenario), home=Home(Path(home)),
                      binaries={"terraform-providers": Path(mirror)})
landing_zone.step().run(ctx, Report("landing_zone", silent))
"""


@pytest.mark.parametrize(("count", "moment"), [(41, "variables.tfvars.json"), (42, "plan.txt")])
def test_killed_in_the_middle_and_run_again(zone: Zone, count: int, moment: str) -> None:
    """The first dies while it plans, the second while it applies; their terraform lives on for a moment."""
    sign = zone.ctx.home.root / "terraform" / moment
    before = sign.stat().st_mtime_ns
    arguments = [str(zone.kube.kubeconfig), str(zone.ctx.home.root), str(providers()), str(count)]
    victim = subprocess.Popen([sys.executable, "-c", _ALONE, *arguments])

    def written() -> bool | Pending:
        assert victim.poll() is None, "it ended by itself"
        return True if sign.exists() and sign.stat().st_mtime_ns != before else Pending("not yet")

    try:
        wait_for(f"{moment} to be written", written, timeout_s=60, interval_s=0.01)
    finally:
        victim.kill()
        victim.wait()
    scenario = load_scenario("gitops-35").with_services(count)
    zone.ctx.scenario, zone.ctx.estates = scenario, estates(scenario)
    zone.run()
    quota = zone.kube.get("ResourceQuota", "landing-zone", "staging")
    assert quota is not None
    assert quota["spec"]["hard"]["services"] == str(2 * count + 5)
    assert zone.run() is Outcome.UNCHANGED
