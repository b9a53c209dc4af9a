"""Requests for more that were refused: which count, what they asked for, and what a run keeps of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pov.scoping.approvals import Record
from pov.scoping.refusals import refusals
from tests.unit.scoping.test_approvals import NOW, SUBJECT, approval, signed, verify

DAY = timedelta(days=1)
MORE = replace(SUBJECT, scope="m" * 64)


def refusal(name: str = "2.json", by: str = "engineer/pat", **changes: Any) -> Record:
    return signed(approval(decision="refuse", reason="one cluster was agreed", **changes), by, name)


def request(name: str = "1.json", **changes: Any) -> Record:
    asked = approval(**{"decision": "request", "reason": "a fair in spring", "issued": NOW - 3 * DAY, **changes})
    return Record(name, asked.as_bytes(), None)


def found(*records: Record, engagement: str = "acme") -> tuple[list[dict[str, Any]], list[str]]:
    kept, left = refusals(records, engagement, verify)
    return [one.as_json({"cpu": 48, "iops": 12_000}) for one in kept], left


def test_a_refusal_is_told_with_its_request_and_what_differs_from_what_was_agreed() -> None:
    (one,), left = found(refusal(subject=MORE), request(subject=MORE))
    assert left == []
    assert (one["figures"], one["agreed"]) == ({"cpu": 96}, {"cpu": 48})
    assert (one["by"], one["role"], one["why"]) == ("pat", "engineer", "one cluster was agreed")
    assert (one["requested"][:10], one["wished"]) == ("2026-11-25", "a fair in spring")
    assert (one["on"][:10], one["until"][:10]) == ("2026-11-27", "2026-12-27")
    assert one["reviewed_for"] == ["96 cores"]


def test_the_newest_request_before_it_is_the_one_that_was_refused() -> None:
    later = request("0.json", issued=NOW, reason="asked again after it")
    earlier = request("3.json", issued=NOW - 9 * DAY, reason="asked long before")
    (one,), _ = found(later, request(), earlier, refusal())
    assert one["wished"] == "a fair in spring"
    (one,), _ = found(refusal(), request(subject=MORE), request(kind="iops"))
    assert (one["requested"], one["wished"]) == ("", ""), "a request for something else is none for this"


def test_what_was_approved_later_is_no_wish_any_more_and_what_was_refused_later_is_one() -> None:
    approved_later = signed(approval(issued=NOW), name="1.json")
    approved_before = signed(approval(issued=NOW - 2 * DAY), name="9.json")
    assert found(refusal(), approved_later) == ([], [])
    assert len(found(approved_before, refusal())[0]) == 1
    # The approval of another scope takes nothing back.
    assert len(found(refusal(), signed(approval(issued=NOW, subject=MORE), name="3.json"))[0]) == 1


def test_once_its_days_are_over_it_still_was_refused() -> None:
    long_ago = refusal(issued=NOW - 90 * DAY, expires=NOW - 60 * DAY)
    assert [one["until"][:10] for one in found(long_ago)[0]] == ["2026-09-29"]


def test_refusals_of_every_kind_come_in_their_order() -> None:
    vp = "engineering-vp/sam"
    iops, override = (refusal(f"{n}.json", vp, kind=kind, issued=NOW - n * DAY)
                      for n, kind in ((5, "iops"), (7, "override")))  # fmt: skip
    kept, _ = found(refusal(), iops, override)
    assert [one["kind"] for one in kept] == ["override", "iops", "scope"]
    assert [one["figures"] for one in kept] == [{}, {}, {"cpu": 96}], "figures are the scope's alone"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (refusal(by="sales/pat"), "2.json: pat signed as sales"),
        (refusal(by="pat"), "2.json: pat has no role"),
        (replace(refusal(), signature=None), "2.json: it is not signed"),
        (replace(refusal(), signature="engineer/pat 00"), "2.json: not a signature"),
        (refusal(expires=NOW + 400 * DAY), "2.json: it would hold for longer"),
    ],
)
def test_a_refusal_that_nobody_may_sign_so_is_left_out_with_the_reason(record: Record, why: str) -> None:
    kept, left = found(record)
    assert kept == []
    assert left[0].startswith(why)


@pytest.mark.parametrize(
    "record",
    [
        Record("x.json", b"", None), Record("x.json", b"[1]", "s"), request(), signed(approval()),
        refusal(subject=replace(SUBJECT, engagement="other")), refusal(kind="mandate", by="cto/kim"),
    ],
)  # fmt: skip
def test_what_is_no_refusal_of_this_engagement_is_not_told(record: Record) -> None:
    assert found(record) == ([], [])
