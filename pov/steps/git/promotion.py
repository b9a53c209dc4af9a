"""The way to a stage by review: a pull request, approved by somebody who did not open it, merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.engines.rest import Refused
from pov.steps.context import Context
from pov.steps.git.server import OWNER, REVIEWER, connect, connect_as

_REPOSITORY = f"{OWNER}/platform-config"
_LIMIT_S = 60.0


@dataclass(frozen=True)
class Reviewed:
    """A pull request that was merged: its merge commit, and who asked and who approved, as the server keeps it.

    `took` are the seconds of each part, `asked`, `approved`, `merged`: calls of two accounts, nobody's time to read.
    """

    number: int
    revision: str
    author: str
    approvers: tuple[str, ...]
    took: Mapping[str, float]


def promote(ctx: Context, title: str = "Promote to prod") -> str:
    """Bring main to prod as two people do it; returns the merge commit. An open pull request is taken up again.

    Raises `PovError` where there is nothing to promote, or Gitea refuses the merge.
    """
    return review(ctx, "main", "prod", title).revision


def review(ctx: Context, head: str, base: str, title: str, *, clock: Clock = SYSTEM_CLOCK) -> Reviewed:
    """Bring branch `head` to branch `base` as two people do it. An open pull request is taken up again.

    The reviewer approves at once: no person's time is in it. Raises `PovError` where `base` has everything already, or
    Gitea refuses the merge.
    """
    author, reviewer = connect(ctx), connect_as(ctx, REVIEWER)
    marks = {"begun": clock.monotonic()}
    if not author.commits_ahead(_REPOSITORY, head, base):
        raise PovError(f"nothing to promote: {base} has everything that {head} has")
    pull = author.open_pull(_REPOSITORY, head, base, title)
    marks["asked"] = marks["approved"] = clock.monotonic()

    def attempt() -> str | Pending:
        # Gitea works off pushes in the background: one from before the pull request may still void an approval.
        if not reviewer.is_approved(_REPOSITORY, pull.number):
            reviewer.approve(_REPOSITORY, pull.number, f"Approved for {base}.")
            marks["approved"] = clock.monotonic()
        try:
            return author.merge(_REPOSITORY, pull.number)
        except Refused as refusal:
            return Pending(refusal.cause or refusal.message)

    what = f"pull request {pull.number} to be merged"
    merged = wait_for(what, attempt, timeout_s=_LIMIT_S, interval_s=0.2, clock=clock)
    marks["merged"] = clock.monotonic()
    names = list(marks)
    took = {name: round(marks[name] - marks[before], 3) for before, name in pairwise(names)}
    return Reviewed(pull.number, merged, author.user, author.approvers(_REPOSITORY, pull.number), took)


def forget(ctx: Context, branch: str) -> bool:
    """Delete a branch on the server, once merged or given up. Returns whether there was one."""
    return connect(ctx).delete_branch(_REPOSITORY, branch)
