"""Two persons at the Git server: who asks for a change may read and nothing else, who reviews approves and merges.

Each has an account of their own and a token for it that opens repositories alone. Neither may push to main: a change
is asked for by a push to `refs/for/main`, which Gitea makes a pull request of, and comes there by an approved merge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.redact import Secret
from pov.engines.git import ConfigRepo
from pov.engines.git_command import Remote
from pov.engines.gitea_reviews import Reviews, Standing
from pov.engines.review_command import Answering, program
from pov.engines.workplace import Workplace
from pov.steps.context import Context
from pov.steps.git.repository import FULL_NAME, MAIN, NAME, RULES
from pov.steps.git.server import OWNER, REVIEWER, TOKEN_FILE, connect, connect_as, password_file
from pov.steps.trust.passwords import kept

AUTHOR = "author"
"""The account of who asks for a change. It is made when somebody sits down for the first time."""
_TOKEN = "desk"  # noqa: S105 - a token's name
_SCOPES = ("write:repository",)


@dataclass(frozen=True)
class Desks:
    """The desks of an author and a reviewer in one environment, and the pull requests between them."""

    ctx: Context

    def make_ready(self) -> None:
        """Both accounts and main's rule as they have to be, and no pull request left open by who sat there before."""
        owner = connect(self.ctx)
        owner.ensure_user(AUTHOR, kept(self.ctx.home, password_file(AUTHOR)))
        owner.ensure_collaborator(FULL_NAME, AUTHOR, "read")
        owner.ensure_collaborator(FULL_NAME, REVIEWER, "write")
        for rule in RULES:
            if rule.branch == MAIN:
                owner.protect(FULL_NAME, rule)
        self.close_open()

    def author(self, by: str) -> Workplace:
        """A shell for who asks for the change, in a fresh working copy of main."""
        repo, token = self._copy(AUTHOR)
        return replace(repo.workplace(by), secrets=(token,))

    def reviewer(self, by: str) -> Workplace:
        """A shell for who reviews what is handed over, in a fresh working copy of main, with the command `review`."""
        repo, token = self._copy(REVIEWER)
        self._handed_over.unlink(missing_ok=True)
        url, ca, login = self.ctx.url("gitea"), self.ctx.trust.ca_path, self._token_file(REVIEWER)
        asked = Answering(url, ca, REVIEWER, login, FULL_NAME, MAIN, self._handed_over)
        return replace(repo.workplace(by, {"review": program(asked)}), secrets=(token,))

    def hand_over(self, number: int) -> None:
        """From now on the reviewer answers this pull request."""
        write_atomic(self._handed_over, f"{number}\n")

    def newest(self) -> Standing | None:
        """The author's newest open pull request into main as it stands; None without one."""
        server = self._reviews
        number = server.newest_of(FULL_NAME, MAIN, AUTHOR)
        return None if number is None else server.standing(FULL_NAME, number)

    def standing(self, number: int) -> Standing:
        """How a pull request stands now."""
        return self._reviews.standing(FULL_NAME, number)

    def close_open(self) -> None:
        """Close every pull request of the author's into main, unmerged."""
        server = self._reviews
        for number in server.open_of(FULL_NAME, MAIN, AUTHOR):
            server.shut(FULL_NAME, number)

    def _copy(self, user: str) -> tuple[ConfigRepo, Secret]:
        # A password's login is slow by design, and opens more than a desk needs.
        token = connect_as(self.ctx, user).make_token(_TOKEN, _SCOPES)
        file = self._token_file(user)
        self.ctx.home.save_secret(file.name, token)
        remote = Remote(f"{self.ctx.url('gitea')}/{FULL_NAME}.git", user, file, self.ctx.trust.ca_path)
        return ConfigRepo.open(self._folder(user) / NAME, remote, MAIN), token

    @property
    def _handed_over(self) -> Path:
        return self._folder(REVIEWER) / "pull-request"

    def _folder(self, user: str) -> Path:
        return self.ctx.home.root / "git" / user

    def _token_file(self, user: str) -> Path:
        return self.ctx.home.secrets_dir / f"gitea-{user}-desk-token"

    @cached_property
    def _reviews(self) -> Reviews:
        # Kept: it is asked twice a second while somebody works.
        token = self.ctx.home.secret(TOKEN_FILE)
        if token is None:
            raise PovError("Git has no login yet", fix="pov up")
        return Reviews.by_token(self.ctx.url("gitea"), self.ctx.trust.ca_path, OWNER, token)
