"""What Gitea answers while it still works off what it was given, as its program answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from pov.base.errors import NotFound, TimedOut
from pov.engines.gitea import Gitea
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
