"""From a plan to an apply on a real API server with the real Terraform: what was checked is what is applied."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pov.base.errors import CriterionNotMet, PovError
from pov.base.files import write_atomic
from pov.base.paths import data
from pov.bundle import require_current
from pov.cli.main import main
from pov.config.offering import shipped
from pov.engines.terraform import Plan, Terraform, find_program
from pov.engines.terraform_state import beyond, made_on, seal_of, unpacked
from pov.model.events import silent
from pov.scoping.gate import told_of
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, BEGUN, EMPTY, REFUSED, LogWriter
from pov.steps.core import Outcome, Report
from pov.steps.gate import repository
from pov.steps.gate.names import COPY_STAGES, COPY_STATE
from pov.steps.gate.published import copy_of
from pov.steps.landing_zone import asking
from pov.steps.landing_zone import step as landing_zone
from pov.steps.landing_zone.applying import Applying, Asked, Judged, digested
from pov.steps.landing_zone.deal import Followed, Origin
from pov.steps.landing_zone.identity import NAMESPACE, STATE
from pov.workflows.approvals import Trust
from pov.workflows.gate import GateOptions, GateResult, run_gate
from pov.workflows.gate_room import furnish, with_state, without_state
from pov.workflows.gate_state import copied, state_in
from tests.contract.apiserver import providers
from tests.contract.landing_zone import Zone, on_control_plane

# The gate's program is compiled where no command has asked for it yet: minutes, on a busy machine.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(1200)]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Zone]:
    with on_control_plane(tmp_path, "quickstart") as zone:
        yield zone


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone]:
    with on_control_plane(tmp_path_factory.mktemp("zone"), "quickstart") as zone:
        zone.run()
        yield zone


@pytest.fixture
def zone(applied: Zone) -> Zone:
    """One whose landing zone is whole, whatever a test before did to it."""
    applied.run()
    return applied


def test_the_plan_that_was_checked_against_nothing_is_the_first_that_is_applied(bare: Zone, tmp_path: Path) -> None:
    room = furnish(tmp_path / "room", None)
    without_state(room)
    alone = Terraform(find_program(require_current().binaries), room.root, providers=providers(), work=room.work)
    alone.init()
    checked = told_of(alone.judged(bare.variables).document).digest
    with pytest.raises(CriterionNotMet, match="another than the one that was checked"):
        bare.run("0" * 64)
    assert bare.kube.get("Namespace", "staging") is None, "nothing is half applied"
    assert bare.run(checked) is Outcome.CHANGED
    refused, begun, ended = bare.log
    assert (refused.result, begun.result, ended.result) == (REFUSED, BEGUN, APPLIED)
    assert ended.plan == ended.approved == checked
    assert ended.after["serial"] == landing_zone.state_of(bare.kube).serial > ended.before["serial"]
    assert {change["actions"][0] for change in ended.changes} == {"create"}
    assert bare.run() is Outcome.UNCHANGED
    assert len(bare.log) == 3, "where nothing differs Terraform is not asked, and nothing is logged"


def test_a_plan_that_was_checked_is_looked_for_even_where_nothing_differs(zone: Zone) -> None:
    with pytest.raises(CriterionNotMet, match="another than the one that was checked"):
        zone.run("0" * 64)
    plan = zone.terraform().plan(zone.variables)
    state = {"lineage": plan.made_on.lineage, "serial": plan.made_on.serial}
    assert zone.run(told_of(plan.document, state).digest) is Outcome.UNCHANGED
    assert zone.log[-1].result == EMPTY


def test_the_gate_plans_against_the_state_and_the_bring_up_applies_that_plan(zone: Zone, tmp_path: Path) -> None:
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    before = landing_zone.state_of(zone.kube)
    work = tmp_path / "work"
    where = state_in(zone.kube, "here", work)
    room = furnish(tmp_path / "room", None)
    with_state(room)
    program = find_program(require_current().binaries)
    gate = Terraform(program, room.root, providers=providers(), work=work, env=where.access)
    gate.init()
    plan = gate.judged(zone.variables)
    told = told_of(plan.document, digested(made_on(plan.path)))
    assert [change.actions for change in told.changes] == [("create",)], "what it changes of what runs, and no more"
    assert landing_zone.state_of(zone.kube) == before
    assert zone.run(told.digest) is Outcome.CHANGED
    assert (zone.log[-1].result, zone.log[-1].plan) == (APPLIED, told.digest)
    with pytest.raises(CriterionNotMet, match="another than the one that was checked"):
        zone.run(told.digest)


def test_the_command_tells_the_digest_that_the_bring_up_takes(
    zone: Zone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pov gate` in the engagement folder of an environment that runs."""
    folder = tmp_path / "acme"
    assert main(["init", str(folder), "--scenario", "quickstart"]) == 0
    with (folder / "engagement.yaml").open("a") as file:
        file.write("scope: {users: 50000}\n")
    home = Home(folder / ".pov" / "here")
    write_atomic(home.kubeconfig, zone.kube.kubeconfig.read_bytes())
    (tmp_path / "signers").touch()
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    capsys.readouterr()
    gate = ["--engagement", str(folder), "--name", "here", "gate", "--signers", str(tmp_path / "signers")]
    assert main(gate) == 0
    serial = landing_zone.state_of(zone.kube).serial
    planned, passed = capsys.readouterr().out.splitlines()[-2:]
    assert planned == f"planned against the state of here, serial {serial}"
    assert passed.startswith("passed: 1 to create, 0 to update, 0 to delete; plan ")
    assert zone.run(passed.rpartition(" ")[2]) is Outcome.CHANGED
    assert main([*gate, "--json"]) == 0
    against = json.loads(capsys.readouterr().out)["plan"]["against"]
    assert (against["environment"], against["serial"], against["why_not"]) == ("here", serial + 1, "")


def test_who_reads_the_state_can_change_nothing(zone: Zone, tmp_path: Path) -> None:
    where = state_in(zone.kube, "here", tmp_path / "work")
    root = zone.work / "modules" / "targets" / "local"
    program = find_program(require_current().binaries)
    reader = Terraform(program, root, providers=providers(), work=tmp_path / "work", env=where.access)
    reader.init()
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    try:
        with pytest.raises(PovError) as refused:
            reader.plan(zone.variables)
        assert "forbidden" in refused.value.cause, "not even the state's lock"
        path = reader.judged(zone.variables).path
        plan = Plan(1, 0, 0, "", path, {}, seal_of(path), made_on(path))
        with pytest.raises(PovError) as refused:
            reader.apply(plan)
        assert "forbidden" in refused.value.cause
        user = "system:serviceaccount:pov-terraform:terraform-reader"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}
        allowed, said, _ = zone.kube.can_i_dry_run(manifest, as_user=user, as_groups=("system:authenticated",))
        assert (allowed, "cannot" in said) == (False, True)
    finally:
        assert zone.run() is Outcome.CHANGED


def test_a_plan_on_a_state_that_moved_since_is_refused_by_terraform_itself(zone: Zone, tmp_path: Path) -> None:
    terraform = zone.terraform()
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    first = terraform.plan(zone.variables)
    assert first.create == 1
    kept = tmp_path / "plan.out"
    shutil.copyfile(first.path, kept)
    assert zone.run() is Outcome.CHANGED
    assert made_on(kept) == first.made_on != landing_zone.state_of(zone.kube)
    late = type(first)(1, 0, 0, "", kept, first.document, seal_of(kept), first.made_on)
    with pytest.raises(PovError) as refused:
        zone.terraform().apply(late)
    assert "stale" in refused.value.cause.lower()


def test_a_file_that_sets_variables_is_not_there_any_more_when_terraform_looks(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = zone.work / "modules" / "targets" / "local"
    (root / "more.auto.tfvars").write_text('override = {approved_by = "me", reason = "mine"}\n')
    monkeypatch.setenv("TF_VAR_override", '{"approved_by": "me", "reason": "mine"}')
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    assert zone.run() is Outcome.CHANGED
    assert zone.log[-1].result == APPLIED
    assert not (root / "more.auto.tfvars").exists()
    space = zone.kube.get("Namespace", "staging")
    assert space is not None
    assert "me" not in space["metadata"]["annotations"]["pov.dev/guardrail-decision"].split()


def test_a_variable_that_slips_in_all_the_same_is_found_in_the_plan(zone: Zone) -> None:
    """Past the copy: whoever may write there while the step runs."""
    root = zone.work / "modules" / "targets" / "local"
    terraform = zone.terraform()
    (root / "more.auto.tfvars").write_text('iops_approval = {role = "engineering-vp", approved_by = "me"}\n')
    try:
        plan = terraform.plan(zone.variables)
    finally:
        (root / "more.auto.tfvars").unlink()
    way = Applying(
        SimpleNamespace(plan=lambda _: plan),  # type: ignore[arg-type]
        lambda: landing_zone.state_of(zone.kube),
        lambda *_: Judged(),
        LogWriter(zone.ctx.home.terraform_log),
        "somebody",
        print,
        print,
    )
    with pytest.raises(CriterionNotMet, match="another `iops_approval` than was handed in"):
        way.run(Asked(zone.variables, "test", {}))
    assert zone.log[-1].result == REFUSED


def deal_of(folder: Path, stages: str) -> Followed:
    """The deal's repository as it is laid out, whose root module has an output of its own."""
    for path, content in repository.managed(shipped(), folder / "nobody").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    for files in repository.seeds(None, data("scenarios", "enterprise-scope", "deal"), {}).values():
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    (folder / "deal" / "stages.yaml").write_text(f"apiVersion: pov.dev/v1\nkind: Stages\nstages: {stages}\n")
    more = '\noutput "count" {\n  value = length(module.landing_zone.namespaces)\n}\n'
    with (folder / "terraform" / "targets" / "local" / "outputs.tf").open("a") as file:
        file.write(more)
    return Followed(Origin("c" * 40, "d" * 40, 7, ""), folder)


def as_the_job_sees_it(zone: Zone, deal: Followed, folder: Path) -> GateResult:
    """Judged with a copy of the state and nothing to reach the cluster by."""
    held = zone.kube.secret(STATE, NAMESPACE)
    assert held is not None
    copy = copy_of(held["tfstate"], asking.requested(zone.ctx.scenario, zone.ctx.estates))
    folder.mkdir()
    (folder / COPY_STATE).write_bytes(base64.b64decode(copy["binaryData"][COPY_STATE]))
    (folder / COPY_STAGES).write_text(copy["data"][COPY_STAGES])
    (folder / "signers").touch()
    assert beyond(unpacked(held["tfstate"]), {kind.rpartition("/")[2] for kind in landing_zone.KINDS}) == ""
    options = GateOptions(
        deal.folder / "deal",
        Trust(folder / "signers"),
        environment="here",
        offering=deal.offering_file,
        stages=deal.folder / "deal" / "stages.yaml",
        terraform=deal.folder / "terraform" / "targets" / "local",
        against=copied(folder, "here"),
    )
    return run_gate(options, silent)


def test_what_a_job_tells_by_a_copy_of_the_state_is_the_plan_that_is_applied_and_a_bring_up_keeps_it(
    zone: Zone, tmp_path: Path
) -> None:
    deal = deal_of(tmp_path / "deal", "{prod: {cpu: 2, memoryGib: 2, pods: 9, services: 9}}")
    judged = as_the_job_sees_it(zone, deal, tmp_path / "copy")
    assert judged.refusals == ()
    assert judged.against["serial"] == landing_zone.state_of(zone.kube).serial
    changed = {one.address for one in judged.plan.changes}
    assert 'module.landing_zone.kubectl_manifest.namespace["prod"]' in changed
    assert not [address for address in changed if '["staging"]' in address], "the scenario's stages stand as they are"
    report, ctx = Report("infra", silent), zone.ctx
    try:
        ctx.deal = deal
        told = asking.variables(ctx, {})
        asked = Asked(told, "pov infra apply", {"of": "pov/deal", "commit": deal.origin.commit}, judged.plan.digest)
        applied = landing_zone.run_terraform(ctx, asked, report)
        assert applied is not None
        assert applied.digest == judged.plan.digest
        landing_zone.settle(ctx, told, report)
        ended = zone.log[-1]
        assert (ended.result, ended.plan, ended.approved) == (APPLIED, judged.plan.digest, judged.plan.digest)
        assert ended.after["serial"] == ended.before["serial"] + 1 == landing_zone.state_of(zone.kube).serial
        lines = len(zone.log)
        assert zone.run() is Outcome.UNCHANGED
        assert len(zone.log) == lines, "nothing is planned"
        zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
        assert zone.run() is Outcome.CHANGED
        assert [(one["actions"], one["address"]) for one in zone.log[-1].changes] == [
            (["create"], 'module.landing_zone.kubectl_manifest.limits["staging"]')
        ]
        with pytest.raises(CriterionNotMet, match="another than the one that was checked"):
            landing_zone.run_terraform(ctx, asked, report)
        assert zone.log[-1].result == REFUSED
    finally:
        ctx.deal = None
        # Without this it is taken for an older copy: `test_an_older_copy_beside_the_environment_takes_no_merge_back`.
        zone.kube.delete("ConfigMap", landing_zone.RECORD, NAMESPACE)
        assert zone.run() is Outcome.CHANGED
    assert zone.kube.get("ResourceQuota", "landing-zone", "prod") is None


def test_a_state_that_moved_makes_another_plan_of_the_same_merge(zone: Zone, tmp_path: Path) -> None:
    deal = deal_of(tmp_path / "deal", "{prod: {cpu: 2, memoryGib: 2, pods: 9, services: 9}}")
    before = as_the_job_sees_it(zone, deal, tmp_path / "before")
    again = as_the_job_sees_it(zone, deal, tmp_path / "again")
    assert again.plan == before.plan
    zone.kube.as_installer().delete("LimitRange", "landing-zone", "staging")
    drifted = as_the_job_sees_it(zone, deal, tmp_path / "drifted")
    assert drifted.plan.digest == before.plan.digest, "a Job cannot see it: the apply does, and refuses"
    assert zone.run() is Outcome.CHANGED
    after = as_the_job_sees_it(zone, deal, tmp_path / "after")
    assert after.plan.changes == before.plan.changes
    assert after.plan.digest != before.plan.digest


def test_a_deal_that_takes_room_from_what_runs_is_refused_by_the_job(zone: Zone, tmp_path: Path) -> None:
    deal = deal_of(tmp_path / "deal", "{staging: {cpu: 0.1, memoryGib: 2, pods: 99, services: 99}}")
    (told,) = as_the_job_sees_it(zone, deal, tmp_path / "copy").refusals
    assert told.what == "staging: 0.1 CPU cores asked for"
