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
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.kube import Kube
from pov.engines.kube_api import Refused
from pov.engines.terraform import Terraform, copy_modules, find_program
from pov.model.events import Event
from pov.state.home import Home
from pov.steps.core import Outcome, Report
from pov.steps.landing_zone import step as landing_zone
from tests.contract.apiserver import control_plane, providers

pytestmark = pytest.mark.contract

ADMIN = ("somebody", ("system:masters", "system:authenticated"))
CONTROLLER = (
    "system:serviceaccount:kube-system:deployment-controller",
    ("system:masters", "system:serviceaccounts:kube-system"),
)
GITOPS = ("system:serviceaccount:argocd:argocd-application-controller", ("system:masters",))
NODE = ("system:node:one", ("system:masters", "system:nodes"))


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
        yield zone


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
        ("raise the quota", "PATCH", f"{core}/resourcequotas/landing-zone", {"spec": {"hard": {"pods": "999"}}}, merge),
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
    zone.kube.patch("ResourceQuota", "landing-zone", "staging", {"spec": {"hard": {"pods": "1"}}})
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
    token = zone.kube.create_token("terraform", "pov-terraform", audience="").reveal()
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
ctx = SimpleNamespace(kube=Kube(Path(kubeconfig)), scenario=scenario, estates=estates(scenario), home=Home(Path(home)),
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
    wait_for(
        f"{moment} to be written",
        lambda: True if sign.exists() and sign.stat().st_mtime_ns != before else Pending("not yet"),
        timeout_s=60,
        interval_s=0.01,
    )
    victim.kill()
    victim.wait()
    scenario = load_scenario("gitops-35").with_services(count)
    zone.ctx.scenario, zone.ctx.estates = scenario, estates(scenario)
    zone.run()
    quota = zone.kube.get("ResourceQuota", "landing-zone", "staging")
    assert quota is not None
    assert quota["spec"]["hard"]["services"] == str(2 * count + 5)
    assert zone.run() is Outcome.UNCHANGED
