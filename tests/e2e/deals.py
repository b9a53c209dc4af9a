"""A deal's pull requests in a running environment, as an architect asks and a reviewer merges."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pov.base.paths import data
from pov.base.wait import Pending, wait_for
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea_pulls import PENDING, SUCCESS, Asked, Status
from pov.engines.rest import Refused
from pov.scoping.gate_comment import MARK, against, is_so_far
from pov.steps.gate.job import mark_of
from pov.steps.gate.names import CONTEXT, MAIN, NAMESPACE, REPOSITORY, RUNNER
from pov.steps.gate.step import ARCHITECT, architect, reviewer
from pov.steps.landing_zone.step import state_of
from tests.e2e.harness import Environment
from tests.pulls import ask_from_fork, comments

LIMIT_S = 240.0


class Deal:
    """One architect's working copy of the deal, and their pull requests."""

    def __init__(self, environment: Environment) -> None:
        ctx = environment.context()
        self.environment = environment
        self.architect, self.reviewer = architect(ctx), reviewer(ctx)
        token = environment.base / "architect-token"
        token.touch(0o600)
        token.write_text(self.architect.make_token("pushes", ("write:repository", "write:issue")).reveal())
        self._remote = Remote(f"{ctx.url('gitea')}/{ARCHITECT}/deal.git", ARCHITECT, token, ctx.trust.ca_path)
        upstream = Remote(f"{ctx.url('gitea')}/{REPOSITORY}.git", ARCHITECT, token, ctx.trust.ca_path)
        self.upstream = ConfigRepo.open(environment.base / "upstream" / "deal", upstream, MAIN)
        self.fork = ConfigRepo.open(environment.base / "fork" / "deal", self._remote, MAIN)
        (runner,) = environment.objects("deployments", "--namespace", NAMESPACE, "--selector", f"app={RUNNER}")
        self._judge = mark_of(runner["spec"]["template"]["spec"]["containers"][0]["image"])
        self._kube = ctx.kube
        self._opened: set[int] = set()

    @property
    def folder(self) -> Path:
        """The deal in the working copy."""
        return self.fork.folder / "deal"

    def main(self) -> str:
        """The commit of the protected branch now."""
        return self.upstream.server_heads()[MAIN]

    def starts_over(self) -> None:
        """Have the working copy be what the protected branch is now."""
        self.upstream.refresh()
        files = {path: self.upstream.read(path) for path in self.upstream.paths()}
        self.fork.refresh()
        self.fork.replace(files, lambda _: True)

    def takes(self, wish: str) -> None:
        """Put one of the scenario's wishes into the working copy."""
        for path in data("scenarios", "enterprise-scope", wish).iterdir():
            self.fork.write(f"deal/{path.name}", path.read_text())

    def pushes(self, branch: str) -> str:
        """Commit all and push it as a branch of the fork, on top of the protected branch as it is now."""
        self.upstream.refresh()
        call = self.fork._call
        call("fetch", "--quiet", str(self.upstream.folder.absolute()), "+refs/remotes/origin/main:refs/judged/main")
        call("reset", "--quiet", "--soft", "refs/judged/main")
        head = self.fork.commit(f"Ask for {branch}")
        call("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return head

    def asks(self, branch: str) -> Asked:
        """Push and open a pull request."""
        return self.opens(branch, self.pushes(branch))

    def opens(self, branch: str, head: str) -> Asked:
        """Open a pull request of a branch that was pushed."""
        number = ask_from_fork(self.architect, REPOSITORY, branch, MAIN, f"Ask for {branch}")
        self._opened.add(number)
        return Asked(number, head, self.main())

    def closes(self) -> None:
        """Close what this one opened and nobody merged: whenever main moves, all that is open is judged again."""
        for asked in self.architect.open_into(REPOSITORY, MAIN):
            if asked.number in self._opened:
                self.architect._call("PATCH", f"/repos/{REPOSITORY}/pulls/{asked.number}", {"state": "closed"})

    def about(self, asked: Asked) -> str:
        """How the gate names this state of it, itself, and the state of Terraform that it plans against."""
        return against(asked.base, f"{self._judge}/{state_of(self._kube).serial}")

    def asks_again(self, asked: Asked, branch: str) -> tuple[Asked, Status]:
        """Push another state of the same pull request, and wait for its verdict."""
        now = Asked(asked.number, self.pushes(branch), self.main())
        return now, self.verdict(now)

    def now(self, asked: Asked) -> Asked:
        """The same commit, against the protected branch as it is now."""
        return Asked(asked.number, asked.head, self.main())

    def verdict(self, asked: Asked) -> Status:
        """The final status of this state of it, once the gate has set it: all is told."""
        return self._status(asked, lambda said: not is_so_far(said))

    def first_word(self, asked: Asked) -> Status:
        """The first status that is more than waiting: a verdict, or what is refused so far."""
        return self._status(asked, lambda _: True)

    def _status(self, asked: Asked, is_enough: Callable[[str], bool]) -> Status:
        def told() -> Status | Pending:
            held = self.architect.status(REPOSITORY, asked.head, CONTEXT)
            if held is None or held.state == PENDING or not held.description.endswith(self.about(asked)):
                return Pending(str(held))
            return held if is_enough(held.description) else Pending(str(held))

        return wait_for(f"pull request {asked.number} to be judged", told, timeout_s=LIMIT_S, interval_s=0.2)

    def is_green(self, asked: Asked) -> bool:
        """Whether the gate has passed this state of it."""
        held = self.architect.status(REPOSITORY, asked.head, CONTEXT)
        return held is not None and held.state == SUCCESS and held.description.endswith(self.about(asked))

    def comment(self, asked: Asked) -> str:
        """The gate's one comment."""
        found = [body for who, body in comments(self.architect, REPOSITORY, asked.number) if who == "gate"]
        assert len(found) == 1, found
        assert found[0].startswith(MARK)
        return found[0]

    def merges(self, asked: Asked) -> str:
        """The merge commit, or why there is none."""
        try:
            return self.reviewer.merge(REPOSITORY, asked.number)
        except Refused as refusal:
            return f"refused: {refusal.cause}"


@dataclass(frozen=True)
class Timed:
    """A pull request, what was said of it first and last, and the seconds from asking to each."""

    asked: Asked
    first: Status
    first_s: float
    status: Status
    whole_s: float


def timed(deal: Deal, branch: str) -> Timed:
    """Push, ask, and wait for the verdict."""
    head = deal.pushes(branch)
    since = time.monotonic()
    asked = deal.opens(branch, head)
    first = deal.first_word(asked)
    first_s = time.monotonic() - since
    return Timed(asked, first, first_s, deal.verdict(asked), time.monotonic() - since)
