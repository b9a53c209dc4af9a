"""The rules of approvals, with a signer in memory; what ssh-keygen makes of them is a contract test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.config.scope import Scope
from pov.scoping.approvals import (
    ROLES,
    Approval,
    Record,
    Subject,
    approved,
    commitments,
    digest_of_offering,
    digest_of_scope,
    guardrail_variables,
    judge,
    read,
)
from tests.unit.scoping.offerings import document, offering

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SUBJECT = Subject("acme", "gitops-35", "s" * 64, "o" * 64)


def approval(**changes: Any) -> Approval:
    base = Approval(
        id="1",
        decision="approve",
        kind="scope",
        subject=SUBJECT,
        figures={"cpu": 96, "iops": 12_000},
        reasons=("96 cores",),
        reason="reviewed with the team",
        issued=NOW - timedelta(days=1),
        expires=NOW + timedelta(days=29),
    )
    return replace(base, **changes)


def signed(what: Approval, principal: str = "engineer/pat", name: str = "a.json") -> Record:
    content = what.as_bytes()
    return Record(name, content, f"{principal} {hashlib.sha256(content).hexdigest()}")


def verify(content: bytes, signature: str) -> str:
    principal, _, digest = signature.partition(" ")
    if digest != hashlib.sha256(content).hexdigest():
        raise PovError("not a signature over these data")
    return principal


def state(*records: Record, needs: tuple[str, ...] = ("scope",), subject: Subject = SUBJECT) -> Any:
    return approved(records, subject, needs, verify, NOW)


def test_what_is_signed_by_the_right_role_counts() -> None:
    found = state(signed(approval()))
    assert found.missing == ()
    assert (found.by_kind["scope"].by, found.by_kind["scope"].role) == ("pat", "engineer")


def test_a_record_reads_back_as_it_was_written() -> None:
    assert read(approval().as_bytes()) == approval()


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (signed(approval(), "sales/pat"), "pat signed as sales, and scope takes"),
        (signed(approval(kind="iops"), "engineer/pat"), "pat signed as engineer, and iops takes engineering-vp"),
        (signed(approval(kind="override"), "engineer/pat"), "override takes cto or engineering-vp"),
        (signed(approval(kind="mandate"), "engineering-vp/pat"), "mandate takes cto"),
        (signed(approval(), "pat"), "pat has no role"),
        (signed(approval(), "engineer/"), "has no role"),
        (signed(approval(), "Engineer/pat"), "pat signed as Engineer"),
        (replace(signed(approval()), signature=None), "it is not signed"),
        (replace(signed(approval()), signature="engineer/pat 00"), "not a signature over these data"),
        (replace(signed(approval()), content=approval(figures={"cpu": 512}).as_bytes()), "not a signature over these"),
        (signed(approval(expires=NOW)), "it expired on 2026-11-28"),
        (signed(approval(expires=NOW - HOUR)), "it expired on 2026-11-28"),
        (signed(approval(issued=NOW + HOUR)), "which is still to come"),
        (signed(approval(expires=NOW + timedelta(days=400))), "longer than 366 days"),
        (signed(approval(subject=replace(SUBJECT, engagement="other"))), "it is for the engagement other"),
        (signed(approval(subject=replace(SUBJECT, environment="prod"))), "it is for the environment prod"),
        (signed(approval(subject=replace(SUBJECT, scope="x"))), "the scope has changed since"),
        (signed(approval(subject=replace(SUBJECT, offering="x"))), "the offering has changed since"),
        (signed(approval(decision="request")), "it is a request"),
        (Record("a.json", b"", "s"), "not a record of an approval"),
        (Record("a.json", b"[" * 100_000, "s"), "not a record of an approval"),
        (Record("a.json", b"[1]", "s"), "its schema is not"),
        (signed(approval(kind="all")), "it is a approve of all"),
        (signed(approval(decision="overrule")), "it is a overrule of scope"),
    ],
    ids=range(24),
)
def test_what_does_not_count_says_why(record: Record, why: str) -> None:
    found = state(record)
    assert found.missing == ("scope",)
    assert why in found.verdicts[0].why


@pytest.mark.parametrize("key", ["issued", "expires"])
@pytest.mark.parametrize("value", [None, "soon", 7, "2026-11-28T12:00:00"])
def test_a_record_without_a_moment_is_none(key: str, value: Any) -> None:
    content = json.dumps({**json.loads(approval().as_bytes()), key: value}).encode()
    assert "not a record" in judge(Record("a", content, "s"), verify, NOW).why


def test_a_role_that_a_record_claims_is_not_read() -> None:
    content = json.dumps({**json.loads(approval(kind="iops").as_bytes()), "role": "engineering-vp"}).encode()
    record = Record("a", content, f"engineer/pat {hashlib.sha256(content).hexdigest()}")
    assert "pat signed as engineer" in judge(record, verify, NOW).why


def test_an_approval_of_one_kind_is_none_of_another() -> None:
    found = state(signed(approval()), needs=("scope", "iops"))
    assert found.missing == ("iops",)
    assert found.why_missing("iops") == "iops is not approved: engineering-vp may approve it"


def test_why_it_is_missing_names_what_was_tried() -> None:
    found = state(signed(approval(expires=NOW - HOUR)))
    assert "a.json: it expired on 2026-11-28" in found.why_missing("scope")


def test_a_copy_counts_once() -> None:
    found = state(signed(approval()), signed(approval(), name="b.json"))
    assert [verdict.why for verdict in found.verdicts] == ["", "it is a copy of a.json"]


def test_the_newest_decision_counts() -> None:
    refusal = approval(id="2", decision="refuse", reason="found a fault", issued=NOW - HOUR)
    found = state(signed(approval()), signed(refusal, name="b.json"))
    assert found.missing == ("scope",)
    assert "pat refused it later (b.json: found a fault)" in found.verdicts[0].why
    again = approval(id="3", issued=NOW - timedelta(minutes=5))
    assert state(signed(approval()), signed(refusal, name="b.json"), signed(again, name="c.json")).missing == ()
    nobody = signed(refusal, "sales/sam", name="b.json")
    assert state(signed(approval()), nobody).missing == ()


def test_a_scope_that_changed_is_unapproved_by_itself() -> None:
    one, other = Scope.model_validate({"users": 5, "cpu": 96}), Scope.model_validate({"users": 5, "cpu": 97})
    assert digest_of_scope(one) != digest_of_scope(other)
    same = Scope.model_validate({"users": 5, "cpu": 96.0, "architect": "S. Olu", "offering": "/elsewhere"})
    assert digest_of_scope(one) == digest_of_scope(same)
    changed = document()
    changed["quotas"]["cpuStandard"] = 65
    assert digest_of_offering(offering()) != digest_of_offering(offering(changed))


def test_terraform_is_told_signed_approvals_and_nothing_else() -> None:
    records = [
        signed(approval()),
        signed(approval(id="2", kind="iops"), "engineering-vp/vera", "b.json"),
        signed(approval(id="3", kind="override"), "engineer/pat", "c.json"),
    ]
    found = state(*records, needs=("scope", "iops", "override"))
    quotas = offering().quotas
    assert guardrail_variables(found, "acme", quotas) == {
        "scope": {"reference": "acme", "approved_by": "pat"},
        "quotas": {"cpu_standard": 64, "cpu_scoped": 96, "iops_approval": 10_000},
        "iops_approval": {"role": "engineering-vp", "approved_by": "vera"},
    }
    assert guardrail_variables(state(needs=("scope",)), "acme", quotas) == {}


@pytest.mark.parametrize(("figures", "cores"), [({"cpu": 96}, 96), ({"cpu": 9000}, 512), ({"cpu": 8}, 64), ({}, 64)])
def test_an_approval_allows_the_cores_that_it_names(figures: dict[str, Any], cores: int) -> None:
    found = state(signed(approval(figures=figures)))
    assert guardrail_variables(found, "acme", offering().quotas)["quotas"]["cpu_scoped"] == cores


@pytest.mark.parametrize(("figures", "gib"), [({"storage_gib": 6000}, 6000), ({"storage_gib": 0}, None), ({}, None)])
def test_an_approval_allows_the_storage_that_it_names(figures: dict[str, Any], gib: int | None) -> None:
    told = guardrail_variables(state(signed(approval(figures=figures))), "acme", offering().quotas)
    assert told.get("storage") == (None if gib is None else {"gib": gib, "of": "scope acme"})


def test_only_the_cto_mandates() -> None:
    assert ROLES["mandate"] == {"cto"}
    assert ROLES["iops"] == {"engineering-vp"}


def test_other_deals_commitments_are_their_newest_scope_that_counts() -> None:
    def of(name: str, cpu: float, **more: Any) -> Approval:
        return approval(id=f"{name}{cpu}", subject=replace(SUBJECT, engagement=name), figures={"cpu": cpu}, **more)

    records = [
        signed(of("a", 10)),
        signed(of("a", 20, issued=NOW - HOUR), name="a2"),
        signed(of("b", 30, expires=NOW - HOUR)),
        signed(of("c", 40), "sales/sam"),
        signed(of("d", 50)),
        signed(of("d", 60, decision="refuse", issued=NOW - HOUR)),
        signed(of("acme", 70)),
        signed(of("e", 80, kind="iops"), "engineering-vp/vera"),
        replace(signed(of("f", 90)), signature=None),
        replace(signed(of("a", 95)), signature="engineer/pat forged"),
        signed(of("g", 96, decision="request")),
        replace(signed(of("d", 97)), signature=None),
        Record("h.json", b"{}", None),
    ]
    found = commitments(records, "acme", verify, NOW)
    assert [(one.engagement, one.cpu, one.iops, one.doubt) for one in found] == [
        ("a", 20, None, ""),
        ("c", None, None, f"sam signed as sales, and scope takes {' or '.join(sorted(ROLES['scope']))}"),
        ("f", None, None, "it is not signed: a.json.sig is missing"),
    ]
