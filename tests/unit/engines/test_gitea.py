"""What Gitea answers while it still works off what it was given, as its program answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from pov.base.errors import NotFound, TimedOut
from pov.engines.branches import MERGE_COMMITS
from pov.engines.gitea import Gitea, Merged
from pov.engines.gitea_pulls import Pulls
from pov.engines.rest import Refused, Rest
from tests.fakes.clock import FakeClock

PULL = {"number": 7, "head": {"sha": "abc"}, "state": "open", "merge_commit_sha": None}


class Busy:
    """A server that takes a repository for an empty one until it was asked `until` times."""

    def __init__(self, until: int, *, there: bool = True) -> None:
        self.until = until
        self.there = there
        self.posted = 0

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        if method == "POST":
            self.posted += 1
            return PULL
        if path.endswith("/repos/pov/config"):
            if not self.there:
                raise Refused("Gitea", f"{method} {path}", 404, "")
            self.until -= 1
            return {"empty": self.until > 0}
        if self.until > 0 or not self.there:
            raise Refused("Gitea", f"{method} {path}", 404, "")
        return []


def gitea(server: Busy) -> Gitea:
    return Gitea(cast("Rest", server), "pov", clock=FakeClock())


def test_a_pull_request_waits_for_a_first_push_to_be_worked_off() -> None:
    server = Busy(3)
    assert gitea(server).open_pull("pov/config", "main", "prod", "Promote").number == 7
    assert (server.until, server.posted) == (0, 1)


def test_a_repository_that_stays_empty_is_told_as_one() -> None:
    with pytest.raises(TimedOut, match="to take pull requests") as told:
        gitea(Busy(10_000)).open_pull("pov/config", "main", "prod", "Promote")
    assert "empty" in told.value.cause


def test_a_repository_that_is_not_there_is_not_waited_for() -> None:
    with pytest.raises(NotFound):
        gitea(Busy(1, there=False)).open_pull("pov/config", "main", "prod", "Promote")


class Reviewed:
    """A server with one pull request, merged or not, that one person approved."""

    def __init__(self, merged: str | None, **review: Any) -> None:
        self.merged = merged
        self.review = {"state": "APPROVED", "dismissed": False, "user": {"login": "reviewer"}, **review}

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        return [self.review] if path.endswith("/reviews") else {**PULL, "merged_at": self.merged}


_MERGED = "2026-11-28T12:00:05Z"


@pytest.mark.parametrize(
    ("merged", "review", "stands"),
    [
        (None, {}, True),
        (_MERGED, {}, True),
        (None, {"dismissed": True, "updated_at": "2026-11-28T12:00:04Z"}, False),
        (_MERGED, {"dismissed": True, "updated_at": "2026-11-28T12:00:04Z"}, False),
        (_MERGED, {"dismissed": True, "updated_at": "2026-11-28T12:00:05Z"}, True),
        (_MERGED, {"dismissed": True, "updated_at": "2026-11-28T13:00:06+01:00"}, True),
        (_MERGED, {"state": "REQUEST_CHANGES"}, False),
        (_MERGED, {"state": "COMMENT"}, False),
    ],
)
def test_an_approval_that_was_voided_after_the_merge_was_one(
    merged: str | None, review: dict[str, Any], stands: bool
) -> None:
    server = Gitea(cast("Rest", Reviewed(merged, **review)), "pov", clock=FakeClock())
    assert server.approvers("pov/config", 7) == (("reviewer",) if stands else ())


class Closed:
    """A server with many closed pull requests, every second one merged."""

    def __init__(self, how_many: int) -> None:
        self.pulls = [
            {"number": n, "merged": n % 2 == 0, "merge_commit_sha": f"m{n}", "user": {"login": "architect"}}
            for n in range(1, how_many + 1)
        ]
        self.asked = 0

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        assert (method, "state=closed" in path) == ("GET", True)
        page = int(path.rpartition("page=")[2])
        self.asked += 1
        return self.pulls[(page - 1) * 50 : page * 50]


@pytest.mark.parametrize(
    ("how_many", "commit", "number", "pages"),
    [(120, "m2", 2, 1), (120, "m120", 120, 3), (120, "m7", None, 3), (100, "m0", None, 3), (0, "m0", None, 1)],
)
def test_the_merge_of_a_commit_is_found_however_many_came_since(
    how_many: int, commit: str, number: int | None, pages: int
) -> None:
    server = Closed(how_many)
    found = Pulls(cast("Rest", server), "pov", clock=FakeClock()).merged_by("pov/deal", commit)
    assert found == (None if number is None else Merged(number, "architect"))
    assert server.asked == pages


class Settings:
    """A server with one repository: what it says of itself, and what is changed of that."""

    def __init__(self, **other: Any) -> None:
        self.held: dict[str, Any] = {"empty": False, "private": True, **MERGE_COMMITS, **other}
        self.patched: list[Mapping[str, Any]] = []

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        assert path == "/api/v1/repos/pov/deal"
        if method == "PATCH":
            self.patched.append(body)
            self.held |= body
        return self.held


@pytest.mark.parametrize("changed", [*MERGE_COMMITS, ""])
def test_whatever_somebody_changed_of_the_ways_to_merge_is_brought_back_and_nothing_else(changed: str) -> None:
    wanted = MERGE_COMMITS.get(changed)
    server = Settings(**({changed: "squash" if isinstance(wanted, str) else not wanted} if changed else {}))
    owner = Gitea(cast("Rest", server), "pov", clock=FakeClock())
    assert owner.only_merge_commits("pov/deal") is bool(changed)
    assert owner.only_merge_commits("pov/deal") is False
    assert server.held == {"empty": False, "private": True, **MERGE_COMMITS}
    assert len(server.patched) == bool(changed)


def test_one_way_to_merge_is_left() -> None:
    """Of those that this Gitea knows: what it is not told to forbid, it offers."""
    ways = {key for key in MERGE_COMMITS if key.startswith("allow_")}
    assert {key for key in ways if MERGE_COMMITS[key]} == {"allow_merge_commits"}
    assert MERGE_COMMITS["default_merge_style"] == "merge"
    assert ways == {
        *("allow_merge_commits", "allow_squash_merge", "allow_rebase", "allow_rebase_explicit"),
        *("allow_fast_forward_only_merge", "allow_manual_merge"),
    }
