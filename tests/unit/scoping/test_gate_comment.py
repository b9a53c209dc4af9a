"""What the gate says on a pull request: all that helps, no values, and nothing that whoever asks wrote into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pov.scoping.gate_comment import against, comment, description, holds_until, judged_again

HEAD, BASE = "1234567890abcdef" * 2, "fedcba0987654321" * 2
REFUSAL = {"what": "96 cores", "limit": "64", "fix": "at most 64", "who": ["cto", "engineer"]}


def document(**more: Any) -> dict[str, Any]:
    changes = [{"address": 'module.landing_zone.x["prod"]', "actions": ["delete", "create"]}]
    check = {"name": "plan", "outcome": "refused", "refusals": [REFUSAL], "advice": [], "not_checked": ""}
    told = {"outcome": "refused", "checks": [check], "priced": ["Medium: 5,000 USD once (EXAMPLE)"]}
    return {**told, "plan": {"digest": "ab" * 32, "changes": changes}, "overridden": [], **more}


def test_a_refusal_tells_limit_remedy_approver_price_and_addresses() -> None:
    told = comment(document(), HEAD, BASE)
    assert "### Gate: refused" in told
    assert "refused: 96 cores; limit: 64; passes with: at most 64; may approve: cto or engineer" in told
    assert "priced: Medium: 5,000 USD once (EXAMPLE)" in told
    assert 'delete+create module.landing_zone.x["prod"]' in told
    assert "What was planned of it, plan" in told
    assert "ab" * 32 in told
    assert told.endswith("Judged: 1234567890 on fedcba0987.")


def test_what_passed_has_no_price_and_tells_advice_and_overrides() -> None:
    check = {"refusals": [], "advice": [REFUSAL]}
    told = comment(document(outcome="passed", checks=[check], overridden=["600 cores: set aside by pat"]), HEAD, BASE)
    assert "### Gate: passed" in told
    assert "What it would make, plan" in told
    assert "priced" not in told
    assert "advice: 96 cores" in told
    assert "overridden: 600 cores: set aside by pat" in told


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (document(outcome="passed", checks=[]), "passed, on fedcba0987"),
        (document(outcome="passed", holds_until="nonsense"), "passed, on fedcba0987"),
        (
            document(outcome="passed", holds_until="2026-12-28T10:00:05.999+02:00"),
            "passed until 2026-12-28T08:00:05Z, on fedcba0987",
        ),
        (document(), "1 thing is refused: see the comment, on fedcba0987"),
        (
            document(checks=[{"refusals": [REFUSAL, REFUSAL]}, {"refusals": [REFUSAL]}]),
            "3 things are refused: see the comment, on fedcba0987",
        ),
        ({"outcome": "bad input", "lines": ["x"]}, "cannot be judged: see the comment, on fedcba0987"),
        ({"outcome": "failed", "lines": ["x"]}, "the gate itself failed: see the comment, on fedcba0987"),
        ({"outcome": "whatever"}, "the gate itself failed: see the comment, on fedcba0987"),
        ({}, "the gate itself failed: see the comment, on fedcba0987"),
    ],
)
def test_the_status_says_it_in_a_sentence_and_names_what_it_was_judged_against(
    told: dict[str, Any], sentence: str
) -> None:
    assert description(told, BASE) == sentence
    assert description(told, BASE).endswith(against(BASE))


def test_a_status_tells_until_when_it_holds_also_while_it_is_judged_again() -> None:
    until = datetime(2026, 12, 28, 8, 0, 5, tzinfo=UTC)
    passed = description(document(outcome="passed", holds_until="2026-12-28T08:00:05Z"), BASE)
    assert holds_until(passed) == until
    assert holds_until(judged_again(until, BASE)) == until
    assert judged_again(until, BASE).endswith(against(BASE))
    assert holds_until(description(document(outcome="passed"), BASE)) is None
    assert holds_until("passed until tomorrow, on fedcba0987") is None


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
    told = comment(document(checks=[{"refusals": [{**REFUSAL, "what": hostile}]}]), HEAD, BASE)
    lines = told.splitlines()
    assert [line for line in lines if line.startswith("###")] == ["### Gate: refused"]
    fences = [line for line in lines if line.startswith("~")]
    assert set(fences) == {"~~~~text", "~~~~"}
    assert len(fences) % 2 == 0
    assert not any(letter in told for letter in ("\x1b", "\x00", "\r", "\u202e"))
    assert max(map(len, lines)) < 700


def test_a_plan_without_end_is_cut_and_says_so() -> None:
    changes = [{"address": f"a.b{n}", "actions": ["create"]} for n in range(1000)]
    told = comment(document(plan={"changes": changes}), HEAD, BASE)
    assert "and 800 more" in told
    assert "a.b199" in told
    assert "a.b200" not in told


def test_values_of_a_plan_never_come_into_it() -> None:
    change = {"address": "a.b", "actions": ["create"], "change": {"after": {"yaml_body": "hunter2"}}}
    assert "hunter2" not in comment(document(plan={"changes": [change]}), HEAD, BASE)


def test_damaged_parts_are_left_out() -> None:
    told = comment(
        {"outcome": "refused", "checks": [None, {"refusals": ["x", {}]}], "plan": 3, "priced": 7}, HEAD, BASE
    )
    assert "### Gate: refused" in told
