"""What two people do with a pull request: it is asked for by a push alone, answered, sent back, refused, merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pov.engines.gitea_pulls import Pulls

_APPROVED, _CHANGES = "APPROVED", "REQUEST_CHANGES"
_SAID = 300


@dataclass(frozen=True)
class Standing:
    """A pull request as it is now: `head` is its newest commit, `merged` the merge commit, empty for none.

    `sent_back` tells whether somebody asked for changes of that very head; `said` is the newest answer in words.
    `approvers` are those whose approval stands, or stood when it was merged.
    """

    number: int
    author: str
    head: str
    is_open: bool
    merged: str = ""
    sent_back: bool = False
    said: str = ""
    approvers: tuple[str, ...] = ()


class Reviews(Pulls):
    """One person's view of pull requests that people work on. Raises as `Gitea` does."""

    def newest_of(self, repository: str, branch: str, author: str) -> int | None:
        """The number of the newest open pull request of somebody's into a branch; None without one."""
        return max(self.open_of(repository, branch, author), default=None)

    def open_of(self, repository: str, branch: str, author: str) -> tuple[int, ...]:
        """The numbers of all of them, oldest first."""
        return tuple(
            int(one["number"])
            for one in self._open(repository)
            if one["base"]["ref"] == branch and one["user"]["login"] == author
        )

    def standing(self, repository: str, number: int) -> Standing:
        """How a pull request stands now."""
        path = f"/repos/{repository}/pulls/{number}"
        held = self._call("GET", path)
        head, author = held["head"]["sha"], held["user"]["login"]
        # Numbered as they come. Whether one is stale is worked out in the background; of which commit it is, is not.
        answers = sorted(self._call("GET", f"{path}/reviews"), key=lambda one: int(one["id"]))
        told = [one for one in answers if one["user"]["login"] != author and one["state"] in {_APPROVED, _CHANGES}]
        merged = str(held["merge_commit_sha"]) if held.get("merged") else ""
        return Standing(
            number,
            author,
            head,
            held["state"] == "open",
            merged,
            bool(told) and told[-1]["state"] == _CHANGES and told[-1]["commit_id"] == head,
            next((words for one in reversed(answers) if (words := _words(one))), ""),
            self.approvers(repository, number) if merged else (),
        )

    def send_back(self, repository: str, number: int, words: str) -> None:
        """Say what is to be changed before it may be merged."""
        self._call("POST", f"/repos/{repository}/pulls/{number}/reviews", {"event": _CHANGES, "body": words})

    def refuse(self, repository: str, number: int, words: str) -> None:
        """Close it without a merge, having said why."""
        # First the words: whoever looks takes a closed one as refused, and goes.
        self._call("POST", f"/repos/{repository}/pulls/{number}/reviews", {"event": "COMMENT", "body": words})
        self.shut(repository, number)

    def shut(self, repository: str, number: int) -> None:
        """Close it without a word."""
        self._call("PATCH", f"/repos/{repository}/pulls/{number}", {"state": "closed"})


def _words(answer: Mapping[str, Any]) -> str:
    # They are shown on a terminal: nothing in them is to move its cursor.
    told = "".join(letter if letter.isprintable() else " " for letter in str(answer.get("body") or ""))
    return " ".join(told.split())[:_SAID]
