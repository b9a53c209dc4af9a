"""What the deal's protected branch holds: by which merge it came there, and what the gate had said of that.

All of it is asked of Git and the Git server, nothing of a file that somebody could lay beside it. Who administers that
server can push past every rule; what they push is no merge that the gate judged, and is not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pov.base.errors import CriterionNotMet
from pov.engines.gitea import Merged as Pull
from pov.engines.gitea_pulls import SUCCESS, Status
from pov.scoping.gate_comment import against
from pov.scoping.gate_status import Green, read
from pov.steps.gate.names import CONTEXT, DEAL, MAIN, REPOSITORY, ROOT_MODULE, USER

REFERENCE = "refs/judged/main"
WANTED = f"+refs/heads/{MAIN}:{REFERENCE}"
"""What is fetched, as Git writes it."""
_ASK = f"ask for it by pull request to {REPOSITORY}"
_SHORT = 10


class Server(Protocol):
    """What is asked of Gitea: see `Pulls`."""

    def merged_by(self, repository: str, commit: str) -> Pull | None: ...  # noqa: D102
    def status_by(  # noqa: D102
        self, repository: str, commit: str, context: str, user: str, *, about: str = ""
    ) -> Status | None: ...


@dataclass(frozen=True)
class Merged:
    """The branch's `commit`, the newest `merge` that changed the deal, both its parents, and its pull request."""

    commit: str
    merge: str
    base: str
    head: str
    pull: int


def newest(git: Callable[..., str], server: Server) -> Merged:
    """How the deal on the fetched branch came to be as it is. `git` runs one command on what was fetched.

    Later commits of `pov up` change what judges, and not the deal. Raises `CriterionNotMet` where it is no merge of a
    pull request, or holds something else than the pull request did.
    """
    commit = git("rev-parse", REFERENCE).strip()
    merge = git("log", "-1", "--first-parent", "--format=%H", commit, "--", DEAL, ROOT_MODULE).strip()
    _, *parents = git("rev-list", "--parents", "--max-count=1", merge or commit).split()
    told = f"{MAIN} holds the deal as commit {(merge or commit)[:_SHORT]} left it"
    if not merge or len(parents) != 2:
        raise CriterionNotMet(f"{told}, which is no merge of a pull request", fix=_ASK)
    base, head = parents
    pull = server.merged_by(REPOSITORY, merge)
    if pull is None:
        raise CriterionNotMet(f"{told}, a merge that no pull request made", fix=_ASK)
    trees = git("rev-parse", f"{merge}^{{tree}}", f"{head}^{{tree}}").split()
    if trees[0] != trees[1]:
        raise CriterionNotMet(f"{told}, which is not what pull request {pull.number} held when it was judged", fix=_ASK)
    return Merged(commit, merge, base, head, pull.number)


def green(server: Server, merged: Merged) -> Green:
    """What the gate's own last word on it says. Raises `CriterionNotMet` where that does not let it pass.

    That is the last one for the state of `main` that it went into: where another pull request has the same commit, the
    gate judges that one against the `main` of after the merge, and says so on the same commit.
    """
    about = against(merged.base, "")
    held = server.status_by(REPOSITORY, merged.head, CONTEXT, USER, about=about)
    held = held or server.status_by(REPOSITORY, merged.head, CONTEXT, USER)
    told = f"pull request {merged.pull} was merged at {merged.head[:_SHORT]}"
    if held is None:
        raise CriterionNotMet(f"{told}, and the gate has not judged that", fix=_ASK)
    if held.state != SUCCESS:
        raise CriterionNotMet(f"{told}, and the gate's last word on that is {held.state}: {held.description}", fix=_ASK)
    said = read(held.description)
    if not said.is_for(merged.base):
        why = f"it went into {merged.base[:_SHORT]}, and the gate's last word is: {held.description}"
        raise CriterionNotMet(f"{told}, and was judged for another {MAIN}: {why}", fix=_ASK)
    return said


def brought(git: Callable[..., str], server: Server, merged: Merged, since: str) -> tuple[int, ...]:
    """The pull requests that one apply brings, oldest first: all that changed the deal after the merge `since`.

    Empty for the beginning. Where the branch no longer has that merge, the newest one alone.
    """
    after = (f"^{since}",) if since else ()
    way = ("log", "--first-parent", "--reverse", "--format=%H", merged.merge, *after, "--", DEAL, ROOT_MODULE)
    pulls = (server.merged_by(REPOSITORY, commit) for commit in git(*way, may_fail=True).split())
    return tuple(pull.number for pull in pulls if pull is not None) or (merged.pull,)
