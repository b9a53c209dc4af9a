"""A clone of a Git repository, worked on by GitPython and told nothing by the user's own Git set-up.

Neither the user's configuration nor proxy or certificate variables of the machine reach these commands: a company's
`GIT_SSL_CAINFO` would break the connection to the cluster, `GIT_SSL_NO_VERIFY` would make it worthless. The token is
asked for by a helper that reads it from a file of mode 0600: it is in no URL, argument, variable or `.git/config`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import git
from git.exc import GitCommandError, InvalidGitRepositoryError, NoSuchPathError

from pov.base.errors import PovError, TimedOut, Transient
from pov.base.files import write_atomic

_LIMIT_S = 60.0
_UNMEANT = (
    *("GIT_SSL_NO_VERIFY", "GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_SSL_CAPATH", "GIT_PROXY_COMMAND", "GIT_CONFIG"),
    *("GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"),
    *("GIT_TRACE", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE", "GIT_EXTERNAL_DIFF", "SSH_ASKPASS"),
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "SSL_CERT_FILE"),
)
_NEUTRAL = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "0",
    "GIT_TEMPLATE_DIR": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "pov",
    "GIT_AUTHOR_EMAIL": "pov@pov.dev",
    "GIT_COMMITTER_NAME": "pov",
    "GIT_COMMITTER_EMAIL": "pov@pov.dev",
    "NO_PROXY": "*",
    "no_proxy": "*",
}
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


class _Isolated(git.Git):
    """Git's command without what would change the things it does."""

    def execute(self, command: str | Sequence[Any], *arguments: Any, **options: Any) -> Any:
        """Run the command; at most 60 seconds, unless it is one that the caller talks to."""
        prefix = ["env", *(part for name in _UNMEANT for part in ("-u", name))]
        options["env"] = {**_NEUTRAL, **(options.get("env") or {})}
        options.setdefault("kill_after_timeout", None if options.get("as_process") else _LIMIT_S)
        parts = [command] if isinstance(command, str) else list(command)
        return super().execute([*prefix, *parts], *arguments, **options)


class _Repo(git.Repo):
    """A repository whose every command is isolated."""

    GitCommandWrapperType = _Isolated


@dataclass(frozen=True)
class Remote:
    """Where to clone from and as whom. `token_file` holds the token and nothing else; only its owner may read it."""

    url: str
    user: str
    token_file: Path
    ca_path: Path


class ConfigRepo:
    """A working copy of one branch. Errors of the connection raise `Transient`, everything else `PovError`."""

    def __init__(self, folder: Path, remote: Remote, branch: str, repo: _Repo) -> None:
        self.folder = folder
        self.branch = branch
        self._remote = remote
        self._repo = repo

    @classmethod
    def open(cls, folder: Path, remote: Remote, branch: str = "main") -> Self:
        """The branch as it is on the server now: a clone brought up to date, or a new one. Local changes are dropped.

        A repository without any commit gives an empty working copy.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not (folder / ".git" / "index.lock").exists():
            try:
                return cls._opened(_Repo(folder), folder, remote, branch)
            except (InvalidGitRepositoryError, NoSuchPathError):
                pass
            except (Transient, TimedOut):
                raise
            except PovError:
                if not folder.exists():
                    raise
        # Half a clone, cut off by a kill, is of no use; and a new one takes half a second.
        shutil.rmtree(folder, ignore_errors=True)
        repo = _translated(lambda: _Repo.init(folder, initial_branch=branch))
        return cls._opened(repo, folder, remote, branch)

    @classmethod
    def _opened(cls, repo: _Repo, folder: Path, remote: Remote, branch: str) -> Self:
        copy = cls(folder, remote, branch, repo)
        copy.refresh()
        return copy

    def refresh(self) -> None:
        """Fetch, and make the working copy what the server has."""
        self._call("config", "remote.origin.url", self._remote.url)
        self._call("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self._call("fetch", "--quiet", "--prune", "--no-tags", "origin")
        if self.remote_head() is None:
            return
        self._call("checkout", "--quiet", "--force", "-B", self.branch, f"origin/{self.branch}")
        self._call("clean", "--quiet", "--force", "-d", "-x")

    @property
    def head(self) -> str | None:
        """The commit that the working copy stands on; None before the first."""
        return self._commit_of("HEAD")

    def remote_head(self, branch: str | None = None) -> str | None:
        """A branch's commit on the server, as last fetched or pushed; None if the server has no such branch."""
        return self._commit_of(f"refs/remotes/origin/{branch or self.branch}")

    def subject(self) -> str:
        """The first line of the message of the commit that the working copy stands on."""
        return self._call("log", "-1", "--format=%s") if self.head is not None else ""

    def is_part_of(self, branch: str) -> bool:
        """Whether the server's `branch` contains the commit that the working copy stands on."""
        if self.head is None or self.remote_head(branch) is None:
            return False
        return not self._call("rev-list", "--max-count=1", "HEAD", f"^refs/remotes/origin/{branch}")

    def files(self) -> dict[str, str]:
        """Every text file of the working copy, by path."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        inside = [path for path in found if ".git" not in path.relative_to(self.folder).parts]
        return {str(path.relative_to(self.folder)): path.read_text() for path in inside}

    def read(self, path: str) -> str:
        """A file's text. Raises `PovError` if there is none."""
        try:
            return (self.folder / path).read_text()
        except FileNotFoundError as error:
            raise PovError(f"the configuration repository has no {path}", fix="pov up") from error

    def write(self, path: str, text: str) -> None:
        """Write a file; it is part of the next commit."""
        write_atomic(self.folder / path, text)

    def remove(self, path: str) -> None:
        """Remove a file; it is gone with the next commit."""
        (self.folder / path).unlink(missing_ok=True)

    def replace(self, files: Mapping[str, str], managed: Sequence[str]) -> None:
        """Make everything under the `managed` prefixes what `files` say; other files stay as they are."""
        held = self.files()
        for path in held.keys() - files.keys():
            if path.startswith(tuple(managed)):
                self.remove(path)
        for path, text in files.items():
            if held.get(path) != text:
                self.write(path, text)

    def is_changed(self) -> bool:
        """Whether a commit would hold anything."""
        return bool(self._call("status", "--porcelain"))

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit's id. Without a change it is the one before."""
        self._call("add", "--all")
        if self.is_changed():
            self._call("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message)
        return self._standing()

    def push(self, *others: str) -> str:
        """Push the branch, and the same commit as each of `others`: all or none, never by force.

        Returns the commit's id. Raises `PovError` if the server refuses it.
        """
        targets = [f"HEAD:refs/heads/{branch}" for branch in (self.branch, *others)]
        self._call("push", "--quiet", "--atomic", "origin", *targets)
        return self._standing()

    def _standing(self) -> str:
        head = self.head
        if head is None:
            raise PovError("the configuration repository is empty", fix="pov up")
        return head

    def _commit_of(self, revision: str) -> str | None:
        # Absent is an answer here, not an error: `for-each-ref` would be needed for branches, and not fit HEAD.
        found = self._call("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", may_fail=True)
        return found or None

    def _call(self, *arguments: str, may_fail: bool = False) -> str:
        command = self._repo.git
        with command.custom_environment(**self._environment()):
            return str(_translated(lambda: command.execute(["git", *arguments], with_exceptions=not may_fail)))

    def _environment(self) -> dict[str, str]:
        # Beside the working copy, not in it: nothing that is not part of the configuration gets near a commit.
        helper = self.folder.parent / "askpass"
        if not helper.exists():
            write_atomic(helper, _ASKPASS, mode=0o700)
        return {
            "GIT_ASKPASS": str(helper),
            "GIT_SSL_CAINFO": str(self._remote.ca_path),
            "POV_GIT_USER": self._remote.user,
            "POV_GIT_TOKEN_FILE": str(self._remote.token_file),
        }


def _translated(call: Any) -> Any:
    try:
        return call()
    except GitCommandError as error:
        text = str(error.stderr).removeprefix("\n  stderr: '").removesuffix("'").strip()
        words = [str(part) for part in error.command]
        what = f"`git {' '.join(words[words.index('git') + 1 :][:3])}`" if "git" in words else "git"
        if "Timeout: the command" in text:
            raise TimedOut(f"{what}: not done after {_LIMIT_S:.0f} s", cause=text) from error
        if any(sign in text for sign in _PASSING):
            raise Transient(f"{what}: the Git server did not answer", cause=text) from error
        raise PovError(f"{what} failed", cause=text, fix=_fix(text)) from error


def _fix(text: str) -> str:
    if "certificate" in text:
        return "pov up  (it renews the Git server's certificate)"
    if "Authentication failed" in text or "403" in text:
        return "pov up  (it makes a new token)"
    return ""
