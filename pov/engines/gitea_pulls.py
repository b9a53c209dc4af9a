"""Pull requests from forks, and what a gate does on them: a commit status, and one comment that is edited in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from pov.base.wait import Pending, wait_for
from pov.engines.gitea import Gitea, Merged
from pov.engines.rest import Refused

PENDING, SUCCESS, FAILURE, ERROR = "pending", "success", "failure", "error"
_PAGE = 50
_FIRST_PUSH_S = 60.0


@dataclass(frozen=True)
class Asked:
    """An open pull request as it is now: its number, its commit, and the commit of the branch that it would go into.

    When it was `opened` tells no state of it from another.
    """

    number: int
    head: str
    base: str
    opened: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)


@dataclass(frozen=True)
class Status:
    """A commit's status of one context: its state, its sentence, and who set it."""

    state: str
    description: str
    by: str


class Pulls(Gitea):
    """One person's view of a Gitea's pull requests. Raises as `Gitea` does."""

    def open_into(self, repository: str, branch: str) -> tuple[Asked, ...]:
        """Every open pull request that would go into a branch, oldest first."""
        return tuple(
            Asked(int(one["number"]), one["head"]["sha"], one["base"]["sha"], datetime.fromisoformat(one["created_at"]))
            for one in self._open(repository)
            if one["base"]["ref"] == branch
        )

    def _open(self, repository: str) -> Iterator[dict[str, Any]]:
        for page in count(1):
            some = self._call("GET", f"/repos/{repository}/pulls?state=open&sort=oldest&limit={_PAGE}&page={page}")
            yield from some
            if len(some) < _PAGE:
                return

    def status(self, repository: str, commit: str, context: str) -> Status | None:
        """The newest status of a commit in one context; None without one."""
        found = self._call("GET", f"/repos/{repository}/commits/{commit}/status")
        for one in found.get("statuses") or ():
            if one["context"] == context:
                return Status(one["status"], one["description"], _creator(one))
        return None

    def status_by(self, repository: str, commit: str, context: str, user: str, *, about: str = "") -> Status | None:
        """The newest status of a commit in one context that `user` set, whatever others set since; None without one.

        Of those whose sentence holds `about`, where that is given.
        """
        found: list[dict[str, Any]] = []
        for page in count(1):
            some = self._call("GET", f"/repos/{repository}/commits/{commit}/statuses?limit={_PAGE}&page={page}")
            own = [one for one in some or () if one["context"] == context and _creator(one) == user]
            found += [one for one in own if about in one["description"]]
            if len(some or ()) < _PAGE:
                break
        # Numbered as they come, commit by commit.
        newest = max(found, key=lambda one: int(one["id"]), default=None)
        return Status(newest["status"], newest["description"], user) if newest is not None else None

    def merged_by(self, repository: str, commit: str) -> Merged | None:
        """The pull request whose merge made a commit, among all that were ever closed; None where none did."""
        for page in count(1):
            some = self._call("GET", f"/repos/{repository}/pulls?state=closed&sort=oldest&limit={_PAGE}&page={page}")
            for one in some:
                if one.get("merged") and one["merge_commit_sha"] == commit:
                    return Merged(int(one["number"]), one["user"]["login"])
            if len(some) < _PAGE:
                break
        return None

    def set_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Set a commit's status; the newest one of a context counts. Needs the right to write."""
        body = {"context": context, "state": state, "description": description}
        self._call("POST", f"/repos/{repository}/statuses/{commit}", body)

    def comment(self, repository: str, number: int, mark: str, text: str) -> None:
        """This person's comment that begins with `mark`, made or edited: there is one of it."""
        body = {"body": f"{mark}\n{text}"}
        for one in self._call("GET", f"/repos/{repository}/issues/{number}/comments"):
            if one["user"]["login"] == self.user and str(one["body"]).startswith(mark):
                if one["body"] != body["body"]:
                    self._call("PATCH", f"/repos/{repository}/issues/comments/{one['id']}", body)
                return
        self._call("POST", f"/repos/{repository}/issues/{number}/comments", body)

    def ensure_fork(self, repository: str) -> bool:
        """A fork of a repository under this person's name. Returns whether there was none."""
        name = repository.rpartition("/")[2]
        if self._call("GET", f"/repos/{self.user}/{name}", may_lack=True) is not None:
            return False
        self._await_content(repository)
        try:
            self._call("POST", f"/repos/{repository}/forks", {})
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return False  # another one was as quick
        return True

    def _await_content(self, repository: str) -> None:
        """Gitea works off a first push in the background, and takes the repository for an empty one until then."""

        def filled() -> bool | Pending:
            return Pending("it is taken for empty") if self._call("GET", f"/repos/{repository}")["empty"] else True

        what = f"{repository} to be known as one with content"
        wait_for(what, filled, timeout_s=_FIRST_PUSH_S, interval_s=0.2, clock=self._clock)


def _creator(status: Mapping[str, Any]) -> str:
    return str((status.get("creator") or {}).get("login", ""))
