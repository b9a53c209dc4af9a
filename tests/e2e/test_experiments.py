"""Experiments beside `deploy` and `rotate`: one trial each on the shared environment, without a run around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pov.bundle import versions
from pov.experiments.stages import differences, stages_now
from pov.measure.trials import Result
from pov.state.terraform_log import APPLIED, BEGUN, read_log
from pov.steps.argocd import releases
from pov.steps.git.repository import heads, working_copy
from pov.steps.vault.step import connect as connect_to_vault
from pov.workflows.toolbox import toolbox
from tests.e2e.harness import Environment
from tests.e2e.trials import IN_THIS_PROCESS, trial

pytestmark = [pytest.mark.timeout(300), *IN_THIS_PROCESS]


def told(result: Result) -> dict[str, Any]:
    """What is worth knowing of it."""
    steps = {step.name: round(step.seconds, 1) for step in result.evidence.steps}
    seen = result.evidence.traffic
    lost = None if seen is None else {"hard": seen.operation.hard, "late": seen.operation.late}
    return {"seconds": result.seconds, "steps": steps, "figures": dict(result.evidence.figures), "lost": lost}


def test_what_is_changed_by_hand_is_found_and_undone(shared: Environment, facts: Callable[..., None]) -> None:
    before = shared.objects("deployments", "--namespace", "staging")
    result = trial(shared, "drift", "automated")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    *changes, addition = details["changes"]
    assert [change["kind"] for change in changes] == ["replicas", "variable", "image"]
    assert all(0 < c["found_s"] <= c["changed_back_s"] <= (result.seconds or 0) for c in changes)
    assert addition["found_s"] is None, "Argo CD does not see what Git does not speak of"
    assert details["repair_began"], "Argo CD itself began the sync that repaired it"
    assert details["written_back_by"], "the cluster notes who wrote the specification"
    assert str(details["found_by"]).startswith("Argo CD: ")
    assert [row for row in details["stages_before"] if row["by_hand"]] == []
    assert {row["service"] for row in details["stages_changed"]} == {c["service"] for c in details["changes"]}
    after = shared.objects("deployments", "--namespace", "staging")
    assert [one["spec"] for one in after] == [one["spec"] for one in before]


def test_a_policy_that_somebody_opened_is_told_although_argo_cd_lets_it_stand(shared: Environment) -> None:
    box, kube = toolbox(shared.context()), shared.context().kube
    place = ("networking.k8s.io/v1/NetworkPolicy", "only-declared-edges", "dev")
    before = stages_now(box)
    kube.patch(*place, {"spec": {"ingress": [{}]}}, manager="somebody")
    try:
        found = [row for row in differences(stages_now(box)) if row.by_hand]
    finally:
        kube.patch(*place, {"spec": {"ingress": None}}, manager="somebody")
    assert [(row.kind, row.service, row.field, row.by_hand) for row in found] == [
        ("NetworkPolicy", "only-declared-edges", "spec.ingress[0]", ("dev",))
    ]
    kinds = {kind.rpartition("/")[2] for kind, _ in before["dev"].of_git}
    assert kinds == {"ConfigMap", "Deployment", "NetworkPolicy", "Service", "ServiceAccount"}
    assert [row for row in differences(before) if row.by_hand] == []
    assert [row for row in differences(stages_now(box)) if row.by_hand] == []


def test_a_version_that_does_not_start_is_gone_by_a_revert(shared: Environment, facts: Callable[..., None]) -> None:
    before = _images(shared)
    result = trial(shared, "rollback", "automated")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert details["bad_image"] not in before
    assert _images(shared) == before
    assert result.evidence.traffic is not None
    assert result.evidence.traffic.operation.hard == 0, "the version from before served all the time"
    assert (
        working_copy(shared.context()).subject()
        == f'Revert "Deploy {details["bad_image"].rpartition(":")[2]} to staging"'
    )


def _images(shared: Environment) -> list[str]:
    held = shared.objects("deployments", "--namespace", "staging")
    return [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in held]


@pytest.mark.matrix
def test_the_runbook_backwards_brings_the_version_from_before_back(
    shared: Environment, facts: Callable[..., None]
) -> None:
    result = trial(shared, "rollback", "manual")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert details["reached"]
    assert result.evidence.figures["failed_live"] > 0, "a stopped service was asked, and somebody saw it"
    rows = shared.pov("status").json["services"]
    legacy = {row["version"] for row in rows if row["estate"] == "legacy" and row["name"] in details["reached"]}
    assert legacy == {details["good_version"]}


@pytest.mark.matrix
@pytest.mark.parametrize("arm", ["automated", "manual"])
def test_a_version_that_returns_errors_is_met_by_the_load_and_gone_again(
    shared: Environment, facts: Callable[..., None], arm: str
) -> None:
    result = trial(shared, "rollback-errors", arm)
    details: dict[str, Any] = dict(result.evidence.details)
    facts(arm=arm, errors_seen=details.get("errors_seen"), whole_s=round(result.whole), **told(result))
    assert result.error is None
    figures = result.evidence.figures
    assert figures["error_rate_percent"] == 20
    # Of fifty requests or more: less than one run in a million is outside by chance.
    assert 0 < figures["errors_seen_percent"] < 60
    assert figures["failed_live"] >= details["errors_seen"]["errors"]
    rows = shared.pov("status").json["services"]
    estate = "staging" if arm == "automated" else "legacy"
    versions = {row["version"] for row in rows if row["estate"] == estate}
    assert not any("rollback-errors" in version for version in versions)


def test_a_point_and_a_rate_that_are_none_are_refused_and_nothing_is_measured(shared: Environment) -> None:
    before = shared.runs()
    point = shared.pov("measure", "interrupted", "--at", "haf", code=2).json
    assert "did you mean `half`?" in json.dumps(point)
    rate = shared.pov("measure", "rollback-errors", "--error-rate", "20", code=2).json
    assert "0.02 to 1" in json.dumps(rate)
    plan = shared.pov("measure", "interrupted", "--at", "35%", "--trials", "1", "--plan").json["plan"]
    assert {row["arm"] for row in plan} >= {"automated", "manual"}
    assert shared.runs() == before


@pytest.mark.matrix
@pytest.mark.timeout(600)
@pytest.mark.parametrize("arm", ["automated", "manual", "scripted"])
def test_what_is_killed_half_way_comes_to_its_end_in_its_own_way(
    shared: Environment, facts: Callable[..., None], arm: str
) -> None:
    usual: dict[str, float] = {}
    result = trial(shared, "interrupted", arm, usual=usual)
    if "had ended before" in (result.error or ""):
        # Something else kept this machine busy while the whole one was timed; the next trial of a run knows.
        result = trial(shared, "interrupted", arm, usual=usual)
    details: dict[str, Any] = dict(result.evidence.details)
    left = [(row["service"], row["state"]) for row in details.get("left", ())]
    facts(arm=arm, left=left, usual_s=details.get("usual_s"), whole_s=round(result.whole), **told(result))
    assert result.error is None
    figures = result.evidence.figures
    # Which they are is told and not asserted: what a killed script had begun on the hosts goes on there.
    proof = shared.context().scenario.pov_services
    assert len(left) == len(proof) == sum(figures[f"left_{state}"] for state in ("old", "new", "broken"))
    assert {"hard_until_good", "late_until_good"} <= set(figures)
    assert 0 < figures["killed_at_seconds"] < details["usual_s"] + 2
    rows = shared.pov("status").json["services"]
    estate = "staging" if arm == "automated" else "legacy"
    versions = {row["version"] for row in rows if row["estate"] == estate and row["name"] in proof}
    assert versions == {f"e2e-interrupted-{arm}-1"}


def test_a_version_goes_from_dev_to_staging_to_prod_by_review(shared: Environment, facts: Callable[..., None]) -> None:
    result = trial(shared, "promote", "automated")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert details["stages"] == ["dev", "staging", "prod"]
    assert [(r["stage"], r["author"], r["approved_by"]) for r in details["reviews"]] == [
        ("staging", "pov", ["reviewer"]),
        ("prod", "pov", ["reviewer"]),
    ]
    took = [row["seconds"] for row in details["reviews"]]
    assert all(set(one) == {"asked", "approved", "merged"} and one["merged"] > 0 for one in took)
    assert 0 < result.evidence.figures["review_seconds"] < (result.seconds or 0)
    rows = shared.pov("status").json["services"]
    versions = {row["version"] for row in rows if row["estate"] == "prod"}
    assert versions == {details["version"]}
    assert f"promote-{details['version']}" not in heads(shared.context())
    promoted = working_copy(shared.context()).text_at(details["revision"], "stages/prod/kustomization.yaml")
    assert details["version"] in (promoted or ""), "the history still tells what was asked for"


@pytest.mark.matrix
def test_who_changed_what_is_told_by_git_and_vault_and_not_by_a_host(
    shared: Environment, facts: Callable[..., None]
) -> None:
    marks, sources = {}, {}
    for arm in ("automated", "manual"):
        result = trial(shared, "audit", arm)
        facts(arm=arm, **told(result))
        assert result.error is None
        details: dict[str, Any] = dict(result.evidence.details)
        marks[arm] = [row["right"] for row in details["answers"]]
        sources[arm] = [(row["answered"] or {}).get("source", "") for row in details["answers"]]
        assert result.evidence.figures["answers_unfounded"] == 0
    assert "in effect since" in sources["automated"][1], "Argo CD's history holds the commit"
    assert "shell history of root: echo '# by hand'" in sources["manual"][3]
    everything = ["what", "who", "when", "approved_by"]
    automated = [everything, everything, ["when"], ["what", "who", "when"]]
    assert marks == {"automated": automated, "manual": [["what", "when"]] * 4}


def test_a_credential_that_is_changed_in_vault_is_in_use_everywhere(
    shared: Environment, facts: Callable[..., None]
) -> None:
    before = _used(shared)
    pods = _started(shared)
    result = trial(shared, "secret", "automated")
    facts(**told(result))
    assert result.error is None
    after, written = _used(shared), dict(result.evidence.details)["fingerprints"]
    assert {key for key in after if after[key] != before[key]} == {("staging", name) for name in written}
    assert {name: after["staging", name] for name in written} == {name: [row["after"]] for name, row in written.items()}
    assert not any(set(row["before"]) & {row["after"], *before["staging", name]} for name, row in written.items())
    assert _started(shared) == pods, "nothing was started anew"
    _old_ones_refused(shared, result)
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "a credential is taken up without a restart"


def _old_ones_refused(shared: Environment, result: Result) -> None:
    details: dict[str, Any] = dict(result.evidence.details)
    assert set(details["presented"]) == set(shared.context().scenario.pov_services)
    assert all(set(answers) == {"200"} for answers in details["served_before"].values())
    assert all(set(told["old"]) == {"401"} for told in details["presented"].values())
    assert all(set(told["new"]) == {"200"} for told in details["presented"].values())
    assert result.evidence.figures["refused_seconds"] >= (result.seconds or 0)


def _used(shared: Environment) -> dict[tuple[str, str], list[str]]:
    """Fingerprints by estate and service, as the prober is told them."""
    box = toolbox(shared.context())
    rows = [(estate.name, row) for estate in box.estates for row in box.prober().identify(estate.name)]
    keys = sorted({(estate, row.service) for estate, row in rows})
    return {key: [row.credential for estate, row in rows if (estate, row.service) == key] for key in keys}


def _started(shared: Environment) -> dict[str, list[str]]:
    held = shared.objects("pods", "--namespace", "staging")
    return {
        one["metadata"]["name"]: [each["containerID"] for each in one["status"]["containerStatuses"]] for one in held
    }


@pytest.mark.matrix
@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_a_credential_is_changed_on_every_host(shared: Environment, facts: Callable[..., None], arm: str) -> None:
    before = _used(shared)
    result = trial(shared, "secret", arm)
    facts(arm=arm, **told(result))
    assert result.error is None
    after, written = _used(shared), dict(result.evidence.details)["fingerprints"]
    assert {key for key in after if after[key] != before[key]} == {("legacy", name) for name in written}
    assert result.evidence.details["hosts"] == 1
    _old_ones_refused(shared, result)


@pytest.mark.matrix
def test_a_new_service_comes_to_every_stage_and_goes_again(shared: Environment, facts: Callable[..., None]) -> None:
    vault = connect_to_vault(shared.context())
    roles = {stage: f"auth/kubernetes/role/{stage}" for stage in ("dev", "staging", "prod")}
    before = {stage: vault.read(path) for stage, path in roles.items()}
    files = working_copy(shared.context()).paths()
    result = trial(shared, "provision", "automated")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    name = details["service"]
    deployed = working_copy(shared.context()).text_at(details["revision"], "stages/prod/kustomization.yaml")
    assert name in (deployed or ""), "the history still tells what came"
    assert [(r["stage"], r["author"], r["approved_by"]) for r in details["reviews"]] == [("prod", "pov", ["reviewer"])]
    assert {key.partition("_")[0] for key in result.evidence.figures} == {"dev", "staging", "prod"}
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "what is there beside it did not notice"
    # All of it is gone: from Git, from Vault, from every stage.
    assert working_copy(shared.context()).paths() == files
    assert {stage: vault.read(path) for stage, path in roles.items()} == before
    for stage in roles:
        for kind in ("deployments", "services", "serviceaccounts", "networkpolicies"):
            assert shared.objects(kind, "--namespace", stage, "-l", f"app={name}") == [], (kind, stage)
        # A pod may take its grace period.
        shared.until("no pod", lambda s=stage: not shared.objects("pods", "--namespace", s, "-l", f"app={name}"))
    assert shared.home.secret("vault-root-token") is None


@pytest.mark.matrix
def test_a_whole_stage_comes_and_goes_again(shared: Environment, facts: Callable[..., None]) -> None:
    files = working_copy(shared.context()).paths()
    result = trial(shared, "new-stage", "automated")
    facts(**told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    deployed = working_copy(shared.context()).text_at(details["revision"], "stages/qa/kustomization.yaml")
    assert all(name in (deployed or "") for name in details["services"]), "the history still tells what came"
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "the other stages did not notice"
    # All of it is gone: from Git, from Vault, from the cluster; and the bring-up has nothing left to do.
    assert working_copy(shared.context()).paths() == files
    assert connect_to_vault(shared.context()).read("auth/kubernetes/role/qa") is None
    assert "qa" not in [one["metadata"]["name"] for one in shared.objects("namespaces")]
    assert shared.home.secret("vault-root-token") is None
    rows = shared.pov("status").json["services"]
    assert {row["estate"] for row in rows} == {"dev", "staging", "prod", "legacy"}


@pytest.mark.matrix
@pytest.mark.parametrize("arm", ["automated", "manual", "scripted"])
def test_a_namespace_with_a_quota_comes_and_goes_again(
    shared: Environment, facts: Callable[..., None], arm: str
) -> None:
    files = working_copy(shared.context()).paths()
    logged = len(read_log(shared.home.terraform_log).entries)
    result = trial(shared, "infra-change", arm)
    facts(arm=arm, **told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert details["refused"] in {"exceeded quota", "by the guardrail"}
    assert shared.objects("namespaces", "--field-selector", f"metadata.name={details['namespace']}") == []
    assert working_copy(shared.context()).paths() == files
    log = read_log(shared.home.terraform_log)
    assert log.problems == ()
    runs = [(one.result, one.configuration["of"], len(one.changes) > 0) for one in log.entries[logged:]]
    change = [(BEGUN, "pov/platform-config", True), (APPLIED, "pov/platform-config", True)]
    assert runs == (change * 2 if arm == "automated" else [])
    if arm == "automated":
        assert details["plan"] == log.entries[logged].plan
        # What the bring-up left is as it was: it has nothing to do.
        steps = {step["name"]: step["outcome"] for step in shared.up().json["steps"]}
        assert steps["landing_zone"] == "unchanged"


@pytest.mark.matrix
@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_a_new_service_comes_to_a_host_for_each_stage_and_goes_again(
    shared: Environment, facts: Callable[..., None], arm: str
) -> None:
    addresses = shared.objects("services", "--namespace", "legacy")
    result = trial(shared, "provision", arm)
    facts(arm=arm, **told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert [name.rpartition("-")[2] for name in details["services"]] == ["dev", "staging", "prod"]
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "what is there beside them did not notice"
    assert len(shared.objects("services", "--namespace", "legacy")) == len(addresses)
    rows = shared.pov("status").json["services"]
    assert not {row["name"] for row in rows} & set(details["services"])


@pytest.mark.matrix
@pytest.mark.parametrize("experiment", ["unseal", "restart"])
def test_the_platform_itself_ends_and_serves_again(
    shared: Environment, facts: Callable[..., None], experiment: str
) -> None:
    parts = ("vault",) if experiment == "unseal" else ("argocd", "vault")
    before = {part: _pods_of(shared, part) for part in parts}
    result = trial(shared, experiment, "automated")
    facts(experiment=experiment, **told(result))
    assert result.error is None
    assert all(not before[part] & _pods_of(shared, part) for part in parts)
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "services did not notice"
    again = shared.pov("status").json["services"]
    assert all(row["version"] for row in again)


@pytest.mark.matrix
@pytest.mark.timeout(1800)
def test_argo_cd_is_upgraded_and_delivers_again(shared: Environment, facts: Callable[..., None]) -> None:
    """The release before is made when it is first asked for: that, and no more, takes minutes."""
    pinned, before = _argo_cd(shared), _pods_of(shared, "argocd")
    result = trial(shared, "upgrade", "automated")
    facts(whole_s=round(result.whole), **told(result))
    assert result.error is None
    details: dict[str, Any] = dict(result.evidence.details)
    assert details["upgrade"] == {"from": f"v{versions.ARGOCD_EARLIER}", "to": f"v{versions.ARGOCD}"}
    assert details["says"]["argocd"].startswith(f"Argo CD v{versions.ARGOCD}")
    assert len(details["image_digests"]) == 1
    assert len(details["started_anew"]["argocd"]) == len(before) - 1, "each but its cache"
    assert _argo_cd(shared) == pinned
    assert len(before & _pods_of(shared, "argocd")) == 1, "its cache stayed"
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.hard == 0, "services did not notice"
    assert f":{details['delivered']['version']}" in "".join(_images(shared))
    shared.until_healthy()
    assert shared.up().json["changed"] is False, "nothing of the release before is left"


@pytest.mark.matrix
@pytest.mark.timeout(1800)
def test_a_bring_up_takes_out_the_release_that_a_killed_upgrade_left(shared: Environment) -> None:
    pinned, ctx = _argo_cd(shared), shared.context()
    releases.earlier(ctx).install()
    try:
        (image,) = _argo_cd(shared)
        assert image.rpartition(":")[2].removeprefix("v") == versions.ARGOCD_EARLIER
    finally:
        changed = shared.up().json["changed"]
    assert changed
    assert _argo_cd(shared) == pinned
    assert releases.version(shared.context()) == f"v{versions.ARGOCD}"
    shared.until_healthy()


def _argo_cd(shared: Environment) -> set[str]:
    """The images that its workloads ask for, its cache's left out."""
    held = shared.objects("deployments,statefulsets", "--namespace", "argocd")
    asked = [(one["metadata"]["name"], one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in held]
    return {image for name, image in asked if name not in {"argocd-redis", "argocd-dex-server"}}


def _pods_of(shared: Environment, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in shared.objects("pods", "--namespace", namespace)}
