"""Git's own command, told nothing by the user's Git set-up.

Of GitPython only its command is used: its repositories read variables of the process, and its processes inherit them.
Every command runs through our own process runner, in a home of its own, on a repository that is named and not looked
for. The token is asked for by a helper that reads it from a file of mode 0600: it is in no URL, argument, variable or
`.git/config`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Without it, a machine without Git could not even import it, and nobody could be told what is missing.
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
import git
from git.exc import GitCommandError

from pov.base import variables
from pov.base.errors import PovError, Transient
from pov.base.files import write_atomic
from pov.base.process import run

_LIMIT_S = 60.0
_SETTINGS = """\
[safe]
    directory = *
[gc]
    auto = 0
[maintenance]
    auto = false
"""
"""All the settings there are: a folder's owner may be another user's number (a shared disk), nothing works unasked."""
_NEUTRAL = {"GIT_CONFIG_SYSTEM": os.devnull, **variables.GIT_ALONE}
_PASSING = (
    *("Could not resolve host", "Failed to connect", "Connection refused", "Connection reset", "Connection timed out"),
    *("The requested URL returned error: 5", "Empty reply from server", "unexpected disconnect", "early EOF"),
    *("Recv failure", "Send failure", "SSL_ERROR_SYSCALL", "GnuTLS recv error", "the remote end hung up"),
)
_ASKPASS = """\
#!/bin/sh
case "$1" in
Username*) printf '%s\\n' "$POV_GIT_USER" ;;
*) cat "$POV_GIT_TOKEN_FILE" ;;
esac
"""


class _Program(git.Git):
    """Git's command, run by our own runner in a folder and with variables that are given, and no others."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        # Not as GitPython's working folder: it would expand `~` and `$` in it.
        super().__init__()
        self._folder = folder
        self._env = env

    def execute(self, command: str | Sequence[Any], *arguments: Any, **options: Any) -> Any:
        """Run the command for at most 60 seconds; returns what it printed. Raises `GitCommandError` if it failed."""
        argv = [command] if isinstance(command, str) else [str(part) for part in command]
        done = run(argv, timeout_s=_LIMIT_S, env=self._env, cwd=self._folder, check=False)
        if done.code != 0 and options.get("with_exceptions", True):
            raise GitCommandError(argv, done.code, done.stderr, done.stdout)
        return done.stdout.removesuffix("\n")


@dataclass(frozen=True)
class Remote:
    """Where to clone from and as whom. `token_file` holds the token and nothing else; only its owner may read it."""

    url: str
    user: str
    token_file: Path
    ca_path: Path


class Command:
    """Git on the repository of one folder, with the login for one server. Calling it runs one command of Git's.

    What the server's connection breaks raises `Transient`, everything else `PovError`; with `may_fail` neither, and
    what was printed is returned all the same.
    """

    def __init__(self, folder: Path, remote: Remote) -> None:
        self._folder = folder
        self._remote = remote

    def __call__(self, *arguments: str, may_fail: bool = False) -> str:
        """What the command printed, within 60 seconds."""
        program = _Program(self._folder, self.variables())
        try:
            return str(program.execute(["git", *arguments], with_exceptions=not may_fail))
        except GitCommandError as error:
            raise _translated(error) from error

    def variables(self) -> dict[str, str]:
        """Every variable that Git needs here; the token is in none of them."""
        # Beside the working copy, not in it: nothing that is not part of the configuration gets near a commit.
        home = self._folder.parent / "git-home"
        helper, settings = home / "askpass", home / ".gitconfig"
        for path, text, mode in ((helper, _ASKPASS, 0o700), (settings, _SETTINGS, 0o600)):
            if not path.exists():
                write_atomic(path, text, mode=mode)
        given = {
            "GIT_CONFIG_GLOBAL": str(settings),
            "HOME": str(home),
            # A folder further up may be somebody's repository.
            "GIT_DIR": str(self._folder / ".git"),
            "GIT_ASKPASS": str(helper),
            "GIT_SSL_CAINFO": str(self._remote.ca_path),
            "POV_GIT_USER": self._remote.user,
            "POV_GIT_TOKEN_FILE": str(self._remote.token_file),
        }
        return variables.given_to("git", {**_NEUTRAL, **given})


def version() -> str:
    """What Git says of itself."""
    return run(["git", "--version"], timeout_s=_LIMIT_S, env=variables.given_to("git")).stdout.strip()


def _translated(error: GitCommandError) -> PovError:
    text = str(error.stderr).removeprefix("\n  stderr: '").removesuffix("'").strip()
    what = f"`{' '.join(str(part) for part in error.command[:4])}`"
    if any(sign in text for sign in _PASSING):
        return Transient(f"{what}: the Git server did not answer", cause=text)
    return PovError(f"{what} failed", cause=text, fix=_fix(text))


def _fix(text: str) -> str:
    if "certificate" in text:
        return "pov up  (it renews the Git server's certificate)"
    if ".lock': File exists" in text:
        return "pov up  (it takes away what a push that was cut off has left)"
    if "Authentication failed" in text or "403" in text:
        return "pov up  (it makes a new token)"
    return ""
