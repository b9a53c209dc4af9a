"""The way to prod: a pull request from main, approved by somebody who did not open it, merged."""

from __future__ import annotations

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.engines.rest import Refused
from pov.steps.context import Context
from pov.steps.git.server import OWNER, REVIEWER, connect, connect_as

_REPOSITORY = f"{OWNER}/platform-config"
_LIMIT_S = 60.0


def promote(ctx: Context, title: str = "Promote to prod") -> str:
    """Bring main to prod as two people do it; returns the merge commit. An open pull request is taken up again.

    Raises `PovError` where there is nothing to promote, or Gitea refuses the merge.
    """
    author, reviewer = connect(ctx), connect_as(ctx, REVIEWER)
    if not author.commits_ahead(_REPOSITORY, "main", "prod"):
        raise PovError("nothing to promote: prod has everything that main has")
    pull = author.open_pull(_REPOSITORY, "main", "prod", title)

    def attempt() -> str | Pending:
        # Gitea works off pushes in the background: one from before the pull request may still void an approval.
        if not reviewer.is_approved(_REPOSITORY, pull.number):
            reviewer.approve(_REPOSITORY, pull.number, "Approved for prod.")
        try:
            return author.merge(_REPOSITORY, pull.number)
        except Refused as refusal:
            return Pending(refusal.cause or refusal.message)

    return wait_for(f"pull request {pull.number} to be merged", attempt, timeout_s=_LIMIT_S, interval_s=0.2)
