"""What Gitea's API says of a branch's protection, where it is not as `pov` makes it."""

from __future__ import annotations

from typing import Any

import pytest

from pov.engines.branches import Protection, Rule, as_told, protection_told

MADE = as_told(Rule("prod", approvals=1, approvers=("reviewer",)))
AS_MADE = Protection((), 1, ("reviewer",), force_push=False, dismisses_stale=True, holds_administrators=True)


@pytest.mark.parametrize(
    ("told", "field", "value"),
    [
        ({}, "approvals", 1),
        ({"enable_push": True, "push_whitelist_usernames": ["pov"]}, "pushers", ("anybody who may write",)),
        (
            {"enable_push": True, "enable_push_whitelist": True, "push_whitelist_usernames": ["pov"]},
            "pushers",
            ("pov",),
        ),
        ({"push_whitelist_usernames": ["pov"]}, "pushers", ()),
        ({"enable_approvals_whitelist": False}, "approvers", ()),
        ({"approvals_whitelist_username": None}, "approvers", ()),
        ({"required_approvals": None}, "approvals", 0),
        ({"enable_force_push": True}, "force_push", True),
        ({"dismiss_stale_approvals": False}, "dismisses_stale", False),
        ({"block_admin_merge_override": False}, "holds_administrators", False),
    ],
)
def test_protection_as_it_is(told: dict[str, Any], field: str, value: object) -> None:
    found = protection_told({**MADE, **told})
    assert getattr(found, field) == value
    assert found == AS_MADE or told


def test_what_is_made_is_what_is_read() -> None:
    assert protection_told(MADE) == AS_MADE
    assert AS_MADE.as_json()["approvers"] == ["reviewer"]
