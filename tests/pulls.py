"""What people do with pull requests from their forks: `pov` itself never asks, and reads no comment."""

from __future__ import annotations

from pov.engines.gitea_pulls import Pulls


def ask_from_fork(person: Pulls, repository: str, branch: str, base: str, title: str) -> int:
    """Open a pull request from a branch of this person's fork; the open one if there is one. Returns its number."""
    person._await_content(repository)
    for one in person._open(repository):
        fork = (one["head"].get("repo") or {}).get("owner") or {}
        if (fork.get("login"), one["head"]["ref"], one["base"]["ref"]) == (person.user, branch, base):
            return int(one["number"])
    body = {"head": f"{person.user}:{branch}", "base": base, "title": title}
    return int(person._call("POST", f"/repos/{repository}/pulls", body)["number"])


def comments(person: Pulls, repository: str, number: int) -> list[tuple[str, str]]:
    """Who said what on a pull request, oldest first."""
    found = person._call("GET", f"/repos/{repository}/issues/{number}/comments")
    return [(one["user"]["login"], one["body"]) for one in found]
