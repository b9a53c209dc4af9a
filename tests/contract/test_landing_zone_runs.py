"""Runs of the landing zone's step on a real API server: what each finds, mends, respects and leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.errors import PovError
from pov.base.paths import data
from pov.base.wait import Pending, wait_for
from pov.base.whoami import whoami
from pov.config.scenario import load_scenario
from pov.engines.terraform import Terraform, copy_modules, find_program
from pov.state.terraform_log import APPLIED, last_known
from pov.steps.core import Outcome
from pov.steps.landing_zone import step as landing_zone
from tests.contract.apiserver import providers
from tests.contract.landing_zone import ADMIN, GITOPS, TERRAFORM, Zone, impersonating, on_control_plane
from tests.contract.sizes import APPS, claim, pod_spec, workload
from tests.contract.ways_in import CORE, MERGE

pytestmark = pytest.mark.contract

REPOSITORY = Path(__file__).parents[2]
SCENARIO = "quickstart"
POLICIES = (
    *("only-from-git", "gitops-settings", "platform-workloads", "borrowed-identities"),
    *("offering-workloads", "offering-claims", "stage-limits"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    with on_control_plane(tmp_path_factory.mktemp("zone"), SCENARIO) as zone:
        yield zone


@pytest.fixture
def zone(made: Zone) -> Zone:
    """One that is whole, whatever a test before did to it."""
    made.run()
    made.said.clear()
    return made


def test_a_second_run_starts_no_terraform(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_zone, "_terraform", lambda *_: pytest.fail("terraform was started"))
    assert zone.run() is Outcome.UNCHANGED


def test_what_somebody_changed_is_changed_back(zone: Zone) -> None:
    before = zone.kube.get("ResourceQuota", "landing-zone", "staging")
    assert before is not None
    # Only in the name of Terraform: that is what somebody with the right to impersonate can do.
    path = f"{CORE}/staging/resourcequotas/landing-zone"
    less = {"spec": {"hard": {"pods": "1"}}}
    zone.kube._api.call("PATCH", path, body=less, content_type=MERGE, headers=impersonating(TERRAFORM))
    zone.kube.delete("RoleBinding", "certificate-policy-reader", "dev")
    assert zone.run() is Outcome.CHANGED
    quota = zone.kube.get("ResourceQuota", "landing-zone", "staging")
    assert quota is not None
    assert quota["spec"]["hard"] == before["spec"]["hard"]
    assert int(quota["spec"]["hard"]["pods"]) > 1
    assert zone.kube.get("RoleBinding", "certificate-policy-reader", "dev") is not None
    assert "terraform plan: 1 to create, 1 to change, 0 to delete" in " ".join(event.message for event in zone.said)


def test_known_limit_an_administrator_can_take_policies_away_and_up_puts_them_back(zone: Zone) -> None:
    """Each of them is missed by itself; one run puts all of them back."""
    live = landing_zone._live(zone.kube)
    for policy in POLICIES:
        path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{policy}"
        assert zone.ask(ADMIN, "DELETE", path)[0], policy
        zone.kube.delete("ValidatingAdmissionPolicy", policy)
        before, live = live, landing_zone._live(zone.kube)
        assert live != before, policy
    assert zone.run() is Outcome.CHANGED
    assert f"terraform plan: {len(POLICIES)} to create" in " ".join(event.message for event in zone.said)
    for policy in POLICIES:
        assert zone.kube.get("ValidatingAdmissionPolicy", policy) is not None, policy


def test_known_limit_terraform_can_be_run_past_pov(zone: Zone) -> None:
    """Nothing hinders who has the account's token, and the log knows nothing of it; terraform/README.md says so."""

    def is_told() -> bool:
        known, state = last_known(zone.log), landing_zone.state_of(zone.kube)
        return (known.get("lineage"), known.get("serial")) == (state.lineage, state.serial)

    assert is_told()
    lines = len(zone.log)
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    terraform = zone.terraform()
    terraform.apply(terraform.plan(zone.variables))
    assert zone.kube.get("LimitRange", "landing-zone", "staging") is not None
    assert len(zone.log) == lines
    assert not is_told(), "what `pov compliance` compares"
    zone.run()
    assert is_told(), "the next bring-up takes the state as it is"


def test_known_limit_nobody_approves_a_plan_of_a_bring_up_without_checked(zone: Zone) -> None:
    """Whoever may run `pov up` applies what no guardrail refuses; terraform/README.md says so."""
    with zone.asking(scenario=zone.ctx.scenario.with_services(7)):
        assert zone.run() is Outcome.CHANGED
        assert (zone.log[-1].result, zone.log[-1].approved) == (APPLIED, "")


def test_another_offering_and_a_scope_give_the_cluster_other_numbers(zone: Zone) -> None:
    """Nothing is typed twice: what Terraform is told is what the cluster says."""
    approved = {
        "quotas": {"cpu_standard": 7, "cpu_scoped": 9, "iops_approval": 100},
        "scope": {"reference": "acme", "approved_by": "pat"},
        "storage": {"gib": 9000.5, "of": "scope acme"},
    }
    asked = (
        (
            f"{APPS}/deployments",
            workload("Deployment", pod_spec(requests={"cpu": "10"})),
            "10 CPU cores are asked for and 9",
        ),
        (
            f"{CORE}/staging/persistentvolumeclaims",
            claim("9001Gi"),
            "9001 GiB of storage are asked for and 9000.5 are what",
        ),
    )
    with zone.asking(approved=approved):
        assert zone.run() is Outcome.CHANGED
        for path, body, words in asked:
            wait_for(
                f"the cluster to say: {words}",
                lambda path=path, body=body, words=words: _says(zone, path, body, words),  # type: ignore[misc]
                timeout_s=30,
                interval_s=0.1,
            )
    assert zone.run() is Outcome.CHANGED


def _says(zone: Zone, path: str, body: dict[str, Any], words: str) -> bool | Pending:
    allowed, said = zone.ask(GITOPS, "POST", path, body)
    return True if not allowed and words in said and "scope acme" in said else Pending(said)


def test_a_lock_left_by_a_killed_run_is_released(zone: Zone) -> None:
    lock = {"ID": "dead", "Who": whoami()}
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
    with (
        zone.asking(scenario=wide.model_copy(update={"services": services})),
        pytest.raises(PovError) as refusal,
    ):
        zone.run()
    assert "64 are allowed without an approved scope" in refusal.value.cause


def test_the_modules_own_tests_pass(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    copy_modules(data("terraform"), modules, tests=True)
    for name in ("guardrails", "landing_zone"):
        terraform = Terraform(find_program({}), modules / "modules" / name, providers=providers(), work=tmp_path / name)
        terraform.init()
        said = terraform.test()
        assert "0 failed" in said


@pytest.mark.parametrize(("count", "moment"), [(6, "variables.tfvars.json"), (7, "plan.txt")])
def test_killed_in_the_middle_and_run_again(zone: Zone, count: int, moment: str) -> None:
    """The first dies while it plans, the second while it applies; their terraform lives on for a moment."""
    sign = zone.work / moment
    before = sign.stat().st_mtime_ns
    arguments = [str(zone.kube.kubeconfig), str(zone.ctx.home.root), SCENARIO, str(count)]
    victim = subprocess.Popen([sys.executable, "-m", "tests.contract.landing_zone", *arguments], cwd=REPOSITORY)

    def written() -> bool | Pending:
        assert victim.poll() is None, "it ended by itself"
        return True if sign.exists() and sign.stat().st_mtime_ns != before else Pending("not yet")

    try:
        wait_for(f"{moment} to be written", written, timeout_s=60, interval_s=0.01)
    finally:
        victim.kill()
        victim.wait()
    with zone.asking(scenario=load_scenario(SCENARIO).with_services(count)):
        zone.run()
        quota = zone.kube.get("ResourceQuota", "landing-zone", "staging")
        assert quota is not None
        assert quota["spec"]["hard"]["services"] == str(2 * count + 5)
        assert zone.run() is Outcome.UNCHANGED
