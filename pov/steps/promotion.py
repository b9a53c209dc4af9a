"""The way to prod: a pull request from main, approved by somebody who did not open it, merged."""

from __future__ import annotations

from pov.steps.context import Context
from pov.steps.git import OWNER, REVIEWER, connect, connect_as

_REPOSITORY = f"{OWNER}/platform-config"


def promote(ctx: Context, title: str = "Promote to prod") -> str:
    """Bring main to prod as two people do it; returns the merge commit. An open pull request is taken up again.

    Raises `PovError` where there is nothing to promote, or Gitea refuses the merge.
    """
    author = connect(ctx)
    pull = author.open_pull(_REPOSITORY, "main", "prod", title)
    connect_as(ctx, REVIEWER).approve(_REPOSITORY, pull.number, "Approved for prod.")
    return author.merge(_REPOSITORY, pull.number)
