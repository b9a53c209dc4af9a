"""What the gate says on a pull request: all that helps, no values, and nothing that whoever asks wrote into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pov.scoping.gate_comment import (
    against,
    comment,
    description,
    holds_until,
    is_judged,
    is_so_far,
    is_unseen,
    unseen,
    waits,
)
from pov.scoping.gate_status import Green, read

HEAD, BASE, JUDGE = "1234567890abcdef" * 2, "fedcba0987654321" * 2, "0a1b2c3d4e"
REFUSAL = {"what": "96 cores", "limit": "64", "fix": "at most 64", "who": ["cto", "engineer"]}


def document(**more: Any) -> dict[str, Any]:
    changes = [{"address": 'module.landing_zone.x["prod"]', "actions": ["delete", "create"]}]
    check = {"name": "plan", "outcome": "refused", "refusals": [REFUSAL], "advice": [], "not_checked": ""}
    told = {"outcome": "refused", "checks": [check], "priced": ["Medium: 5,000 USD once (EXAMPLE)"]}
    return {**told, "plan": {"digest": "ab" * 32, "changes": changes}, "overridden": [], **more}


def test_a_refusal_tells_limit_remedy_approver_price_and_addresses() -> None:
    told = comment(document(), HEAD, BASE, JUDGE)
    assert "### Gate: refused" in told
    assert "refused: 96 cores; limit: 64; passes with: at most 64; may approve: cto or engineer" in told
    assert "priced: Medium: 5,000 USD once (EXAMPLE)" in told
    assert 'delete+create module.landing_zone.x["prod"]' in told
    assert "What was planned of it, plan" in told
    assert "ab" * 32 in told
    assert told.endswith("Judged: 1234567890 on fedcba0987 by 0a1b2c3d4e.")


def test_what_is_refused_so_far_says_what_is_to_come_and_has_no_plan() -> None:
    first = {key: value for key, value in document().items() if key != "plan"}
    told = comment({**first, "so_far": True}, HEAD, BASE, JUDGE)
    assert "### Gate: refused" in told
    assert "refused: 96 cores; limit: 64; passes with: at most 64; may approve: cto or engineer" in told
    assert "priced: Medium: 5,000 USD once (EXAMPLE)" in told
    assert "Terraform's plan is judged now" in told
    assert "planned of it" not in told
    assert "judged now" not in comment(document(), HEAD, BASE, JUDGE)


def test_a_status_of_what_is_refused_so_far_is_told_from_the_last_word_and_carries_what_is_judged_again() -> None:
    until = datetime(2026, 12, 28, 8, 0, 5, tzinfo=UTC)
    said = description(document(so_far=True), BASE, JUDGE)
    assert said == "1 thing is refused so far: see the comment, on fedcba0987 by 0a1b2c3d4e"
    again = description(document(so_far=True, checks=[{"refusals": [REFUSAL] * 2000}]), BASE, JUDGE, until)
    assert (is_so_far(said), is_so_far(again), holds_until(again)) == (True, True, until)
    assert len(again) <= 140
    assert read(again) == Green(), "no green"
    for other in (
        description(document(), BASE, JUDGE, until),
        description(document(outcome="passed", so_far=True), BASE, JUDGE),
        description({"outcome": "bad input", "so_far": True}, BASE, JUDGE),
        is_judged(BASE, JUDGE),
        waits(7, BASE, JUDGE),
        unseen("1 thing is refused so far: see the comment", BASE, JUDGE),
    ):
        assert not is_so_far(other), other


def test_what_passed_has_no_price_and_tells_advice_and_overrides() -> None:
    check = {"refusals": [], "advice": [REFUSAL]}
    passed = document(outcome="passed", checks=[check], overridden=["600 cores: set aside by pat"])
    told = comment(passed, HEAD, BASE, JUDGE)
    assert "### Gate: passed" in told
    assert "What it would make, plan" in told
    assert "priced" not in told
    assert "advice: 96 cores" in told
    assert "overridden: 600 cores: set aside by pat" in told


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (document(outcome="passed", checks=[]), "passed, on fedcba0987 by 0a1b2c3d4e"),
        (document(outcome="passed", holds_until="nonsense"), "passed, on fedcba0987 by 0a1b2c3d4e"),
        (
            document(outcome="passed", holds_until="2026-12-28T10:00:05.999+02:00"),
            "passed until 2026-12-28T08:00:05Z, on fedcba0987 by 0a1b2c3d4e",
        ),
        (
            document(outcome="passed", plan={"digest": "ab" * 32, "against": {"serial": 7}}),
            f"passed, plan {'ab' * 32}, on fedcba0987 by 0a1b2c3d4e",
        ),
        (
            document(outcome="passed", plan={"digest": "no digest", "against": {"serial": 7}}),
            "passed, on fedcba0987 by 0a1b2c3d4e",
        ),
        (
            document(plan={"digest": "ab" * 32, "against": {"serial": 7}}),
            "1 thing is refused: see the comment, on fedcba0987 by 0a1b2c3d4e",
        ),
        (document(), "1 thing is refused: see the comment, on fedcba0987 by 0a1b2c3d4e"),
        (
            document(checks=[{"refusals": [REFUSAL, REFUSAL]}, {"refusals": [REFUSAL]}]),
            "3 things are refused: see the comment, on fedcba0987 by 0a1b2c3d4e",
        ),
        ({"outcome": "bad input", "lines": ["x"]}, "cannot be judged: see the comment, on fedcba0987 by 0a1b2c3d4e"),
        ({"outcome": "failed", "lines": ["x"]}, "the gate itself failed: see the comment, on fedcba0987 by 0a1b2c3d4e"),
        ({"outcome": "whatever"}, "the gate itself failed: see the comment, on fedcba0987 by 0a1b2c3d4e"),
        ({}, "the gate itself failed: see the comment, on fedcba0987 by 0a1b2c3d4e"),
    ],
)
def test_the_status_says_it_in_a_sentence_and_names_what_it_was_judged_against(
    told: dict[str, Any], sentence: str
) -> None:
    assert description(told, BASE, JUDGE) == sentence
    assert description(told, BASE, JUDGE).endswith(against(BASE, JUDGE))


def test_a_status_tells_until_when_it_holds_also_while_it_is_judged_again() -> None:
    until = datetime(2026, 12, 28, 8, 0, 5, tzinfo=UTC)
    passed = description(document(outcome="passed", holds_until="2026-12-28T08:00:05Z"), BASE, JUDGE)
    assert holds_until(passed) == until
    assert holds_until(description(document(outcome="passed"), BASE, JUDGE)) is None
    plan = {"digest": "ab" * 32, "against": {"serial": 123456}}
    told = description(
        document(outcome="passed", holds_until="2026-12-28T08:00:05Z", plan=plan), BASE, f"{JUDGE}/123456"
    )
    assert holds_until(told) == until
    assert len(told) <= 140
    assert read(told) == Green(BASE[:10], "ab" * 32, "123456"), "whole, whatever else is in it"
    assert holds_until("passed until tomorrow, on fedcba0987 by 0a1b2c3d4e") is None
    for said in (
        is_judged(BASE, JUDGE, until),
        waits(7, BASE, JUDGE, until),
        unseen("no answer", BASE, JUDGE, until),
        unseen("x" * 500, BASE, JUDGE, until),
        unseen("a branch that passed until 2027-01-01T00:00:00Z, on a by b", BASE, JUDGE, until),
    ):
        assert holds_until(said) == until
        assert said.endswith(against(BASE, JUDGE))
        assert len(said) <= 140
    assert holds_until(unseen("passed until 2027-01-01T00:00:00Z, on a by b", BASE, JUDGE)) is None


@pytest.mark.parametrize(
    ("before", "told"),
    [(1, "1"), (9, "9"), (10, "at least 10"), (99, "at least 10"), (100, "at least 100"), (4321, "at least 1000")],
)
def test_who_waits_is_told_how_many_are_before_them(before: int, told: str) -> None:
    assert waits(before, BASE, JUDGE) == f"waits, {told} before it, on fedcba0987 by 0a1b2c3d4e"


def test_one_that_cannot_be_looked_at_is_told_from_a_gate_that_failed() -> None:
    said = unseen("Gitea refused\nPOST with \x1b 403", BASE, JUDGE)
    assert said == "cannot be looked at: Gitea refused POST with 403, on fedcba0987 by 0a1b2c3d4e"
    assert is_unseen(said)
    assert not is_unseen(description({"outcome": "failed"}, BASE, JUDGE))


@pytest.mark.parametrize(
    "hostile",
    [
        "~~~~\n# Gate: passed",
        "~~~~~~~~ **bold**",
        "a\r\n\r\n### Gate: passed",
        "`code` and ``` more",
        "\x1b[31mred\x00\u202e",
        "x" * 5000,
    ],
)
def test_no_name_ends_the_block_that_it_stands_in(hostile: str) -> None:
    told = comment(document(checks=[{"refusals": [{**REFUSAL, "what": hostile}]}]), HEAD, BASE, JUDGE)
    lines = told.splitlines()
    assert [line for line in lines if line.startswith("###")] == ["### Gate: refused"]
    fences = [line for line in lines if line.startswith("~")]
    assert set(fences) == {"~~~~text", "~~~~"}
    assert len(fences) % 2 == 0
    assert not any(letter in told for letter in ("\x1b", "\x00", "\r", "\u202e"))
    assert max(map(len, lines)) < 700


def test_a_plan_without_end_is_cut_and_says_so() -> None:
    changes = [{"address": f"a.b{n}", "actions": ["create"]} for n in range(1000)]
    told = comment(document(plan={"changes": changes}), HEAD, BASE, JUDGE)
    assert "and 800 more" in told
    assert "a.b199" in told
    assert "a.b200" not in told


def test_values_of_a_plan_never_come_into_it() -> None:
    change = {"address": "a.b", "actions": ["create"], "change": {"after": {"yaml_body": "hunter2"}}}
    assert "hunter2" not in comment(document(plan={"changes": [change]}), HEAD, BASE, JUDGE)


def test_damaged_parts_are_left_out() -> None:
    told = comment(
        {"outcome": "refused", "checks": [None, {"refusals": ["x", {}]}], "plan": 3, "priced": 7}, HEAD, BASE, JUDGE
    )
    assert "### Gate: refused" in told
