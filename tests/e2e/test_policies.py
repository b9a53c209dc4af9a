"""Changes that do not come from the GitOps path, pods that want too much, and what network policies say."""

from __future__ import annotations

import itertools
import json

import pytest

from pov.bundle import require_current
from pov.config.estates import estates
from pov.config.offering import load_offering
from pov.config.scenario import load_scenario
from tests.e2e import netpol
from tests.e2e.harness import SMALL, Environment

pytestmark = pytest.mark.timeout(300)

SERVICE = "payment-gateway"
DEPLOYMENT = f"deployment/{SERVICE}"
JANE = ("--as", "jane@example.com", "--as-group", "system:masters")
"""An administrator whom RBAC lets do everything."""
_SERVER = "https://kubernetes.default.svc"
CHANGES = {
    "change": ("set", "env", DEPLOYMENT, "BY_HAND=1"),
    "scale": ("scale", DEPLOYMENT, "--replicas=2"),
    "delete": ("delete", DEPLOYMENT, "--wait=false"),
    "create": ("create", "configmap", "by-hand"),
}


def _pod(environment: Environment, namespace: str) -> str:
    pods = environment.objects("pods", "-n", namespace, "-l", f"app={SERVICE}")
    return str(next(pod for pod in pods if "deletionTimestamp" not in pod["metadata"])["metadata"]["name"])


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_denied_in_prod_and_told_off_in_staging(shared: Environment, change: str) -> None:
    denied = shared.kubectl(*CHANGES[change], *JANE, "-n", "prod", code=None)
    assert denied.code != 0
    assert "ValidatingAdmissionPolicy" in denied.err
    assert "denied" in denied.err
    for namespace in ("staging", "dev"):
        warned = shared.kubectl(*CHANGES[change], *JANE, "-n", namespace, "--dry-run=server")
        assert "Warning:" in warned.err
        assert "ValidatingAdmissionPolicy" in warned.err


def test_the_clusters_own_administrator_is_no_exception(shared: Environment) -> None:
    denied = shared.kubectl(*CHANGES["change"], "-n", "prod", code=None)
    assert denied.code != 0
    assert "ValidatingAdmissionPolicy" in denied.err


def test_exec_into_prod_is_denied(shared: Environment) -> None:
    command = ("-c", "service", "--", "/pov-mock", "check", "--certs", "/certs")
    denied = shared.kubectl("exec", *JANE, "-n", "prod", _pod(shared, "prod"), *command, code=None)
    assert denied.code != 0
    assert "ValidatingAdmissionPolicy" in denied.err
    # The same command where it may be run, or the denial could have been any failure.
    shared.kubectl("exec", *JANE, "-n", "staging", _pod(shared, "staging"), *command)


def test_debugging_containers_in_prod_are_denied(shared: Environment) -> None:
    debug = ("debug", f"--image={require_current().images['mock']}", "--profile=restricted", "--target=service")
    denied = shared.kubectl(*debug, *JANE, "-n", "prod", _pod(shared, "prod"), code=None)
    assert denied.code != 0
    assert "ValidatingAdmissionPolicy" in denied.err
    assert "ephemeralContainers" not in shared.objects("pods", "-n", "prod", "-l", f"app={SERVICE}")[0]["spec"]


def test_the_gitops_path_may_change_prod(shared: Environment) -> None:
    argocd = ("--as", "system:serviceaccount:argocd:argocd-application-controller")
    shared.kubectl(*CHANGES["change"], *argocd, "-n", "prod", "--dry-run=server")


WAYS_IN = {
    "an application that follows another branch": (
        *("patch", "application", "prod", "-n", "argocd", "--type=merge"),
        *("-p", '{"spec": {"source": {"targetRevision": "main"}}}'),
    ),
    "a wider project": (
        *("patch", "appproject", "pov", "-n", "argocd", "--type=merge", "-p", '{"spec": {"sourceRepos": ["*"]}}'),
    ),
    "the controller's token": ("create", "token", "argocd-application-controller", "-n", "argocd"),
    "a token of kube-system": ("create", "token", "deployment-controller", "-n", "kube-system"),
    "a job beside the controller": ("create", "job", "borrower", "-n", "argocd", "--image=x"),
    "a pod in kube-system": ("run", "borrower", "-n", "kube-system", "--image=x", "--restart=Never"),
    "a shell beside the controller": ("exec", "-n", "argocd", "argocd-application-controller-0", "--", "true"),
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("who", [JANE, ()], ids=["another administrator", "the cluster's own"])
def test_the_way_from_git_cannot_be_widened_by_hand(shared: Environment, way: str, who: tuple[str, ...]) -> None:
    denied = shared.kubectl(*WAYS_IN[way], *who, code=None)
    assert denied.code != 0
    assert "ValidatingAdmissionPolicy" in denied.err
    assert "may not" in denied.err


def test_argo_cds_administrator_changes_what_is_followed_within_its_controllers_rights(shared: Environment) -> None:
    """A known limit, and where it ends; the next `up` puts the project back."""
    login = {"username": "admin", "password": shared.secret("argocd-admin-password")}
    token = shared.web("argocd")("POST", "/api/v1/session", json=login).json()["token"]
    argocd = shared.web("argocd", {"Authorization": f"Bearer {token}"})
    project = argocd("GET", "/api/v1/projects/pov").json()
    before = project["spec"]["destinations"]
    project["spec"]["destinations"] = [*before, {"server": _SERVER, "namespace": "kube-system"}]
    assert argocd("PUT", "/api/v1/projects/pov", json={"project": project}).status_code == 200, "it is not closed"
    source = {"repoURL": project["spec"]["sourceRepos"][0], "targetRevision": "main", "path": f"services/{SERVICE}"}
    destination = {"server": _SERVER, "namespace": "kube-system"}
    application = {
        "metadata": {"name": "beyond"},
        "spec": {"project": "pov", "source": source, "destination": destination},
    }
    try:
        made = argocd("POST", "/api/v1/applications", json=application)
        assert made.status_code == 200, made.text
        argocd("POST", "/api/v1/applications/beyond/sync", json={})

        def ended() -> str:
            state = argocd("GET", "/api/v1/applications/beyond").json()["status"].get("operationState") or {}
            return str(state) if state.get("phase") in {"Failed", "Error", "Succeeded"} else ""

        said = shared.until("the sync to end", ended, timeout_s=120)
        assert "forbidden" in said, said
        assert not shared.objects("deployments", "-n", "kube-system", "-l", f"app={SERVICE}")
    finally:
        # Its API takes nothing that changes something without a JSON body.
        gone = argocd("DELETE", "/api/v1/applications/beyond?cascade=false", json={})
    assert gone.status_code == 200, gone.text
    assert shared.pov("up").json["changed"]
    assert argocd("GET", "/api/v1/projects/pov").json()["spec"]["destinations"] == before


def test_argo_cd_writes_in_the_stages_alone(shared: Environment) -> None:
    controller = ("--as", "system:serviceaccount:argocd:argocd-application-controller")
    for namespace, may in (("staging", "yes"), ("prod", "yes"), ("kube-system", "no"), ("default", "no")):
        asked = shared.kubectl("auth", "can-i", "patch", "deployments.apps", "-n", namespace, *controller, code=None)
        assert asked.out.strip() == may, namespace


def _greedy(*, cpu: str = "5m", memory: str = "16Mi", replicas: int = 1) -> str:
    """A Deployment that is plain but for what it asks for."""
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    resources = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
    container = {"name": "c", "image": "c:1", "resources": resources, "securityContext": confined}
    pod = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    template = {"metadata": {"labels": {"app": "greedy"}}, "spec": {"containers": [container], "securityContext": pod}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "greedy"}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "greedy"}, "spec": spec})


def _claim(size: str) -> str:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    metadata = {"name": "greedy"}
    return json.dumps({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})


_CREATE = ("create", "-f", "-")
_QUOTAS = load_offering().quotas
_CPU_WORDS = (
    f"{_QUOTAS.cpu_standard + 1} CPU cores are asked for and {_QUOTAS.cpu_standard} are allowed without an approved "
    f"scope: ask for an approved scope, which allows up to {_QUOTAS.cpu_scoped}."
)
_BY_UP = "are changed by pov up alone"
TOO_MUCH: dict[str, tuple[tuple[str, ...], str, str]] = {
    # What is typed, what is given to it, and the words in which it is refused: the guardrail's.
    "CPU": (
        _CREATE,
        _greedy(cpu=str(_QUOTAS.cpu_standard + 1)),
        _CPU_WORDS,
    ),
    "CPU by replicas": (
        _CREATE,
        _greedy(cpu=str(_QUOTAS.cpu_standard), replicas=2),
        f"{2 * _QUOTAS.cpu_standard} CPU cores are asked",
    ),
    "memory": (_CREATE, _greedy(memory="4000Gi"), "4000 GiB of memory are asked for and"),
    "replicas": (_CREATE, _greedy(replicas=5000), "5000 pods are asked for and"),
    "replicas by scaling": (("scale", DEPLOYMENT, "--replicas=5000"), "", "5000 pods are asked for and"),
    "storage": (_CREATE, _claim("5000Gi"), "5000 GiB of storage are asked for and"),
    "storage that the stage lacks": (_CREATE, _claim("1Gi"), "1 GiB of storage are asked for and 0 were let through"),
}
OWN_LIMITS: dict[str, tuple[str, ...]] = {
    "a wider quota": (
        "patch",
        "resourcequota/landing-zone",
        "--type=merge",
        "-p",
        '{"spec": {"hard": {"pods": "999"}}}',
    ),
    "no quota": ("delete", "resourcequota/landing-zone"),
    "no limits": ("delete", "limitrange/landing-zone"),
}


@pytest.mark.parametrize("namespace", ["dev", "staging"])
@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("who", [JANE, ()], ids=["an administrator", "the cluster's own"])
def test_what_the_guardrail_refuses_kubectl_is_refused_alike(
    shared: Environment, namespace: str, what: str, who: tuple[str, ...]
) -> None:
    command, given, words = TOO_MUCH[what]
    options = ("--dry-run=server", "-n", namespace)
    denied = shared.kubectl(*command, *options, *who, code=None, stdin=given or None)
    assert denied.code != 0
    assert f"Refused by the guardrail. {words}" in denied.err


def test_even_what_comes_from_git_is_bounded_in_prod(shared: Environment) -> None:
    argocd = ("--as", "system:serviceaccount:argocd:argocd-application-controller")
    for given, words in ((_greedy(cpu="65"), "CPU cores are asked"), (_greedy(replicas=5000), "5000 pods are asked")):
        denied = shared.kubectl(*_CREATE, "--dry-run=server", "-n", "prod", *argocd, stdin=given, code=None)
        assert denied.code != 0
        assert words in denied.err
    shared.kubectl(*_CREATE, "--dry-run=server", "-n", "prod", *argocd, stdin=_greedy())


@pytest.mark.parametrize("namespace", ["dev", "staging", "prod"])
@pytest.mark.parametrize("what", OWN_LIMITS)
def test_a_stages_own_limits_are_not_lifted_by_hand(shared: Environment, namespace: str, what: str) -> None:
    denied = shared.kubectl(*OWN_LIMITS[what], "--dry-run=server", "-n", namespace, *JANE, code=None)
    assert denied.code != 0
    # In prod two policies refuse it, and the server tells of whichever it met first.
    words = (_BY_UP, "changes come from Git") if namespace == "prod" else (_BY_UP,)
    assert any(some in denied.err for some in words)


def test_what_the_platform_deploys_is_within_the_limits(shared: Environment) -> None:
    """Each workload that runs, once more, as the one who brought it: none is refused."""
    argocd = ("--as", "system:serviceaccount:argocd:argocd-application-controller")
    for namespace in ("dev", "staging", "prod"):
        running = shared.objects("deployments", "-n", namespace)
        assert running
        for deployment in running:
            name = deployment["metadata"]["name"]
            shared.kubectl(
                *("annotate", f"deployment/{name}", "pov.dev/probe=1", "--dry-run=server", "-n", namespace, *argocd)
            )


@pytest.mark.parametrize("namespace", ["dev", "staging", "prod"])
def test_the_landing_zone_bounds_what_runs(shared: Environment, namespace: str) -> None:
    quotas = shared.objects("resourcequota", "-n", namespace)
    assert any(quota["status"].get("used") for quota in quotas)
    assert shared.objects("limitrange", "-n", namespace)
    privileged = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "too-much", "namespace": namespace},
        "spec": {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]},
    }
    as_controller = ("--as", "system:serviceaccount:kube-system:replicaset-controller")
    denied = shared.kubectl(
        "create", *as_controller, "--dry-run=server", "-f", "-", stdin=json.dumps(privileged), code=None
    )
    assert denied.code != 0
    assert "violates PodSecurity" in denied.err


def test_network_policies_say_what_the_topology_says(shared: Environment) -> None:
    labels = {item["metadata"]["name"]: item["metadata"]["labels"] for item in shared.objects("namespaces")}
    policies = shared.objects("networkpolicies", "--all-namespaces")

    def pod(namespace: str, selector: str) -> netpol.Pod:
        found = shared.objects("pods", "-n", namespace, "-l", selector)[0]["metadata"]["labels"]
        return netpol.Pod(namespace, labels[namespace], found)

    gitops = [estate for estate in estates(load_scenario(str(SMALL))) if estate.kind == "gitops"]
    pods = {(e.name, name): pod(e.namespace, f"app={name}") for e in gitops for name in e.services}
    prober, gitea, vault = (
        netpol.Pod(namespace, labels[namespace], shared.objects("pods", "-n", namespace)[0]["metadata"]["labels"])
        for namespace in ("pov-system", "gitea", "vault")
    )
    dns = pod("kube-system", "k8s-app=kube-dns")
    for estate in gitops:
        edges = {(edge.source, edge.target) for edge in estate.edges}
        for source, target in itertools.permutations(estate.services, 2):
            ends = pods[estate.name, source], pods[estate.name, target]
            assert netpol.allowed(policies, *ends, 8443) == ((source, target) in edges), (estate.name, source, target)
            assert not netpol.allowed(policies, *ends, 8081)
        for name in estate.services:
            service = pods[estate.name, name]
            assert netpol.allowed(policies, prober, service, 8443)
            assert netpol.allowed(policies, service, vault, 8200)
            assert netpol.allowed(policies, service, dns, 53, "UDP")
            assert not netpol.allowed(policies, service, gitea, 3000)
            assert not netpol.allowed(policies, gitea, service, 8443)
    for (here, name), (there, other) in itertools.permutations(pods, 2):
        if here != there:
            assert not netpol.allowed(policies, pods[here, name], pods[there, other], 8443), (here, name, there, other)
