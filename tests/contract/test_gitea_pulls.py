"""A pull request from a fork on a real Gitea: who may say that it is green, and when it may be merged."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.branches import Rule
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea import Gitea
from pov.engines.gitea_pulls import ERROR, FAILURE, PENDING, SUCCESS, Asked, Pulls, Status
from pov.engines.rest import Refused
from tests.behind import until_behind
from tests.contract.servers import GiteaServer
from tests.pulls import ask_from_fork, comments

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

CONTEXT = "pov/gate"
PASSWORD = Secret("correct horse battery staple")
_NUMBERS = count()


class Deal:
    """A protected repository of `pov`, an architect with a fork of it, a gate that may write, a reviewer who merges."""

    def __init__(self, server: GiteaServer, folder: Path) -> None:
        self._server, self._folder = server, folder
        self.name = f"deal-{next(_NUMBERS)}"
        self.repository = f"{server.owner}/{self.name}"
        self.owner = Gitea.by_token(server.url, server.ca_path, server.owner, server.token)
        self.owner.ensure_repository(self.name, "A deal")
        for user, permission in (("architect", "read"), ("gate", "write"), ("reviewer", "write")):
            self.owner.ensure_user(user, PASSWORD)
            self.owner.ensure_collaborator(self.repository, user, permission)
        self.architect, self.gate, self.reviewer = (self.person(user) for user in ("architect", "gate", "reviewer"))
        self.main = self.copy(server.owner, server.token)
        self.commit(self.main, "first")
        self.owner.protect(self.repository, Rule("main", pushers=(server.owner,), status=CONTEXT))
        self.owner.only_merge_commits(self.repository)
        assert self.architect.ensure_fork(self.repository) is True
        assert self.architect.ensure_fork(self.repository) is False
        token = self.architect.make_token("pushes", ("write:repository",))
        # Gitea copies a fork's branches in the background.
        self.fork = wait_for("the fork to have its branches", lambda: self._forked(token), timeout_s=60)

    def person(self, user: str) -> Pulls:
        return Pulls.by_password(self._server.url, self._server.ca_path, user, PASSWORD)

    def copy(self, user: str, token: Secret) -> ConfigRepo:
        file = self._folder / f"token-{user}"
        file.write_text(token.reveal())
        file.chmod(0o600)
        remote = Remote(f"{self._server.url}/{user}/{self.name}.git", user, file, self._server.ca_path)
        return ConfigRepo.open(self._folder / f"copy-{user}", remote, "main")

    def _forked(self, token: Secret) -> ConfigRepo | Pending:
        copy = self.copy("architect", token)
        return copy if copy.remote_head() else Pending("no branch yet")

    def commit(self, repo: ConfigRepo, text: str, branch: str = "", file: str = "changed.txt") -> str:
        repo.write(file, text)
        repo.commit(f"Write {text}")
        return repo.push(*([branch] if branch else []))

    def asks(self) -> Asked:
        """A pull request, as the gate sees it once Gitea does."""
        self.commit(self.fork, "wish", "wish")
        number = ask_from_fork(self.architect, self.repository, "wish", "main", "A wish")
        (found,) = self.gate.open_into(self.repository, "main")
        assert found.number == number
        assert ask_from_fork(self.architect, self.repository, "wish", "main", "Once more") == number
        return found

    def merges_otherwise(self, number: int, way: str, **more: str) -> str:
        """What the server says to whoever merges in another way, once it has looked for conflicts."""

        def attempt() -> str | Pending:
            with pytest.raises(Refused) as refusal:
                self.reviewer._call("POST", f"/repos/{self.repository}/pulls/{number}/merge", {"do": way, **more})
            told = refusal.value.cause
            return Pending("it looks for conflicts") if "try again later" in told.casefold() else told

        return wait_for(f"{way} to be refused", attempt, timeout_s=30, interval_s=0.2)

    def parents(self, commit: str) -> list[str]:
        return [
            one["sha"] for one in self.owner._call("GET", f"/repos/{self.repository}/git/commits/{commit}")["parents"]
        ]

    def merges(self, number: int) -> str | None:
        try:
            return self.reviewer.merge(self.repository, number)
        except Refused as refusal:
            return f"refused: {refusal.cause}"


@pytest.fixture
def deal(gitea: GiteaServer, tmp_path: Path) -> Deal:
    return Deal(gitea, tmp_path)


def test_a_merge_waits_for_the_one_status(deal: Deal) -> None:
    asked = deal.asks()
    assert asked.base == deal.main.remote_head()
    assert deal.gate.status(deal.repository, asked.head, CONTEXT) is None
    for state in (None, PENDING, FAILURE, ERROR):
        if state is not None:
            deal.gate.set_status(deal.repository, asked.head, CONTEXT, state, f"it is {state}")
            assert deal.gate.status(deal.repository, asked.head, CONTEXT) == Status(state, f"it is {state}", "gate")
        assert str(deal.merges(asked.number)).startswith("refused"), state
    deal.gate.set_status(deal.repository, asked.head, "another/gate", SUCCESS, "another one's")
    assert str(deal.merges(asked.number)).startswith("refused")
    deal.gate.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "passed")
    merged = deal.merges(asked.number)
    assert merged is not None
    assert not merged.startswith("refused"), merged
    assert deal.gate.open_into(deal.repository, "main") == ()


def test_what_is_green_is_merged_by_a_merge_commit_and_in_no_other_way(deal: Deal) -> None:
    before = str(deal.main.remote_head())
    asked = deal.asks()
    deal.gate.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "passed")
    for way in ("squash", "rebase", "rebase-merge", "fast-forward-only"):
        assert f"{way} is not allowed" in deal.merges_otherwise(asked.number, way), way
    by_hand = deal.merges_otherwise(asked.number, "manually-merged", merge_commit_id=before)
    assert "manually-merged is not allowed" in by_hand
    assert deal.main.server_heads()["main"] == before
    assert deal.gate.pull(deal.repository, asked.number).merged_commit is None
    merged = str(deal.merges(asked.number))
    assert deal.main.server_heads()["main"] == merged
    assert deal.parents(merged) == [before, asked.head]


def test_a_way_to_merge_that_somebody_let_in_is_taken_away_again(deal: Deal) -> None:
    deal.owner._call(
        "PATCH", f"/repos/{deal.repository}", {"allow_squash_merge": True, "default_merge_style": "squash"}
    )
    assert deal.owner.only_merge_commits(deal.repository) is True
    assert deal.owner.only_merge_commits(deal.repository) is False
    asked = deal.asks()
    deal.gate.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "passed")
    assert "squash is not allowed" in deal.merges_otherwise(asked.number, "squash")
    assert not str(deal.merges(asked.number)).startswith("refused")


def test_who_asks_can_neither_say_that_it_is_green_nor_merge(deal: Deal) -> None:
    asked = deal.asks()
    attempts: list[Callable[[], object]] = [
        lambda: deal.architect.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "believe me"),
        lambda: deal.architect.merge(deal.repository, asked.number),
        lambda: deal.architect.protect(deal.repository, Rule("main")),
    ]
    for attempt in attempts:
        with pytest.raises(PovError):
            attempt()
    # In the fork the architect may say so: that counts for nothing here.
    deal.architect.set_status(f"architect/{deal.name}", asked.head, CONTEXT, SUCCESS, "believe me")
    assert deal.gate.status(deal.repository, asked.head, CONTEXT) is None
    assert str(deal.merges(asked.number)).startswith("refused")


def test_another_ones_status_is_told_by_whom(deal: Deal) -> None:
    asked = deal.asks()
    deal.reviewer.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "believe me")
    assert deal.gate.status(deal.repository, asked.head, CONTEXT) == Status(SUCCESS, "believe me", "reviewer")


def test_green_does_not_outlive_another_merge(deal: Deal) -> None:
    asked = deal.asks()
    deal.gate.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "passed")
    # Another file: a conflict would be refused whatever the status is.
    moved = deal.commit(deal.main, "meanwhile", file="another.txt")
    until_behind(deal.reviewer, deal.repository, asked.number)
    (now,) = deal.gate.open_into(deal.repository, "main")
    assert (now.head, now.base) == (asked.head, moved)
    assert str(deal.merges(asked.number)).startswith("refused")


def test_the_comment_is_one_and_is_edited(deal: Deal) -> None:
    asked = deal.asks()
    mark = "<!-- gate -->"
    deal.architect.comment(deal.repository, asked.number, mark, "not the gate's")
    for text in ("refused", "refused", "passed"):
        deal.gate.comment(deal.repository, asked.number, mark, text)
    told = comments(deal.gate, deal.repository, asked.number)
    assert list(told) == [("architect", f"{mark}\nnot the gate's"), ("gate", f"{mark}\npassed")]


def test_the_gates_last_word_on_a_commit_is_told_whatever_others_said_since(deal: Deal) -> None:
    asked = deal.asks()
    assert deal.reviewer.status_by(deal.repository, asked.head, CONTEXT, "gate") is None
    for number in range(60):
        deal.gate.set_status(deal.repository, asked.head, CONTEXT, PENDING, f"waits, {number} before it")
    deal.gate.set_status(deal.repository, asked.head, CONTEXT, SUCCESS, "passed")
    merged = deal.merges(asked.number)
    deal.gate.set_status(deal.repository, asked.head, "another/gate", FAILURE, "of something else")
    deal.reviewer.set_status(deal.repository, asked.head, CONTEXT, FAILURE, "not so")
    deal.commit(deal.fork, "more", "wish")
    held = deal.reviewer.status_by(deal.repository, asked.head, CONTEXT, "gate")
    assert held == Status(SUCCESS, "passed", "gate")
    of_one = deal.reviewer.status_by(deal.repository, asked.head, CONTEXT, "gate", about="waits, 3 before")
    assert of_one == Status(PENDING, "waits, 3 before it", "gate")
    assert deal.reviewer.status_by(deal.repository, asked.head, CONTEXT, "reviewer") == Status(
        FAILURE, "not so", "reviewer"
    )
    pull = deal.reviewer.merged(deal.repository)[str(merged)]
    assert (pull.number, pull.author) == (asked.number, "architect")
    assert deal.reviewer.merged_by(deal.repository, str(merged)) == pull
    assert deal.reviewer.merged_by(deal.repository, asked.head) is None, "that is no merge"
