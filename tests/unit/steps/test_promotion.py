"""A review by two accounts: what each part of it took, and who did it."""

from __future__ import annotations

from typing import Any

import pytest

from pov.engines.branches import Rule
from pov.engines.rest import Refused
from pov.steps.git import promotion
from pov.steps.git.server import OWNER, REVIEWER
from tests.fakes.clock import FakeClock
from tests.fakes.gitea import FakeGitea, FakeServer

REPOSITORY = f"{OWNER}/platform-config"


class Slow(FakeGitea):
    """Each call that changes something takes its time; the server refuses the first merges for a while."""

    clock = FakeClock()
    refusals = 0

    def open_pull(self, repository: str, head: str, base: str, title: str) -> Any:
        self.clock.now += 3.0
        return super().open_pull(repository, head, base, title)

    def approve(self, repository: str, number: int, body: str = "") -> None:
        self.clock.now += 2.0
        super().approve(repository, number, body)

    def merge(self, repository: str, number: int) -> str:
        self.clock.now += 1.0
        if Slow.refusals:
            Slow.refusals -= 1
            raise Refused("Gitea", "POST merge", 405, "Please try again later")
        return super().merge(repository, number)


@pytest.mark.parametrize(("refusals", "merged"), [(0, 1.0), (1, 2.2), (2, 3.4)])
def test_each_part_of_a_review_has_its_time(monkeypatch: pytest.MonkeyPatch, refusals: int, merged: float) -> None:
    server, ctx, clock = FakeServer(), Any, FakeClock()
    monkeypatch.setattr(Slow, "clock", clock)
    monkeypatch.setattr(Slow, "refusals", refusals)
    monkeypatch.setattr(promotion, "connect", lambda ctx: Slow(server, OWNER))
    monkeypatch.setattr(promotion, "connect_as", lambda ctx, user: Slow(server, user))
    owner = FakeGitea(server, OWNER)
    owner.ensure_repository("platform-config", "")
    owner.protect(REPOSITORY, Rule("prod", approvals=1, approvers=(REVIEWER,)))
    server.repositories[REPOSITORY].branches |= {"main": ["a", "b"], "prod": ["a"]}
    found = promotion.review(ctx, "main", "prod", "Promote", clock=clock)  # type: ignore[arg-type]
    assert (found.author, found.approvers) == (OWNER, (REVIEWER,))
    assert found.took == {"asked": 3.0, "approved": 2.0, "merged": pytest.approx(merged)}
    assert sum(found.took.values()) == pytest.approx(clock.now), "nothing of it is lost"
