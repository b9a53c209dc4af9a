"""Sizes, locks and looks of the landing zone's step; what Terraform does with them is a contract test."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK, timestamp
from pov.base.errors import PovError, TimedOut
from pov.base.paths import data
from pov.base.whoami import whoami
from pov.config.engagement import Engagement, load_engagement
from pov.config.estates import estates
from pov.config.offering import load_offering, shipped
from pov.config.scenario import Scenario, load_scenario
from pov.engines.kube import Kube
from pov.engines.terraform import Leftovers
from pov.model.events import silent
from pov.state.home import Home
from pov.state.terraform_log import APPLIED, FAILED, LogWriter, read_log
from pov.steps.core import Outcome, Report
from pov.steps.landing_zone import asking, proof
from pov.steps.landing_zone import step as landing_zone
from pov.steps.landing_zone.applying import Asked
from pov.workflows.init import InitOptions, run
from tests.unit.engines.fake_kube import FakeApi, over
from tests.unit.steps.test_deal import laid_out

LEASE = "/apis/coordination.k8s.io/v1/namespaces/pov-terraform/leases/lock-tfstate-default-landing-zone"
REPORT = Report("landing_zone", silent)


def sizes(scenario: Scenario) -> dict[str, dict[str, float]]:
    return asking.sizes(scenario, estates(scenario))


def test_sizes_leave_room_for_a_rollout_of_everything() -> None:
    found = sizes(load_scenario("gitops-35"))
    assert set(found) == {"dev", "staging", "prod"}
    assert found["staging"]["pods"] >= 70
    assert found["staging"]["services"] >= 70
    assert found["staging"]["cpu"] >= 70 * 0.006
    assert found["dev"] == found["prod"]


def test_a_scenario_without_prod() -> None:
    assert set(sizes(load_scenario("quickstart"))) == {"dev", "staging"}


def test_sizes_follow_the_scenario() -> None:
    scenario = load_scenario("gitops-35")
    services = scenario.services.model_copy(update={"replicas": 3})
    wide = scenario.model_copy(update={"services": services})
    assert sizes(wide)["staging"]["pods"] > sizes(scenario)["staging"]["pods"]
    assert sizes(scenario.with_services(100))["staging"]["memory_gib"] > sizes(scenario)["staging"]["memory_gib"]


def test_the_guardrails_numbers_are_the_offerings(tmp_path: Path) -> None:
    assert asking.limits(None, {})["quotas"] == load_offering().quotas.model_dump()
    (tmp_path / "own.yaml").write_text(shipped().read_text().replace("cpuStandard: 64 ", "cpuStandard: 7 "))
    run(InitOptions(tmp_path / "acme"), silent)
    with (tmp_path / "acme" / "engagement.yaml").open("a") as file:
        file.write("scope: {offering: ../own.yaml}\n")
    assert asking.limits(load_engagement(tmp_path / "acme"), {})["quotas"]["cpu_standard"] == 7


def test_no_number_of_the_offering_is_typed_into_terraform() -> None:
    numbers = {str(number) for number in load_offering().quotas.model_dump().values()}
    modules = [path for path in data("terraform").rglob("*.tf") if {"guardrails", "targets"} & set(path.parts)]
    assert modules
    for path in modules:
        assert not numbers & set(re.findall(r"\d+", path.read_text().replace(",", ""))), path


_SMALL = "scope: {users: 5000}\n"
_STORAGE = [
    # What the engagement says of its scope, and the storage that Terraform is told.
    ("", {"storage": {"gib": 4000.0, "of": "size Medium"}}),
    (_SMALL, {"storage": {"gib": 500.0, "of": "size Small"}}),
    ("scope: {users: 50000}\n", {"storage": {"gib": 4000.0, "of": "size Medium"}}),
    ("scope: {users: 2000000}\n", {}),  # that size bounds none
    ("scope: {users: 200000}\n", {}),  # no size holds them: the deal is reviewed
]


@pytest.mark.parametrize(("said", "storage"), _STORAGE)
def test_storage_is_what_the_deals_size_includes(tmp_path: Path, said: str, storage: dict[str, Any]) -> None:
    run(InitOptions(tmp_path / "acme"), silent)
    with (tmp_path / "acme" / "engagement.yaml").open("a") as file:
        file.write(said)
    engagement = load_engagement(tmp_path / "acme")
    quotas = asking.limits(engagement, {})["quotas"]
    assert told(engagement, {}) == {"quotas": quotas, **storage}
    # What was approved counts where it is more, and an approval of less takes nothing away.
    more, less = ({"storage": {"gib": gib, "of": "scope acme"}} for gib in (9000.0, 1.0))
    assert told(engagement, more) == {"quotas": quotas, **more}
    assert told(engagement, less) == {"quotas": quotas, **(storage or less)}


def told(engagement: Engagement, approved: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The guardrail's numbers without the bounds, which have a test of their own."""
    return {name: value for name, value in asking.limits(engagement, approved).items() if name != "bounds"}


def test_what_is_built_is_bounded_by_what_the_scope_names(tmp_path: Path) -> None:
    run(InitOptions(tmp_path / "acme"), silent)
    with (tmp_path / "acme" / "engagement.yaml").open("a") as file:
        file.write("scope: {users: 40000, memoryGib: 64, cpu: 8}\n")
    bounds = asking.limits(load_engagement(tmp_path / "acme"), {})["bounds"]
    assert bounds["memory_gib"] == {"most": 64, "of": "the scope of acme names"}
    assert bounds["cpu"] == {"most": 8, "of": "the scope of acme names"}
    # Without a scope too nothing is without a bound.
    assert set(asking.limits(None, {})["bounds"]) == {"cpu", "memory_gib", "storage_gib", "iops"}


def test_storage_follows_a_companys_own_offering(tmp_path: Path) -> None:
    text = shipped().read_text()
    (tmp_path / "own.yaml").write_text(text.replace("storageGib: 500", "storageGib: 77"))
    run(InitOptions(tmp_path / "acme"), silent)
    with (tmp_path / "acme" / "engagement.yaml").open("a") as file:
        file.write("scope: {users: 5000, offering: ../own.yaml}\n")
    assert asking.limits(load_engagement(tmp_path / "acme"), {})["storage"]["gib"] == 77


class Zone:
    """The step with a cluster in memory and a Terraform that only counts."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        scenario = load_scenario("gitops-35")
        self.api = FakeApi()
        self.kube: Kube = over(self.api, tmp_path)
        self.runs = 0
        self.told: list[Any] = []
        self.ctx: Any = SimpleNamespace(
            kube=self.kube,
            scenario=scenario,
            engagement=None,
            approved={},
            approved_iops=0,
            deal=None,
            checked="",
            estates=estates(scenario),
            home=Home(tmp_path / "home"),
            binaries={},
        )
        monkeypatch.setattr(landing_zone, "_terraform", self._terraform)
        monkeypatch.setattr(landing_zone, "prove", lambda *_: None)

    def _terraform(self, _ctx: object, variables: object, _report: object) -> bool:
        self.runs += 1
        self.told.append(variables)
        labels = {"app.kubernetes.io/part-of": "landing-zone"}
        manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "prod"}}
        path = "/api/v1/namespaces/prod/resourcequotas/q"
        self.api.objects[path] = {**manifest, "spec": {"hard": {"pods": "9"}}}
        self.api.objects[path]["metadata"] |= {"labels": labels, "uid": "u", "resourceVersion": "1"}
        return True

    def run(self) -> Outcome:
        return landing_zone.step().run(self.ctx, REPORT)


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zone:
    return Zone(tmp_path, monkeypatch)


def test_terraform_is_told_what_was_approved_and_nothing_else(zone: Zone) -> None:
    assert zone.run() is Outcome.CHANGED
    assert set(zone.told[-1]) == {"stages", "quotas", "storage", "bounds"}
    zone.ctx.approved = {"scope": {"reference": "acme", "approved_by": "pat"}}
    assert zone.run() is Outcome.CHANGED
    assert zone.told[-1]["scope"] == {"reference": "acme", "approved_by": "pat"}
    assert set(zone.told[-1]) == {"stages", "quotas", "storage", "bounds", "scope"}
    zone.ctx.approved = {}  # it expired: Terraform decides anew
    assert zone.run() is Outcome.CHANGED
    assert set(zone.told[-1]) == {"stages", "quotas", "storage", "bounds"}


def test_a_second_run_starts_no_terraform(zone: Zone) -> None:
    assert zone.run() is Outcome.CHANGED
    assert zone.run() is Outcome.UNCHANGED
    assert zone.runs == 1


def test_a_plan_that_was_checked_is_looked_at_even_where_nothing_differs(zone: Zone) -> None:
    zone.run()
    zone.ctx.checked = "a" * 64
    zone.run()
    assert zone.runs == 2


def test_the_record_in_the_cluster_holds_the_head_of_the_log(zone: Zone) -> None:
    digest = LogWriter(zone.ctx.home.terraform_log).record(APPLIED, run="a")
    zone.run()
    record = zone.kube.get("ConfigMap", landing_zone.RECORD, landing_zone.NAMESPACE)
    assert record is not None
    assert record["data"]["log"] == digest


def test_what_is_applied_is_named_by_version_modules_and_commit() -> None:
    about = landing_zone.configuration()
    assert about["of"].startswith("pov ")
    assert re.fullmatch("[0-9a-f]{32}", about["modules"])
    assert set(about) <= {"of", "modules", "commit", "edited"}


def test_status_is_no_change_and_spec_is_one(zone: Zone) -> None:
    zone.run()
    quota = zone.api.objects["/api/v1/namespaces/prod/resourcequotas/q"]
    quota["status"] = {"used": {"pods": "3"}}
    quota["metadata"]["resourceVersion"] = "7"
    assert zone.run() is Outcome.UNCHANGED
    quota["spec"]["hard"]["pods"] = "99"
    assert zone.run() is Outcome.CHANGED
    assert zone.runs == 2


def test_other_sizes_start_terraform(zone: Zone) -> None:
    zone.run()
    zone.ctx.scenario = zone.ctx.scenario.with_services(40)
    zone.ctx.estates = estates(zone.ctx.scenario)
    assert zone.run() is Outcome.CHANGED
    assert zone.runs == 2


def _lock(api: FakeApi, who: str, created: str = "") -> None:
    annotations = {"app.terraform.io/lock-info": json.dumps({"ID": "l1", "Who": who, "Created": created})}
    api.objects[LEASE] = {"metadata": {"name": "lock", "annotations": annotations}, "spec": {"holderIdentity": "l1"}}


def _release(api: FakeApi, tmp_path: Path) -> list[str]:
    unlocked: list[str] = []
    terraform: Any = SimpleNamespace(unlock=unlocked.append)
    landing_zone._release_stale_lock(over(api, tmp_path), terraform, tmp_path, REPORT)
    return unlocked


def test_our_own_stale_lock_is_released(tmp_path: Path) -> None:
    api = FakeApi()
    assert _release(api, tmp_path) == []
    _lock(api, whoami())
    assert _release(api, tmp_path) == ["l1"]


def test_another_ones_lock_is_respected(tmp_path: Path) -> None:
    api = FakeApi()
    _lock(api, "colleague@elsewhere")
    with pytest.raises(PovError, match="locked by colleague@elsewhere"):
        _release(api, tmp_path)


@pytest.mark.parametrize("created", ["", "soon", "2126-01-01T00:00:00Z"])
def test_a_lock_of_unknown_age_is_respected(tmp_path: Path, created: str) -> None:
    api = FakeApi()
    _lock(api, "colleague@elsewhere", created)
    with pytest.raises(PovError, match="for 0 minutes") as caught:
        _release(api, tmp_path)
    assert "30 minutes after its start" in caught.value.fix


@pytest.mark.parametrize("info", ["garbage", "[]", "{", '{"Who": null, "Created": 7}'])
def test_a_lock_that_says_nothing_of_itself_is_one_of_ours_once_no_terraform_lives(tmp_path: Path, info: str) -> None:
    api = FakeApi()
    annotations = {"app.terraform.io/lock-info": info}
    api.objects[LEASE] = {"metadata": {"name": "lock", "annotations": annotations}, "spec": {"holderIdentity": "l1"}}
    assert _release(api, tmp_path) == ["l1"]


@pytest.mark.parametrize("created", ["2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00"])
def test_a_lock_that_outlived_its_credentials_stops_nobody(tmp_path: Path, created: str) -> None:
    api = FakeApi()
    _lock(api, "colleague@elsewhere", created)
    assert _release(api, tmp_path) == ["l1"]


@pytest.mark.parametrize("now", ["jo@laptop.home", "root@laptop", "@laptop"])
def test_a_user_or_machine_that_changed_its_name_finds_its_own_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str
) -> None:
    api = FakeApi()
    monkeypatch.setattr(landing_zone, "whoami", lambda: "jo@laptop")
    assert _release(api, tmp_path) == []
    for name in (now, "somebody@else"):
        _lock(api, "jo@laptop", timestamp(SYSTEM_CLOCK.wall()))
        monkeypatch.setattr(landing_zone, "whoami", lambda name=name: name)
        assert _release(api, tmp_path) == ["l1"]


def test_a_user_without_an_entry_has_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    monkeypatch.delenv("USER", raising=False)
    assert whoami().startswith("@")


def test_a_terraform_that_is_still_at_work_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi()
    _lock(api, whoami())
    monkeypatch.setattr(landing_zone, "leftovers", lambda _: Leftovers((1,), ()))
    monkeypatch.setattr(landing_zone, "_ORPHAN_LIMIT_S", 0.3)
    with pytest.raises(TimedOut, match="interrupted terraform"):
        _release(api, tmp_path)


Probe = Callable[..., tuple[bool, str, tuple[str, ...]]]


@pytest.mark.parametrize(
    ("answer", "denied", "proved"),
    [
        ((False, "changes come from Git", ()), True, True),
        ((False, "quota exceeded", ()), True, False),
        ((True, "", ()), True, False),
        ((True, "", ("changes come from Git",)), False, True),
        ((True, "", ()), False, False),
        ((False, "changes come from Git", ()), False, False),
    ],
)
def test_what_counts_as_proof(answer: tuple[bool, str, tuple[str, ...]], denied: bool, proved: bool) -> None:
    kube: Any = SimpleNamespace(can_i_dry_run=lambda *_, **__: answer)
    assert (proof.probe(kube, "prod", denied) is True) == proved


@pytest.mark.parametrize(
    ("answer", "proved"),
    [
        ((False, "denied request: Refused by the guardrail. 1000001 CPU cores are asked for", ()), True),
        ((False, "exceeded quota", ()), False),
        ((True, "", ()), False),
    ],
)
def test_a_stage_is_proved_bounded_by_the_guardrails_own_words(
    answer: tuple[bool, str, tuple[str, ...]], proved: bool
) -> None:
    kube: Any = SimpleNamespace(can_i_dry_run=lambda *_, **__: answer)
    assert (proof.probe_limits(kube, "prod") is True) == proved


def test_a_terraform_that_cannot_begin_is_in_the_log_of_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tofu"
    program.write_text("#!/bin/sh\necho 'Error: no such provider' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(landing_zone, "find_program", lambda _: program)
    monkeypatch.setattr(landing_zone, "access", lambda *_: {})
    ctx: Any = SimpleNamespace(
        kube=over(FakeApi(), tmp_path),
        engagement=None,
        deal=None,
        approved_iops=0,
        home=Home(tmp_path / "home"),
        binaries={"terraform-providers": tmp_path},
        emit=silent,
    )
    with pytest.raises(PovError, match="terraform init failed"):
        landing_zone.run_terraform(ctx, Asked({}, "pov up", {"of": "pov 1"}), REPORT)
    (entry,) = read_log(ctx.home.terraform_log).entries
    assert (entry.result, entry.why, entry.command) == (FAILED, "terraform init failed", "pov up")


def test_what_is_asked_for_is_settled_once_terraform_was_brought_to_its_end(zone: Zone) -> None:
    assert not landing_zone.is_settled(zone.ctx)
    zone.run()
    assert landing_zone.is_settled(zone.ctx)
    zone.ctx.scenario = zone.ctx.scenario.with_services(40)
    zone.ctx.estates = estates(zone.ctx.scenario)
    assert not landing_zone.is_settled(zone.ctx)
    assert zone.runs == 1, "nothing is started for the question"


def test_a_bring_up_that_follows_a_deal_names_its_commit_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(landing_zone, "run_terraform", lambda _ctx, asked, _report: told.append(asked.configuration))
    ctx: Any = SimpleNamespace(deal=None, checked="")
    assert landing_zone._terraform(ctx, {}, REPORT) is False
    ctx.deal = laid_out(tmp_path / "deal")
    landing_zone._terraform(ctx, {}, REPORT)
    without, with_deal = told
    assert without == landing_zone.configuration()
    named = {key: with_deal[key] for key in ("of", "commit", "merge", "pull")}
    assert named == {"of": "pov/deal", "commit": "c1", "merge": "m-c1", "pull": 7}
    assert with_deal["modules"] == without["modules"]


def test_an_older_copy_beside_the_environment_takes_no_merge_back(zone: Zone, tmp_path: Path) -> None:
    home = zone.ctx.home
    zone.ctx.scenario = load_scenario("enterprise-scope")
    zone.ctx.estates = estates(zone.ctx.scenario)
    zone.run()
    zone.ctx.deal = laid_out(tmp_path / "one")
    LogWriter(home.terraform_log).record(APPLIED, run="a")
    assert zone.run() is Outcome.CHANGED, "no merge was followed before"
    older = home.terraform_log.read_bytes()
    LogWriter(home.terraform_log).record(APPLIED, run="b")
    zone.ctx.deal = laid_out(tmp_path / "two", "c2")
    assert zone.run() is Outcome.CHANGED, "a newer merge, whose apply was cut off"
    runs = zone.runs
    for deal in (None, laid_out(tmp_path / "again")):
        zone.ctx.deal = deal
        home.terraform_log.write_bytes(older)
        with pytest.raises(PovError, match="is older than the environment") as refused:
            zone.run()
        assert "the cluster holds what m-c2 brought" in refused.value.cause
        assert "pov infra apply" in refused.value.fix
    assert zone.runs == runs
    zone.ctx.deal = laid_out(tmp_path / "newer", "c2")
    zone.run()
