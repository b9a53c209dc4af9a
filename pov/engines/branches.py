"""How a branch is protected, and how merges are made: what is wished, and what Gitea's API says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ANYBODY = ("anybody who may write",)

MERGE_COMMITS: Mapping[str, Any] = {
    "allow_merge_commits": True,
    "allow_squash_merge": False,
    "allow_rebase": False,
    "allow_rebase_explicit": False,
    "allow_fast_forward_only_merge": False,
    "allow_manual_merge": False,
    "autodetect_manual_merge": False,
    "default_merge_style": "merge",
}
"""A repository's pull requests are merged by a merge commit, and in no other way, in the words of Gitea's API.

By hand is one of the others: it marks a pull request as merged that the branch holds already, and looks at no status.
"""


@dataclass(frozen=True)
class Rule:
    """How a branch is protected. Nobody may force a push or delete it, whatever the rule says.

    `pushers` push directly; none of them means that changes come by pull request only. `approvals` by `approvers` are
    needed before a merge, an approval is void once the branch changes, and an administrator is no exception. With a
    `status`, the commit must have that one, green, and hold all that the branch has.
    """

    branch: str
    pushers: tuple[str, ...] = ()
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    status: str = ""


@dataclass(frozen=True)
class Protection:
    """How a branch is protected, as the server says. `pushers` is `("anybody who may write",)` where none are named."""

    pushers: tuple[str, ...]
    approvals: int
    approvers: tuple[str, ...]
    force_push: bool
    dismisses_stale: bool
    holds_administrators: bool

    def as_json(self) -> dict[str, Any]:
        """As it is kept as evidence."""
        lists = {"pushers": list(self.pushers), "approvers": list(self.approvers)}
        return {**vars(self), **lists}


def as_told(rule: Rule) -> dict[str, Any]:
    """The rule in the words of Gitea's API."""
    return {
        "enable_push": bool(rule.pushers),
        "enable_push_whitelist": bool(rule.pushers),
        "push_whitelist_usernames": list(rule.pushers),
        "enable_force_push": False,
        "required_approvals": rule.approvals,
        "enable_approvals_whitelist": bool(rule.approvers),
        "approvals_whitelist_username": list(rule.approvers),
        "enable_status_check": bool(rule.status),
        "status_check_contexts": [rule.status] if rule.status else [],
        "block_on_outdated_branch": bool(rule.status),
        "block_on_rejected_reviews": True,
        "dismiss_stale_approvals": True,
        "block_admin_merge_override": True,
    }


def same(held: Any, wanted: Any) -> bool:
    """Whether a value of the API says what is wanted; it leaves empty lists out."""
    return (held or []) == wanted if isinstance(wanted, list) else held == wanted


def protection_told(held: Mapping[str, Any]) -> Protection:
    """The protection that the API tells."""
    named = tuple(held.get("push_whitelist_usernames") or ()) if held.get("enable_push_whitelist") else _ANYBODY
    return Protection(
        pushers=named if held.get("enable_push") else (),
        approvals=int(held.get("required_approvals") or 0),
        approvers=tuple(held.get("approvals_whitelist_username") or ())
        if held.get("enable_approvals_whitelist")
        else (),
        force_push=bool(held.get("enable_force_push")),
        dismisses_stale=bool(held.get("dismiss_stale_approvals")),
        holds_administrators=bool(held.get("block_admin_merge_override")),
    )
