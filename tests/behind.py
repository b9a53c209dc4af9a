"""When Gitea knows that a pull request lacks commits of the branch that it would go into, or is green no more."""

from __future__ import annotations

import pytest

from pov.base.wait import Pending, wait_for
from pov.engines.gitea_pulls import Pulls
from pov.engines.rest import Refused

_NO_COMMIT = {"do": "merge", "head_commit_id": "0" * 40}


def until_behind(reviewer: Pulls, repository: str, number: int) -> None:
    """Gitea works off a push in the background, and merges what lacks it until then.

    It is asked to merge a commit that there is not: it refuses that as well, but only once nothing else hinders it.
    Where the status is not green any more, that is what hinders.
    """

    def knows() -> bool | Pending:
        with pytest.raises(Refused) as refused:
            reviewer._call("POST", f"/repos/{repository}/pulls/{number}/merge", _NO_COMMIT)
        why = refused.value.cause
        return "behind" in why or "status checks" in why or Pending(why)

    wait_for(f"Gitea to refuse a merge of pull request {number}", knows, timeout_s=60)
