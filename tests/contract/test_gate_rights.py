"""What the gate's two accounts may, on a real API server: asked with their own tokens, wherever a Secret lies.

No pod is needed to know that: whatever a pull request brings a Job to do, it asks the server by what is bound to its
account. Terraform's state is the real one, with the Secret that its backend keeps it in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pov.base.errors import NotFound
from pov.base.files import private_dir
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.certificates import Trust
from pov.engines.kube import Kube
from pov.engines.kube_api import Connection, Refused
from pov.steps.core import Outcome
from pov.steps.gate import step as gate
from pov.steps.gate.job import manifest
from pov.steps.gate.names import COPY_LABEL, JOB, NAMESPACE, RUNNER
from pov.steps.gate.published import publish
from pov.steps.landing_zone.identity import NAMESPACE as TERRAFORM
from pov.steps.landing_zone.identity import SERVICE_ACCOUNT, STATE
from tests.contract.landing_zone import Zone, on_control_plane
from tests.contract.ways_in import CORE, MERGE, TOKEN

pytestmark = pytest.mark.contract

JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{TERRAFORM}/leases"
APART = "apart"
DRY = {"dryRun": "All"}
IMAGE = "gate:1"


@dataclass(frozen=True)
class Account:
    """One of the gate's accounts, as a process with its token speaks to the server."""

    name: str
    caller: Connection

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """The status of the answer, and the answer; what was let through and then found nothing is a 404."""
        kind = MERGE if method == "PATCH" else "application/json"
        # A watch that is let through ends by itself.
        asked = {**(query or {}), **({"timeoutSeconds": "1"} if method == "GET" else DRY)}
        try:
            reply = self.caller.call(method, path, body=body, query=asked, content_type=kind, as_text=method == "GET")
            return 200, reply.body
        except Refused as refusal:
            return refusal.status, refusal.message
        except NotFound as missing:
            return 404, missing.message


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    """Where Terraform made the landing zone, the gate's manifests lie, and other parts' namespaces hold Secrets."""
    with on_control_plane(tmp_path_factory.mktemp("rights"), "enterprise-scope") as zone:
        assert zone.run() is Outcome.CHANGED
        ctx = zone.ctx
        ctx.trust = Trust.ensure(ctx.home)[0]
        for file, _ in gate.TOKENS.values():
            ctx.home.save_secret(file, Secret(f"of {file}"))
        assert zone.kube.apply(gate._manifests(ctx, IMAGE), set_name="gate")
        assert publish(ctx), "the copy of the state"
        others = [each for space in ("argocd", "gitea", "vault", APART) for each in _held(space)]
        zone.kube.as_installer().apply(others, set_name="others")
        yield zone


def _held(space: str) -> list[dict[str, Any]]:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "held", "namespace": space}}
    return [namespace, {**secret, "data": {"key": "aGVsZA=="}}]


@pytest.fixture(scope="module")
def accounts(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    """Both, once what is bound to the one that has rights is in force."""
    root = tmp_path_factory.mktemp("accounts")
    made = {name: Account(name, Connection(_by_token(zone.kube, name, root / name))) for name in (JOB, RUNNER)}
    wait_for("the runner's rights", lambda: _granted(made[RUNNER], "GET", JOBS), timeout_s=30, interval_s=0.1)
    return made


def _by_token(kube: Kube, account: str, folder: Path) -> Path:
    """A kubeconfig with the account's own token, and nothing of the administrator's."""
    token = kube.as_installer().create_token(account, NAMESPACE, audience="")
    config = yaml.safe_load(kube.kubeconfig.read_text())
    config["users"] = [{**config["users"][0], "user": {"token": token.reveal()}}]
    path = private_dir(folder) / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


def _granted(account: Account, method: str, path: str) -> bool | Pending:
    status, said = account.ask(method, path)
    return True if status == 200 else Pending(f"{status}: {said}")


@pytest.mark.parametrize("name", [JOB, RUNNER])
def test_no_secret_of_any_namespace_is_read_and_the_backends_is_one(
    name: str, zone: Zone, accounts: dict[str, Account]
) -> None:
    account = accounts[name]
    held = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in zone.kube.list("v1/Secret")]
    assert {(TERRAFORM, STATE), (NAMESPACE, JOB), (NAMESPACE, RUNNER), ("vault", "held")} <= set(held)
    spaces = {one["metadata"]["name"] for one in zone.kube.list("v1/Namespace")}
    assert {TERRAFORM, NAMESPACE, "dev", "staging", "kube-system"} <= spaces
    paths = [f"{CORE}/{space}/secrets/{secret}" for space, secret in held]
    paths += ["/api/v1/secrets", *(f"{CORE}/{space}/secrets" for space in sorted(spaces))]
    for path in paths:
        status, said = account.ask("GET", path)
        assert (status, "secrets" in said, "forbidden" in said) == (403, True, True), (path, said)
    for path in paths[len(held) :]:
        assert account.ask("GET", path, query={"watch": "true"})[0] == 403, path
    for space in sorted(spaces):
        assert account.ask("POST", f"{CORE}/{space}/secrets", _held(space)[1])[0] == 403, space


# By what else the state, its lock or somebody's rights could be had: in the account's own namespace, or where they lie.
AROUND: dict[str, tuple[str, str, Any]] = {
    "the lock of the state": ("GET", f"{LEASES}/lock-{STATE}", None),
    "all locks": ("GET", LEASES, None),
    "to take the lock away": ("DELETE", f"{LEASES}/lock-{STATE}", None),
    "what the last bring-up left": ("GET", f"{CORE}/{TERRAFORM}/configmaps", None),
    "Terraform's token": ("POST", f"{CORE}/{TERRAFORM}/serviceaccounts/{SERVICE_ACCOUNT}/token", TOKEN),
    "the runner's token": ("POST", f"{CORE}/{NAMESPACE}/serviceaccounts/{RUNNER}/token", TOKEN),
    "a pod beside the state": ("POST", f"{CORE}/{TERRAFORM}/pods", None),
    "a Job beside the state": ("POST", JOBS.replace(NAMESPACE, TERRAFORM), None),
    "a pod of its own": ("POST", f"{CORE}/{NAMESPACE}/pods", None),
    "a shell elsewhere": ("POST", f"{CORE}/vault/pods/vault-0/exec", None),
    "rights beside the state": ("POST", f"{RBAC}/namespaces/{TERRAFORM}/rolebindings", None),
    "rights at home": ("POST", f"{RBAC}/namespaces/{NAMESPACE}/rolebindings", None),
    "rights everywhere": ("POST", f"{RBAC}/clusterrolebindings", None),
    "the walls down": ("DELETE", f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/gate", None),
    "another watcher": ("PATCH", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RUNNER}", {"metadata": {}}),
    "a file of its namespace": ("POST", f"{CORE}/{NAMESPACE}/configmaps", None),
    "no Jobs": ("DELETE", JOBS, None),
    "the node": ("GET", "/api/v1/nodes", None),
}


@pytest.mark.parametrize("name", [JOB, RUNNER])
@pytest.mark.parametrize("what", AROUND)
def test_no_way_around_leads_to_them(name: str, what: str, accounts: dict[str, Account]) -> None:
    method, path, body = AROUND[what]
    status, said = accounts[name].ask(method, path, body if body is not None or method != "POST" else {})
    assert status == 403, said
    assert f"system:serviceaccount:{NAMESPACE}:{name}" in said


@pytest.mark.parametrize("name", [JOB, RUNNER])
def test_neither_speaks_in_somebody_elses_name(name: str, zone: Zone, accounts: dict[str, Account]) -> None:
    as_terraform = {"Impersonate-User": f"system:serviceaccount:{TERRAFORM}:{SERVICE_ACCOUNT}"}
    with pytest.raises(Refused, match="impersonate") as refused:
        accounts[name].caller.call("GET", f"{CORE}/{TERRAFORM}/secrets/{STATE}", headers=as_terraform)
    assert refused.value.status == 403


def test_the_runner_reads_what_it_needs_and_makes_jobs_here_alone(zone: Zone, accounts: dict[str, Account]) -> None:
    runner = accounts[RUNNER]
    job = manifest(1, "1" * 40, "2" * 40, image=IMAGE, environment="contract", state="1")
    runner.caller.call("POST", JOBS, body=job)
    made = f"{JOBS}/{job['metadata']['name']}"
    for path in (JOBS, made, f"{CORE}/{NAMESPACE}/pods"):
        assert runner.ask("GET", path)[0] == 200, path
    status, said = runner.ask("GET", f"{CORE}/{NAMESPACE}/configmaps", query={"labelSelector": COPY_LABEL})
    assert (status, COPY_LABEL in said) == (200, True), "which copy of the state there is"
    assert runner.ask("GET", f"{CORE}/{NAMESPACE}/pods/none/log")[0] == 404, "what a Job says"
    assert runner.ask("DELETE", made)[0] == 403
    assert runner.ask("PATCH", made, {"metadata": {"labels": {"a": "b"}}})[0] == 403
    for space in ("dev", "staging", "argocd"):
        assert runner.ask("POST", JOBS.replace(NAMESPACE, space), {})[0] == 403, space


def test_the_job_is_somebody_and_may_nothing(zone: Zone, accounts: dict[str, Account]) -> None:
    job = accounts[JOB]
    assert job.ask("GET", "/version")[0] == 200, "the server knows its token"
    for path in (JOBS, f"{CORE}/{NAMESPACE}/pods", f"{CORE}/{NAMESPACE}/configmaps", f"{CORE}/{NAMESPACE}/pods/x/log"):
        assert job.ask("GET", path)[0] == 403, path
    assert job.ask("POST", JOBS, manifest(2, "1" * 40, "2" * 40, image=IMAGE, environment="contract"))[0] == 403
    pod = manifest(1, "1" * 40, "2" * 40, image=IMAGE, environment="contract", state="1")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == (JOB, False)
    mounted = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert mounted == {JOB}, "of its own namespace, and the first container's alone"


@contextmanager
def _bound(kube: Kube, account: str) -> Iterator[None]:
    """For a `with` block the account may read the Secrets of a namespace that nothing else is about."""
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "reads", "namespace": APART}}
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reads"}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    bound = {**about, "kind": "RoleBinding", "roleRef": role, "subjects": subjects}
    kube.apply([{**about, "kind": "Role", "rules": rules}, bound], set_name="bound")
    try:
        yield
    finally:
        kube.apply([], set_name="bound")


@pytest.mark.parametrize("name", [JOB, RUNNER])
def test_a_right_too_many_would_be_seen(name: str, zone: Zone, accounts: dict[str, Account]) -> None:
    """So that the refusals above are the rights' doing, and not how they are asked for."""
    account, path = accounts[name], f"{CORE}/{APART}/secrets/held"
    with _bound(zone.kube, name):
        wait_for("the right", lambda: _granted(account, "GET", path), timeout_s=30, interval_s=0.1)
    taken = Pending("it still reads")
    wait_for("no right", lambda: True if account.ask("GET", path)[0] == 403 else taken, timeout_s=30, interval_s=0.1)
