"""`review`, the command at a reviewer's terminal: it answers one pull request, as the account whose token a file holds.

Gitea takes an approval and a merge in its pages and by its API alone; Git's own command has no word for them. Whatever
it is told beside the words that go with an answer are no secrets: it may stand in an argument list.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from pov.base.errors import NotFound, PovError
from pov.base.redact import Secret
from pov.engines.gitea_reviews import Reviews

DIFF, APPROVE, MERGE, CHANGES, REFUSE = "diff", "approve", "merge", "changes", "refuse"
_WRONG = 2
_TOLD = 7
"""Of the arguments, how many are not the person's."""


@dataclass(frozen=True)
class Answering:
    """What is answered: where the server is, as whom, in which repository, into which branch.

    The file `pull_request` holds the number, and is there once a pull request is.
    """

    url: str
    ca_path: Path
    user: str
    token_file: Path
    repository: str
    branch: str
    pull_request: Path

    @classmethod
    def of(cls, told: Sequence[str]) -> Self:
        """As the script hands it over, in the order of the fields."""
        url, ca_path, user, token_file, repository, branch, pull_request = told
        return cls(url, Path(ca_path), user, Path(token_file), repository, branch, Path(pull_request))


def usage(branch: str) -> str:
    """What can be said, a line each."""
    return "\n".join(
        (
            f"review {DIFF}               what it would change in {branch}",
            f"review {APPROVE}            you are for it",
            f"review {MERGE}              bring it into {branch}; the server wants your approval first",
            f"review {CHANGES} 'WORDS'    send it back: what is to be changed before you approve",
            f"review {REFUSE} 'WORDS'     close it without a merge, and say why",
        )
    )


def program(asked: Answering) -> str:
    """The command as a script for a shell's folder of programs. No secret stands in it."""
    root = str(Path(__file__).resolve().parents[2])
    number = f'"$(cat {shlex.quote(str(asked.pull_request))})"'
    # As people know it: Git shows what a pull request would change, and what it shows may be looked at in a pager.
    fetches = f"git fetch --quiet origin refs/pull/{number}/head || exit"
    shows = f"{fetches}; exec git diff {shlex.quote(f'origin/{asked.branch}...FETCH_HEAD')}"
    begin = f"import sys; sys.path.insert(0, {root!r}); from pov.engines.review_command import main; sys.exit(main())"
    told = [str(getattr(asked, field.name)) for field in fields(asked)]
    return (
        "#!/bin/sh\n"
        f'case "$*" in {DIFF}) {shows} ;; esac\n'
        f'exec {shlex.join([sys.executable, "-I", "-c", begin, *told])} "$@"\n'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer; returns the exit code: 0 done, 1 refused by the server, 2 nothing that could be said."""
    given = sys.argv[1:] if arguments is None else arguments
    asked, words = Answering.of(given[:_TOLD]), given[_TOLD:]
    known = {APPROVE: 0, MERGE: 0, CHANGES: 1, REFUSE: 1}
    if not words or known.get(words[0]) != len(words) - 1 or not all(word.strip() for word in words):
        sys.stderr.write(f"{usage(asked.branch)}\n")
        return _WRONG
    try:
        sys.stdout.write(f"{_answer(asked, *words)}\n")
    except PovError as error:
        sys.stderr.write("".join(f"{line}\n" for line in (error.message, error.cause, error.fix) if line))
        return 1
    return 0


def _answer(asked: Answering, what: str, words: str = "") -> str:
    try:
        number = int(asked.pull_request.read_text())
    except FileNotFoundError as error:
        raise NotFound("there is no pull request to answer yet") from error
    server = Reviews.by_token(asked.url, asked.ca_path, asked.user, Secret(asked.token_file.read_text()))
    try:
        if what == APPROVE:
            server.approve(asked.repository, number)
            return f"pull request {number} is approved; next: review {MERGE}"
        if what == MERGE:
            commit = server.merge(asked.repository, number)
            return f"pull request {number} is merged into {asked.branch}: {commit[:10]}"
        if what == CHANGES:
            server.send_back(asked.repository, number, words)
            return f"pull request {number} is sent back"
        server.refuse(asked.repository, number, words)
        return f"pull request {number} is closed, not merged"
    finally:
        server.close()
