"""Gitea, by its REST API: users, repositories, protected branches, pull requests, webhooks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import NotFound
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.branches import MERGE_COMMITS, Protection, Rule, as_told, protection_told, same
from pov.engines.rest import Authorization, Refused, Rest, password

_MERGE_S = 30.0
_FIRST_PUSH_S = 60.0


@dataclass(frozen=True)
class Pull:
    """A pull request: `state` is open or closed; `merged_commit` is set once it is merged."""

    number: int
    state: str
    merged_commit: str | None


@dataclass(frozen=True)
class Merged:
    """A pull request that was merged: its number, and who opened it."""

    number: int
    author: str


class Gitea:
    """One person's view of a Gitea. No answer and 5xx raise `Transient`, 404 `NotFound`, other refusals `Refused`."""

    def __init__(self, rest: Rest, user: str, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.user = user
        self._rest = rest
        self._clock = clock

    @classmethod
    def by_password(cls, url: str, ca_path: Path, user: str, secret: Secret, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Log in by password: slow by design, and the only way to make tokens."""
        return cls(Rest("Gitea", url, ca_path, password(user, secret)), user, clock=clock)

    @classmethod
    def by_token(cls, url: str, ca_path: Path, user: str, token: Secret, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Log in by token."""
        return cls(Rest("Gitea", url, ca_path, Authorization("token", token)), user, clock=clock)

    def close(self) -> None:
        """Close kept connections."""
        self._rest.close()

    def version(self) -> str:
        """The server's version."""
        return str(self._call("GET", "/version")["version"])

    def is_logged_in(self) -> bool:
        """Whether the server knows this user by these credentials."""
        try:
            return bool(self._call("GET", "/user")["login"] == self.user)
        except Refused as refusal:
            if refusal.status in {401, 403}:
                return False
            raise

    def may_read(self, repository: str) -> bool:
        """Whether these credentials let anybody read a repository."""
        try:
            return self._call("GET", f"/repos/{repository}", may_lack=True) is not None
        except Refused as refusal:
            if refusal.status in {401, 403}:
                return False
            raise

    def make_token(self, name: str, scopes: Sequence[str], *, user: str | None = None) -> Secret:
        """A new token for `user` (by default this one), in place of the one of that name. Needs a password's login."""
        whose = user or self.user
        self._call("DELETE", f"/users/{whose}/tokens/{name}", may_lack=True)
        made = self._call("POST", f"/users/{whose}/tokens", {"name": name, "scopes": list(scopes)})
        return Secret(made["sha1"])

    def ensure_user(self, name: str, password: Secret) -> bool:
        """Make a user, or give an existing one this password. Returns whether there was none. For administrators."""
        if self._call("GET", f"/users/{name}", may_lack=True) is not None:
            self.set_password(name, password)
            return False
        body = {"username": name, "email": f"{name}@pov.dev", "password": password.reveal()}
        self._call("POST", "/admin/users", {**body, "must_change_password": False, "visibility": "private"})
        return True

    def set_password(self, name: str, password: Secret) -> None:
        """Give a user another password. Needs an administrator."""
        body = {"login_name": name, "source_id": 0, "password": password.reveal(), "must_change_password": False}
        self._call("PATCH", f"/admin/users/{name}", body)

    def ensure_repository(self, name: str, description: str) -> bool:
        """Make a private repository of this user, without any commit. Returns whether there was none."""
        if self._call("GET", f"/repos/{self.user}/{name}", may_lack=True) is not None:
            return False
        body = {"name": name, "description": description, "private": True, "default_branch": "main"}
        self._call("POST", "/user/repos", body)
        return True

    def ensure_collaborator(self, repository: str, user: str, permission: str) -> bool:
        """Let `user` into a repository (`read` or `write`). Returns whether that was a change."""
        path = f"/repos/{repository}/collaborators/{user}"
        held = self._call("GET", f"{path}/permission", may_lack=True)
        if held is not None and held.get("permission") == permission:
            return False
        self._call("PUT", path, {"permission": permission})
        return True

    def protect(self, repository: str, rule: Rule) -> bool:
        """Make the branch's protection what the rule says. Returns whether that was a change."""
        wanted = as_told(rule)
        path = f"/repos/{repository}/branch_protections"
        held = self._call("GET", f"{path}/{rule.branch}", may_lack=True)
        if held is None:
            self._call("POST", path, {"rule_name": rule.branch, **wanted})
            return True
        if all(same(held.get(key), value) for key, value in wanted.items()):
            return False
        self._call("PATCH", f"{path}/{rule.branch}", wanted)
        return True

    def protection(self, repository: str, branch: str) -> Protection | None:
        """The branch's protection as it is now; None without one."""
        held = self._call("GET", f"/repos/{repository}/branch_protections/{branch}", may_lack=True)
        if held is None:
            return None
        return protection_told(held)

    def only_merge_commits(self, repository: str) -> bool:
        """Have pull requests merged by merge commits alone, in its pages as by its API. Whether that was a change."""
        held = self._call("GET", f"/repos/{repository}")
        if all(held.get(key) == value for key, value in MERGE_COMMITS.items()):
            return False
        self._call("PATCH", f"/repos/{repository}", MERGE_COMMITS)
        return True

    def ensure_webhook(self, repository: str, url: str, secret: Secret) -> bool:
        """Have pushes told to `url`, signed with `secret`. Returns whether that was a change.

        A webhook that was switched off stays so. A secret can neither be read nor changed there, so the webhook's name
        carries a short digest of it, and one for another secret is replaced.
        """
        name = f"{url.split('/')[2]} {hashlib.sha256(secret.reveal().encode()).hexdigest()[:12]}"
        changed = False
        for hook in self._call("GET", f"/repos/{repository}/hooks"):
            if hook["config"].get("url") != url:
                continue
            if hook["name"] == name:
                return changed
            self._call("DELETE", f"/repos/{repository}/hooks/{hook['id']}")
            changed = True
        config = {"url": url, "content_type": "json", "secret": secret.reveal()}
        body = {"type": "gitea", "name": name, "config": config, "events": ["push"], "active": True}
        self._call("POST", f"/repos/{repository}/hooks", body)
        return True

    def set_webhook_active(self, repository: str, active: bool) -> None:
        """Switch every webhook of a repository on or off."""
        for hook in self._call("GET", f"/repos/{repository}/hooks"):
            if hook["active"] != active:
                body = {"active": active, "events": hook["events"]}
                self._call("PATCH", f"/repos/{repository}/hooks/{hook['id']}", body)

    def is_webhook_active(self, repository: str) -> bool:
        """Whether there is a webhook, and every one is switched on."""
        hooks = self._call("GET", f"/repos/{repository}/hooks")
        return bool(hooks) and all(hook["active"] for hook in hooks)

    def commits_ahead(self, repository: str, head: str, base: str) -> int:
        """How many commits `head` has that `base` lacks."""
        return int(self._call("GET", f"/repos/{repository}/compare/{base}...{head}")["total_commits"])

    def open_pull(self, repository: str, head: str, base: str, title: str) -> Pull:
        """Open a pull request from `head` to `base`; the open one of the same branches if there is one already.

        Gitea works off a first push in the background and knows no pull requests of a repository that it takes for an
        empty one: this waits at most 60 seconds for that.
        """

        def listed() -> list[Any] | Pending:
            found = self._call("GET", f"/repos/{repository}/pulls?state=open", may_lack=True)
            if found is not None:
                return list(found)
            if self._call("GET", f"/repos/{repository}")["empty"]:
                return Pending("Gitea takes the repository for an empty one")
            # It may have become one with content in between: what is refused now is refused.
            return list(self._call("GET", f"/repos/{repository}/pulls?state=open"))

        what = f"{repository} to take pull requests"
        for held in wait_for(what, listed, timeout_s=_FIRST_PUSH_S, interval_s=0.2, clock=self._clock):
            if (held["head"]["ref"], held["base"]["ref"]) == (head, base):
                return _pull(held)
        return _pull(self._call("POST", f"/repos/{repository}/pulls", {"head": head, "base": base, "title": title}))

    def pull(self, repository: str, number: int) -> Pull:
        """A pull request as it is now."""
        return _pull(self._call("GET", f"/repos/{repository}/pulls/{number}"))

    def approve(self, repository: str, number: int, body: str = "") -> None:
        """Approve a pull request as this user. Raises `PovError` for one's own."""
        self._call("POST", f"/repos/{repository}/pulls/{number}/reviews", {"event": "APPROVED", "body": body})

    def is_approved(self, repository: str, number: int) -> bool:
        """Whether somebody's approval stands: not dismissed, and of the last change."""
        reviews = self._call("GET", f"/repos/{repository}/pulls/{number}/reviews")
        return any(r["state"] == "APPROVED" and not r["dismissed"] and not r["stale"] for r in reviews)

    def approvers(self, repository: str, number: int) -> tuple[str, ...]:
        """Who has approved a pull request, and whose approval stands; of a merged one, stood when it was merged.

        Gitea works off pushes in the background: it may void an approval of a change that is merged already.
        """
        path = f"/repos/{repository}/pulls/{number}"
        approved = [review for review in self._call("GET", f"{path}/reviews") if review["state"] == "APPROVED"]
        voided = any(review["dismissed"] for review in approved)
        merged = self._call("GET", path).get("merged_at") if voided else None
        return tuple(sorted({review["user"]["login"] for review in approved if _stood(review, merged)}))

    def merged(self, repository: str) -> dict[str, Merged]:
        """The newest 50 merged pull requests, by their merge commits."""
        found = self._call("GET", f"/repos/{repository}/pulls?state=closed&sort=recentupdate&limit=50")
        return {p["merge_commit_sha"]: Merged(int(p["number"]), p["user"]["login"]) for p in found if p.get("merged")}

    def delete_branch(self, repository: str, branch: str) -> bool:
        """Delete a branch. Returns whether there was one."""
        path = f"/repos/{repository}/branches/{branch}"
        if self._call("GET", path, may_lack=True) is None:
            return False
        self._call("DELETE", path, may_lack=True)
        return True

    def merge(self, repository: str, number: int) -> str:
        """Merge a pull request by a merge commit; returns that commit.

        Waits at most 30 seconds for the server's own check of conflicts: while it checks it says what it says of
        a branch that conflicts. Raises `PovError` when an approval is missing.
        """

        def attempt() -> str | Pending:
            now = self.pull(repository, number)
            if now.merged_commit is not None:
                return now.merged_commit
            try:
                self._call("POST", f"/repos/{repository}/pulls/{number}/merge", {"do": "merge"})
            except Refused as refusal:
                if refusal.status == 405 and "try again later" in refusal.cause:
                    return Pending("Gitea checks for conflicts with the target branch, or has found one")
                raise
            return self.pull(repository, number).merged_commit or Pending("merged, not told yet")

        return wait_for(
            f"pull request {number} to be merged",
            attempt,
            timeout_s=_MERGE_S,
            interval_s=0.2,
            clock=self._clock,
            fix="bring the target branch into its own, and ask again",
        )

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may_lack: bool = False) -> Any:
        try:
            return self._rest.call(method, f"/api/v1{path}", body)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            if may_lack:
                return None
            raise NotFound(f"Gitea knows no {path}", cause=refusal.cause) from refusal


def _stood(review: Mapping[str, Any], merged: str | None) -> bool:
    """Whether an approval stands, or was voided no earlier than in the second of the merge: before, there is none."""
    if not review["dismissed"]:
        return True
    return merged is not None and datetime.fromisoformat(review["updated_at"]) >= datetime.fromisoformat(merged)


def _pull(found: Mapping[str, Any]) -> Pull:
    merged = str(found["merge_commit_sha"]) if found.get("merged") else None
    return Pull(int(found["number"]), found["state"], merged)
