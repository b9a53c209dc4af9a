"""How a pull request stands by what Gitea answers; a real one answers in `tests/contract/test_desks.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from pov.engines.gitea_reviews import Reviews, Standing
from pov.engines.rest import Rest

OPEN = {"number": 3, "head": {"sha": "b2"}, "user": {"login": "author"}, "state": "open", "merge_commit_sha": None}
MERGED = {**OPEN, "state": "closed", "merged": True, "merge_commit_sha": "m1", "merged_at": "2026-03-09T10:00:00Z"}


def answer(number: int, state: str, *, by: str = "reviewer", commit: str = "b2", body: str = "") -> dict[str, Any]:
    return {
        "id": number, "state": state, "user": {"login": by}, "commit_id": commit, "body": body, "dismissed": False,
        "stale": False,
    }  # fmt: skip


class Server:
    """Answers by path; what is sent is kept."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.sent: list[tuple[str, str, Any]] = []

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        if method != "GET":
            self.sent.append((method, path, body))
            return {}
        return self.answers[path.removeprefix("/api/v1/repos/pov/config").partition("?")[0]]


def reviews(server: Server) -> Reviews:
    return Reviews(cast("Rest", server), "pov")


STATES: dict[str, tuple[dict[str, Any], Sequence[dict[str, Any]], Standing]] = {
    "nobody has answered": (OPEN, (), Standing(3, "author", "b2", True)),
    "a word of the author's is no answer": (
        OPEN,
        [answer(1, "REQUEST_CHANGES", by="author")],
        Standing(3, "author", "b2", True),
    ),
    "sent back": (
        OPEN,
        [answer(1, "APPROVED"), answer(2, "REQUEST_CHANGES", body=" a typo\nin \x1bthe tag ")],
        Standing(3, "author", "b2", True, sent_back=True, said="a typo in the tag"),
    ),
    "sent back, whatever order they come in": (
        OPEN,
        [answer(2, "REQUEST_CHANGES", body="no"), answer(1, "APPROVED", body="yes")],
        Standing(3, "author", "b2", True, sent_back=True, said="no"),
    ),
    "changed since it was sent back": (
        OPEN,
        [answer(1, "REQUEST_CHANGES", commit="a1", body="no")],
        Standing(3, "author", "b2", True, said="no"),
    ),
    "approved after all": (
        OPEN,
        [answer(1, "REQUEST_CHANGES", body="no"), answer(2, "APPROVED")],
        Standing(3, "author", "b2", True, said="no"),
    ),
    "closed": (
        {**OPEN, "state": "closed"},
        [answer(1, "COMMENT", body="not today")],
        Standing(3, "author", "b2", False, said="not today"),
    ),
    "merged": (
        MERGED,
        [answer(1, "APPROVED")],
        Standing(3, "author", "b2", False, "m1", approvers=("reviewer",)),
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_how_it_stands(name: str) -> None:
    held, answers, expected = STATES[name]
    server = Server({"/pulls/3": held, "/pulls/3/reviews": list(answers)})
    assert reviews(server).standing("pov/config", 3) == expected


def test_only_the_author_s_own_into_that_branch_count() -> None:
    def pull(number: int, base: str, by: str) -> dict[str, Any]:
        return {"number": number, "base": {"ref": base}, "user": {"login": by}}

    rows = [pull(2, "main", "author"), pull(4, "prod", "author"), pull(5, "main", "author"), pull(6, "main", "pov")]
    server = Server({"/pulls": rows})
    assert reviews(server).open_of("pov/config", "main", "author") == (2, 5)
    assert reviews(server).newest_of("pov/config", "main", "author") == 5
    assert reviews(Server({"/pulls": []})).newest_of("pov/config", "main", "author") is None


def test_a_refusal_says_why_before_it_closes() -> None:
    server = Server({})
    reviews(server).refuse("pov/config", 3, "not today")
    path = "/api/v1/repos/pov/config/pulls/3"
    assert server.sent == [
        ("POST", f"{path}/reviews", {"event": "COMMENT", "body": "not today"}),
        ("PATCH", path, {"state": "closed"}),
    ]
