"""A Gitea in memory, kept honest by `tests/contract/test_gitea.py`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pov.base.errors import NotFound
from pov.base.redact import Secret
from pov.engines.branches import Protection, Rule
from pov.engines.gitea import Merged, Pull
from pov.engines.rest import Refused

_COMMITS = itertools.count(1)


@dataclass
class _Repository:
    branches: dict[str, list[str]] = field(default_factory=dict)
    collaborators: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    hooks: dict[str, tuple[Secret, bool]] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    refs: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    approved: dict[int, str] = field(default_factory=dict)
    by: dict[int, set[str]] = field(default_factory=dict)
    only_merge_commits: bool = False


class FakeServer:
    """What all people of one server share."""

    def __init__(self, owner: str = "pov") -> None:
        self.passwords: dict[str, Secret] = {owner: Secret("owner's password")}
        self.tokens: dict[tuple[str, str], Secret] = {}
        self.repositories: dict[str, _Repository] = {}

    def push(self, repository: str, branch: str) -> str:
        """A commit on a branch, as `git push` brings it; a new branch starts with every commit of main."""
        found = self.repositories[repository]
        commit = f"{next(_COMMITS):040x}"
        found.branches.setdefault(branch, list(found.branches.get("main", []))).append(commit)
        return commit

    def fork(self, repository: str, branch: str) -> None:
        """A branch where main stands."""
        found = self.repositories[repository]
        found.branches[branch] = list(found.branches["main"])


class FakeGitea:
    """Stands in for `pov.engines.gitea.Gitea`."""

    def __init__(self, server: FakeServer, user: str, password: Secret | None = None) -> None:
        self.user = user
        self._server = server
        self._password = password

    def close(self) -> None: ...

    def version(self) -> str:
        return "1.26.0"

    def is_logged_in(self) -> bool:
        return self._password is None or self._server.passwords.get(self.user) == self._password

    def make_token(self, name: str, scopes: Sequence[str], *, user: str | None = None) -> Secret:
        if self._password is None:
            raise Refused("Gitea", "POST tokens", 401, "auth required")
        token = Secret(f"{next(_COMMITS):040x}")
        self._server.tokens[user or self.user, name] = token
        return token

    def ensure_user(self, name: str, password: Secret) -> bool:
        fresh = name not in self._server.passwords
        self._server.passwords[name] = password
        return fresh

    def set_password(self, name: str, password: Secret) -> None:
        if name not in self._server.passwords:
            raise NotFound(name)
        self._server.passwords[name] = password

    def ensure_repository(self, name: str, description: str) -> bool:
        full = f"{self.user}/{name}"
        fresh = full not in self._server.repositories
        self._server.repositories.setdefault(full, _Repository())
        return fresh

    def ensure_collaborator(self, repository: str, user: str, permission: str) -> bool:
        found = self._repository(repository)
        before, found.collaborators[user] = found.collaborators.get(user), permission
        return before != permission

    def protect(self, repository: str, rule: Rule) -> bool:
        found = self._repository(repository)
        before, found.rules[rule.branch] = found.rules.get(rule.branch), rule
        return before != rule

    def protection(self, repository: str, branch: str) -> Protection | None:
        rule = self._repository(repository).rules.get(branch)
        if rule is None:
            return None
        return Protection(rule.pushers, rule.approvals, rule.approvers, False, True, True)

    def only_merge_commits(self, repository: str) -> bool:
        found = self._repository(repository)
        before, found.only_merge_commits = found.only_merge_commits, True
        return not before

    def ensure_webhook(self, repository: str, url: str, secret: Secret) -> bool:
        hooks = self._repository(repository).hooks
        if url in hooks and hooks[url][0] == secret:
            return False
        hooks[url] = (secret, True)
        return True

    def set_webhook_active(self, repository: str, active: bool) -> None:
        hooks = self._repository(repository).hooks
        hooks.update({url: (secret, active) for url, (secret, _) in hooks.items()})

    def is_webhook_active(self, repository: str) -> bool:
        hooks = self._repository(repository).hooks
        return bool(hooks) and all(active for _, active in hooks.values())

    def commits_ahead(self, repository: str, head: str, base: str) -> int:
        branches = self._repository(repository).branches
        return len(set(branches[head]) - set(branches[base]))

    def open_pull(self, repository: str, head: str, base: str, title: str) -> Pull:
        found = self._repository(repository)
        for number, refs in found.refs.items():
            if refs[:2] == (head, base) and found.pulls[number].state == "open":
                return self.pull(repository, number)
        number = len(found.pulls) + 1
        found.refs[number] = (head, base, self.user)
        found.pulls[number] = Pull(number, "open", None)
        return found.pulls[number]

    def pull(self, repository: str, number: int) -> Pull:
        found = self._repository(repository)
        if number not in found.pulls:
            raise NotFound(f"pull request {number}")
        return found.pulls[number]

    def approve(self, repository: str, number: int, body: str = "") -> None:
        found = self._repository(repository)
        if found.refs[number][2] == self.user:
            raise Refused("Gitea", "POST reviews", 422, "approve your own pull is not allowed")
        found.by.setdefault(number, set()).add(self.user)
        found.approved[number] = found.branches[found.refs[number][0]][-1]

    def is_approved(self, repository: str, number: int) -> bool:
        found = self._repository(repository)
        return found.approved.get(number) == found.branches[found.refs[number][0]][-1]

    def approvers(self, repository: str, number: int) -> tuple[str, ...]:
        return tuple(sorted(self._repository(repository).by.get(number, set())))

    def merged(self, repository: str) -> dict[str, Merged]:
        found = self._repository(repository)
        pulls = [pull for pull in found.pulls.values() if pull.merged_commit]
        return {str(p.merged_commit): Merged(p.number, found.refs[p.number][2]) for p in pulls}

    def delete_branch(self, repository: str, branch: str) -> bool:
        return self._repository(repository).branches.pop(branch, None) is not None

    def merge(self, repository: str, number: int) -> str:
        found = self._repository(repository)
        pull = self.pull(repository, number)
        if pull.merged_commit is not None:
            return pull.merged_commit
        head, base, _ = found.refs[number]
        rule = found.rules.get(base)
        if rule is not None and rule.approvals and not self.is_approved(repository, number):
            raise Refused("Gitea", "POST merge", 405, "Does not have enough approvals")
        commit = f"{next(_COMMITS):040x}"
        found.branches[base] = [*dict.fromkeys([*found.branches[base], *found.branches[head]]), commit]
        found.pulls[number] = replace(pull, state="closed", merged_commit=commit)
        return commit

    def _repository(self, name: str) -> _Repository:
        if name not in self._server.repositories:
            raise NotFound(f"Gitea knows no {name}")
        return self._server.repositories[name]
