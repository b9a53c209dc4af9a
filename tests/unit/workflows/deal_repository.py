"""The deal's repository with Git itself: a main as `pov up` begins it, merges, and what a Git server would tell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pov.base.paths import data
from pov.config.offering import shipped
from pov.engines.git_command import Command, Remote
from pov.engines.gitea import Merged as Pull
from pov.engines.gitea_pulls import SUCCESS, Status
from pov.steps.gate.names import CONTEXT, REPOSITORY, USER
from pov.workflows.gate_fetch import fetched
from pov.workflows.merged import WANTED

PLAN = "ab" * 32
_TARGET = "terraform/targets/local"


class DealRepository:
    """Also a `Server` of `pov.workflows.merged`."""

    def __init__(self, root: Path) -> None:
        self.root, self.copy = root, root / "deal-repository"
        self.pulls: dict[str, Pull] = {}
        self.statuses: dict[str, Status] = {}
        self.since: dict[str, Status] = {}
        """What the gate said of the same commits later, of other pull requests that have them."""
        self.copy.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        for path in (*data("scenarios", "enterprise-scope", "deal").iterdir(),):
            self.write(f"deal/{path.name}", path.read_text())
        self.write("platform/offering.yaml", shipped().read_text())
        self.write("platform/allowed_signers", "# nobody\n")
        for path in data(_TARGET).glob("*.tf"):
            self.write(f"{_TARGET}/{path.name}", path.read_text())
        self.first = self.commit("first")

    def git(self, *arguments: str) -> str:
        argv = ["git", "-c", "user.name=pat", "-c", "user.email=pat@example.org", *arguments]
        done = subprocess.run(argv, cwd=self.copy, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        place = self.copy / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def asks(self, path: str = "deal/note.md", text: str = "more\n", branch: str = "wish") -> str:
        """A branch on top of main; main stays where it is."""
        self.git("switch", "--quiet", "--force-create", branch, "main")
        self.write(path, text)
        head = self.commit(f"Ask for {path}")
        self.git("switch", "--quiet", "main")
        return head

    def takes(self, wish: str) -> str:
        """A branch with one of the scenario's wishes."""
        return self.asks("deal/stages.yaml", data("scenarios", "enterprise-scope", wish, "stages.yaml").read_text())

    def merges(self, head: str, number: int = 7, *, plan: str = PLAN, state: str = "7") -> str:
        """As the server merges a pull request that the gate let through."""
        base = self.git("rev-parse", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge pull request {number}", head)
        merge = self.git("rev-parse", "HEAD")
        self.pulls[merge] = Pull(number, "architect")
        self.says(head, base, plan=plan, state=state)
        return merge

    def says(self, head: str, base: str, *, plan: str = PLAN, state: str = "7", verdict: str = SUCCESS) -> None:
        told = f", plan {plan}" if plan else ""
        about = f"on {base[:10]} by 1a2b3c4d5e" + (f"/{state}" if state else "")
        self.statuses[head] = Status(verdict, f"passed{told}, {about}", USER)

    def fetched(self, name: str = "fetched") -> Command:
        """What `pov infra apply` fetches."""
        token = self.root / "token"
        token.touch()
        remote = Remote(str(self.copy), "pov", token, self.root / "ca.crt")
        return fetched(self.root / name / "repository", remote, WANTED)

    def merged_by(self, repository: str, commit: str) -> Pull | None:
        assert repository == REPOSITORY
        return self.pulls.get(commit)

    def status_by(self, repository: str, commit: str, context: str, user: str, *, about: str = "") -> Status | None:
        assert (repository, context, user) == (REPOSITORY, CONTEXT, "gate")
        newest_first = (self.since.get(commit), self.statuses.get(commit))
        return next((one for one in newest_first if one is not None and about in one.description), None)
