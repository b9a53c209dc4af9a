"""What the gate hands in and says, without any program."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest

from pov.config.estates import NEW_STAGE
from pov.config.offering import Quotas
from pov.scoping.approvals import approved
from pov.scoping.assessment import assess
from pov.scoping.capacity import Commitment
from pov.scoping.gate import (
    Check,
    Refusal,
    approved_iops,
    beyond_capacity,
    holds_until,
    judged_document,
    junit_xml,
    missing_approvals,
    prices,
    reserved,
    told_of,
    too_small,
    unnamed,
    variables,
)
from pov.steps.argocd import manifest
from pov.steps.gate.names import NAMESPACE, RESERVED, RESERVED_BEGIN
from pov.steps.git import server as git
from pov.steps.kind import network
from pov.steps.landing_zone import identity
from pov.steps.services import prober
from pov.steps.vault import server as vault
from tests.unit.scoping.offerings import TODAY, given, offering
from tests.unit.scoping.test_approvals import NOW, SUBJECT, approval, signed, verify
from tests.unit.scoping.test_assessment import scope

QUOTAS = Quotas.model_validate({"cpuStandard": 64, "cpuScoped": 512, "iopsApproval": 10_000})
STAGES = {"prod": {"cpu": 96, "memory_gib": 8, "pods": 10, "services": 10, "iops": 12_000}}
TAKES = "which what runs there takes; passes with: at least"
IOPS = signed(approval(id="2", kind="iops"), "engineering-vp/pat", "b.json")


def test_nothing_is_handed_in_that_nobody_approved() -> None:
    nobody = approved([], SUBJECT, (), verify, NOW)
    assert variables(STAGES, nobody, "acme", offering(), scope(users=5_000, memoryGib=64)) == {
        "stages": STAGES,
        "quotas": QUOTAS.model_dump(),
        "storage": {"gib": 500, "of": "size Small"},
        "bounds": {
            "cpu": {"most": 2048, "of": "the platform has"},
            "memory_gib": {"most": 64, "of": "the scope of acme names"},
            "storage_gib": {"most": 500, "of": "size Small includes"},
            "iops": {"most": 3000, "of": "size Small includes"},
        },
    }


def test_approvals_that_count_are_handed_in_with_no_more_than_they_name() -> None:
    found = approved([signed(approval()), IOPS], SUBJECT, (), verify, NOW)
    given = variables(STAGES, found, "acme", offering(), scope(users=5_000))
    assert given["scope"] == {"reference": "acme", "approved_by": "pat"}
    assert given["quotas"]["cpu_scoped"] == 96
    assert given["iops_approval"] == {"role": "engineering-vp", "approved_by": "pat"}
    assert "override" not in given
    judged = judged_document(given, approved_iops(found), QUOTAS, {"a": 1})
    assert judged["approved"] == {"iops": 12_000}
    assert judged["quotas"]["cpu_scoped"] == 512, "the offering's own, not what was approved"
    assert judged["roles"]["iops"] == ["engineering-vp"]


def test_an_approval_of_iops_that_names_none_approves_none() -> None:
    empty = signed(approval(id="2", kind="iops", figures={}), "engineering-vp/pat", "b.json")
    found = approved([empty], SUBJECT, (), verify, NOW)
    assert approved_iops(found) == 0


def test_a_missing_approval_says_what_which_limit_what_passes_and_who() -> None:
    assessment = assess(scope(users=40_000, cpu=96, iops=12_000), offering(), TODAY)
    forged = signed(approval(), "sales/pat")
    found = missing_approvals(assessment, approved([forged], SUBJECT, assessment.needs, verify, NOW))
    cpu = next(one for one in found if one.what.startswith("96 CPU"))
    assert (cpu.limit, cpu.who) == ("64 cores", ("cto", "engineer", "engineering-vp"))
    assert "pov scope approve --kind scope" in cpu.fix
    assert "pat signed as sales" in cpu.fix
    iops = next(one for one in found if one.what.startswith("12,000 IOPS are"))
    assert iops.who == ("engineering-vp",)
    assert "at hand" not in iops.fix
    every = approved([signed(approval()), IOPS], SUBJECT, assessment.needs, verify, NOW)
    assert missing_approvals(assessment, every) == ()


def test_what_the_platform_has_no_room_for_is_told_although_it_is_approved() -> None:
    others = [Commitment("another-deal", cpu=2000)]
    every = approved([signed(approval())], SUBJECT, ("scope",), verify, NOW)
    assessment = assess(scope(users=40_000, cpu=96), offering(), TODAY, others)
    (told,) = beyond_capacity(assessment, every)
    assert told.what.startswith("the platform has not enough: CPU cores: 96 asked, 48 of 2,048 left")
    assert told.what.endswith("it is approved all the same")
    nobody = approved([], SUBJECT, ("scope",), verify, NOW)
    assert beyond_capacity(assessment, nobody) == (), "it is among what needs an approval"
    assert "48 of 2,048 left" in str(missing_approvals(assessment, nobody))
    assert beyond_capacity(assess(scope(users=40_000, cpu=48), offering(), TODAY, others), every) == ()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"cpu": 64}, ""),
        ({"cpu": 65}, "no solutions architect is named: it needs a review; limit: one takes part above"),
        ({"cpu": 65, "architect": "S. Olu"}, ""),
        ({"dealValue": {"amount": 100_000, "currency": "USD"}}, ""),
        (
            {"dealValue": {"amount": 100_001, "currency": "USD"}},
            "no solutions architect is named: the deal is above 100,000 USD",
        ),
    ],
)
def test_a_solutions_architect_who_must_be_named_is_missing_in_one_line(answers: dict[str, Any], told: str) -> None:
    found = unnamed(assess(scope(users=40_000, **answers), offering(given()), TODAY))
    assert " | ".join(one.in_words for one in found).startswith(told)
    assert bool(found) == bool(told)
    assert all("passes with: a name at scope.architect" in one.in_words for one in found)


PLAN: dict[str, Any] = {
    "timestamp": "2026-11-28T10:00:00Z",
    "terraform_version": "1.11.4",
    "variables": {"stages": {"value": {"prod": {"cpu": 8}}}},
    "resource_changes": [
        {"address": "a", "change": {"actions": ["create"], "after": {"yaml_body": "secret"}}},
        {"address": "b", "change": {"actions": ["delete", "create"], "after": {}}},
        {"address": "c", "change": {"actions": ["no-op"], "after": {}}},
    ],
}


def edited(place: tuple[Any, ...], value: object) -> dict[str, Any]:
    plan = copy.deepcopy(PLAN)
    node: Any = plan
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return plan


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, []),
        ({"prod": {"cpu": 0.1, "memory_gib": 0.1, "pods": 1, "services": 1}}, []),
        ({"dev": {"cpu": 0.5, "memory_gib": 1, "pods": 10, "services": 9}}, []),
        (
            {"dev": {"cpu": 0.4, "memory_gib": 1, "pods": 9, "services": 9}},
            [
                f"dev: 0.4 CPU cores asked for; limit: 0.5, {TAKES} 0.5; may approve: whoever asks",
                f"dev: 9 pods asked for; limit: 10, {TAKES} 10; may approve: whoever asks",
            ],
        ),
    ],
)
def test_a_stage_with_running_services_is_not_made_too_small_for_them(
    asked: dict[str, dict[str, float]], told: list[str]
) -> None:
    own = {"dev": {"cpu": 0.5, "memory_gib": 1, "pods": 10, "services": 9, "iops": 0, "storage_gib": 0}}
    assert [one.in_words for one in too_small(own, asked)] == told


@pytest.mark.parametrize("name", ["gitea", "argocd", "vault", "default", "kube-system", "pov-terraform", "qa"])
def test_no_stage_of_a_deal_is_called_as_a_namespace_of_the_platform(name: str) -> None:
    (one,) = reserved(("prod", name, f"my-{name}"), RESERVED, RESERVED_BEGIN)
    assert one.what == f"the stage {name} is asked for"
    assert (one.limit, one.fix) == ("a namespace of the platform", "another name")


def test_what_is_reserved_is_where_the_platform_lies() -> None:
    lies = {manifest.NAMESPACE, git.NAMESPACE, vault.NAMESPACE, network.NAMESPACE, prober.NAMESPACE}
    lies |= {identity.NAMESPACE, NAMESPACE, NEW_STAGE}
    assert {one.what.split()[2] for one in reserved(lies, RESERVED, RESERVED_BEGIN)} == lies


def test_a_plan_in_short_has_addresses_and_actions_and_no_value() -> None:
    told = told_of(PLAN)
    assert [(one.address, one.actions) for one in told.changes] == [("a", ("create",)), ("b", ("delete", "create"))]
    assert told.actions == {"create": 2, "update": 0, "delete": 1}
    assert "secret" not in repr(told)


@pytest.mark.parametrize(
    ("place", "value", "same"),
    [
        (("timestamp",), "2026-11-28T11:00:00Z", True),
        (("resource_changes", 0, "change", "after", "yaml_body"), "other", False),
        (("resource_changes", 2, "change", "after"), {"a": 1}, False),
        (("variables", "stages", "value", "prod", "cpu"), 9, False),
        (("configuration",), {}, False),
    ],
)
def test_the_digest_is_over_all_that_a_plan_does(place: tuple[Any, ...], value: object, same: bool) -> None:
    assert (told_of(edited(place, value)).digest == told_of(PLAN).digest) is same


def test_junit_has_a_case_for_each_check_and_survives_what_no_xml_holds() -> None:
    refusal = Refusal("96 <CPU>\x00 cores", "64", "less", ("cto", "engineer"))
    checks = [
        Check("scope", advice=(refusal,)),
        Check("plan", (refusal, refusal)),
        Check("admission", not_checked="no cluster"),
    ]
    suite = ET.fromstring(junit_xml(checks, 1.25))
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "time")} == {
        "tests": "3", "failures": "1", "skipped": "1", "time": "1.250",
    }  # fmt: skip
    failure = suite.find("./testcase[@name='plan']/failure")
    assert failure is not None
    line = "96 <CPU>? cores; limit: 64; passes with: less; may approve: cto or engineer"
    assert (failure.get("message"), failure.text) == (line, f"{line}\n{line}")
    assert suite.find("./testcase[@name='admission']/skipped") is not None
    assert suite.find("./testcase[@name='scope']/failure") is None


def test_a_refusal_is_one_line() -> None:
    assert Refusal("a\nb", "", "c  d").in_words == "a b; passes with: c d"


def test_a_verdict_holds_until_the_first_approval_that_it_rests_on_runs_out() -> None:
    late = approval(id="3", expires=NOW + timedelta(days=9))
    soon = signed(approval(id="2", kind="iops", expires=NOW + timedelta(days=2)), "engineering-vp/pat", "b.json")
    over = signed(approval(id="4", kind="override", expires=NOW - timedelta(days=1)), "cto/pat", "c.json")
    found = approved([signed(late), soon, over], SUBJECT, ("scope", "iops"), verify, NOW)
    assert holds_until(found, None) == NOW + timedelta(days=2)
    assert holds_until(approved([], SUBJECT, ("scope",), verify, NOW)) is None


def test_an_example_is_called_one_and_gives_no_total() -> None:
    told = prices(assess(scope(users=40_000, iops=12_000), offering(), TODAY))
    assert told[0].startswith("Medium: dedicated RDS, db-med-04, for the size: 5,000 (3,000 to 8,000) USD once, ")
    assert told[0].endswith(" weeks (EXAMPLE)")
    assert told[1].startswith("Dedicated storage for IOPS above the size's, for 12,000 IOPS asked")
    assert told[-2:] == (
        "total once: no total: 2 of 2 prices are EXAMPLE", "total a month: no total: 2 of 2 prices are EXAMPLE",
    )  # fmt: skip


def test_given_prices_have_totals_and_what_has_none_says_so() -> None:
    told = prices(assess(scope(users=40_000, storageGib=9_000), offering(given()), TODAY))
    assert "EXAMPLE" not in " ".join(told)
    assert any(
        line.startswith("Storage above the size's") and "no price: nobody gave a figure" in line for line in told
    )
    assert told[-2].startswith("total once: ")
    assert "USD" in told[-2]
    assert "not in it: Storage above the size's" in told[-2]


def test_without_a_size_there_is_nothing_to_price() -> None:
    assert prices(assess(scope(), offering(), TODAY)) == ()
