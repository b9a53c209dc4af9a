"""A clone of a Git repository, worked on by Git's own command and told nothing by the user's own Git set-up.

Of GitPython only its command is used: its repositories read variables of the process, and its processes inherit them.
Every command runs through our own process runner, in a home of its own, in a repository that is named and not looked
for. The token is asked for by a helper that reads it from a file of mode 0600: it is in no URL, argument, variable or
`.git/config`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

# Without it, a machine without Git could not even import it, and nobody could be told what is missing.
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
import git
from git.exc import GitCommandError

from pov.base import variables
from pov.base.errors import PovError, TimedOut, Transient
from pov.base.files import write_atomic
from pov.base.process import run

_LIMIT_S = 60.0
_TEXT_BYTES = 4 * 2**20
_LINK, _SUBMODULE = "120000", "160000"
# Whatever attributes somebody commits, files lie on the disk as they lie in Git, byte for byte.
_ATTRIBUTES = "* -text -ident !filter !working-tree-encoding\n"
_SETTINGS = """\
[safe]
    directory = *
[gc]
    auto = 0
[maintenance]
    auto = false
"""
"""All the settings there are: a folder's owner may be another user's number (a shared disk), nothing works unasked."""
_NEUTRAL = {
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "pov",
    "GIT_AUTHOR_EMAIL": "pov@pov.dev",
    "GIT_COMMITTER_NAME": "pov",
    "GIT_COMMITTER_EMAIL": "pov@pov.dev",
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


class _Command(git.Git):
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


class ConfigRepo:
    """A working copy of one branch. Errors of the connection raise `Transient`, everything else `PovError`."""

    def __init__(self, folder: Path, remote: Remote, branch: str) -> None:
        self.folder = folder
        self.branch = branch
        self._remote = remote
        self._special: dict[str, str] | None = None

    @classmethod
    def open(cls, folder: Path, remote: Remote, branch: str = "main") -> Self:
        """The branch as it is on the server now: a clone brought up to date, or a new one. Local changes are dropped.

        A repository without any commit gives an empty working copy.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        copy = cls(folder, remote, branch)
        if copy._is_whole():
            try:
                copy.refresh()
            except (Transient, TimedOut):
                raise
            except PovError:
                if not folder.exists():
                    raise
            else:
                return copy
        # Half a clone, cut off by a kill, is of no use; and a new one takes half a second.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        copy._call("init", "--quiet", "--template=", f"--initial-branch={branch}")
        copy.refresh()
        return copy

    def _is_whole(self) -> bool:
        inside = self.folder / ".git"
        if not inside.is_dir() or (inside / "index.lock").exists():
            return False
        # A folder further up may be somebody's repository.
        return self._call("rev-parse", "--git-dir", may_fail=True) == ".git"

    def refresh(self) -> None:
        """Fetch, and make the working copy what the server has.

        A symbolic link in it becomes a file that says where it points to: nothing here follows it, and it stays a link
        in Git. Submodules are left alone.
        """
        self._call("config", "remote.origin.url", self._remote.url)
        self._call("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self._call("config", "core.symlinks", "false")
        attributes = self.folder / ".git" / "info" / "attributes"
        if not attributes.is_file() or attributes.read_text() != _ATTRIBUTES:
            write_atomic(attributes, _ATTRIBUTES)
        self._call("fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "origin")
        self._special = None
        if self.remote_head() is None:
            return
        self._check_out()
        links = [self.folder / path for path, mode in self._specials().items() if mode == _LINK]
        for link in links:
            link.unlink(missing_ok=True)
        if links:
            self._check_out()
        self._call("clean", "--quiet", "--force", "-d", "-x")

    def _check_out(self) -> None:
        branch = ("-B", self.branch, f"origin/{self.branch}")
        self._call("checkout", "--quiet", "--force", "--no-recurse-submodules", *branch)

    def _specials(self) -> Mapping[str, str]:
        """Links and submodules as Git knows them: their modes by path."""
        if self._special is None:
            listed = [entry.split("\t", 1) for entry in self._call("ls-files", "--stage", "-z").split("\0") if entry]
            modes = {path: facts.split()[0] for facts, path in listed}
            self._special = {path: mode for path, mode in modes.items() if mode in {_LINK, _SUBMODULE}}
        return self._special

    @property
    def head(self) -> str | None:
        """The commit that the working copy stands on; None before the first."""
        return self._commit_of("HEAD")

    def remote_head(self, branch: str | None = None) -> str | None:
        """A branch's commit on the server, as last fetched or pushed; None if the server has no such branch."""
        return self._commit_of(f"refs/remotes/origin/{branch or self.branch}")

    def server_heads(self) -> dict[str, str]:
        """The commit of each branch as the server says now; the working copy stays as it is."""
        listed = self._call("ls-remote", "--heads", self._remote.url)
        pairs = (line.split("\t") for line in listed.splitlines())
        return {reference.removeprefix("refs/heads/"): commit for commit, reference in pairs}

    def subject(self) -> str:
        """The first line of the message of the commit that the working copy stands on."""
        return self._call("log", "-1", "--format=%s") if self.head is not None else ""

    def is_part_of(self, branch: str) -> bool:
        """Whether the server's `branch` contains the commit that the working copy stands on."""
        if self.head is None or self.remote_head(branch) is None:
            return False
        return not self._call("rev-list", "--max-count=1", "HEAD", f"^refs/remotes/origin/{branch}")

    def paths(self) -> list[str]:
        """What is in Git, by path: files, links and submodules of anybody's."""
        return sorted(path for path in self._call("ls-files", "-z").split("\0") if path)

    def files(self, paths: Iterable[str]) -> dict[str, str]:
        """The texts of those of `paths` that are there. Other people's files are not looked at."""
        return {path: self.read(path) for path in paths if (self.folder / path).is_file()}

    def read(self, path: str) -> str:
        """A file's text. Raises `PovError` if there is none, or if it is not a text of at most 4 MiB."""
        fix = f"mend {path} in the configuration repository, then pov up"
        try:
            content = self._bytes(path, _TEXT_BYTES)
            if content is None:
                raise PovError(f"{path} of the configuration repository is longer than 4 MiB", fix=fix)
            return content.decode()
        except FileNotFoundError as error:
            raise PovError(f"the configuration repository has no {path}", fix="pov up") from error
        except UnicodeDecodeError as error:
            raise PovError(f"{path} of the configuration repository is not text", cause=str(error), fix=fix) from error

    def _bytes(self, path: str, limit: int) -> bytes | None:
        with (self.folder / path).open("rb") as stream:
            content = stream.read(limit + 1)
        return content if len(content) <= limit else None

    def write(self, path: str, text: str) -> None:
        """Write a file; it is part of the next commit."""
        self._make_way(path)
        write_atomic(self.folder / path, text)

    def _make_way(self, path: str) -> None:
        """Take away what stands where the file is to lie: a link, a submodule, a file for a folder or the reverse."""
        for place in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
            here = self.folder / place
            if str(place) in self._specials():
                self._call("--literal-pathspecs", "rm", "--cached", "--quiet", "--force", "--", str(place))
                self._special = None
            if str(place) == path and here.is_dir() and not here.is_symlink():
                shutil.rmtree(here)
            elif here.is_symlink() or (str(place) != path and here.is_file()):
                here.unlink()

    def remove(self, path: str) -> None:
        """Remove a file; it is gone with the next commit."""
        (self.folder / path).unlink(missing_ok=True)

    def replace(self, files: Mapping[str, str], managed: Callable[[str], bool]) -> None:
        """Make everything that `managed` calls ours what `files` say; other files stay as they are, unread."""
        for path in self.paths():
            if managed(path) and path not in files:
                self.remove(path)
        for path, text in files.items():
            if not self._holds(path, text.encode()):
                self.write(path, text)

    def _holds(self, path: str, content: bytes) -> bool:
        if path in self._specials():
            return False
        try:
            return self._bytes(path, len(content)) == content
        except OSError:
            return False

    def is_changed(self) -> bool:
        """Whether a commit would hold anything."""
        # What somebody's `.gitignore` names is ours all the same if it lies here: a fresh copy holds nothing ignored.
        return bool(self._call("status", "--porcelain", "--ignored", "--ignore-submodules"))

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit's id. Without a change it is the one before."""
        self._call("add", "--all", "--force")
        self._special = None
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
        command = _Command(self.folder, self._environment())
        return str(_translated(lambda: command.execute(["git", *arguments], with_exceptions=not may_fail)))

    def _environment(self) -> dict[str, str]:
        # Beside the working copy, not in it: nothing that is not part of the configuration gets near a commit.
        home = self.folder.parent / "git-home"
        helper, settings = home / "askpass", home / ".gitconfig"
        for path, text, mode in ((helper, _ASKPASS, 0o700), (settings, _SETTINGS, 0o600)):
            if not path.exists():
                write_atomic(path, text, mode=mode)
        given = {
            "GIT_CONFIG_GLOBAL": str(settings),
            "HOME": str(home),
            "GIT_ASKPASS": str(helper),
            "GIT_SSL_CAINFO": str(self._remote.ca_path),
            "POV_GIT_USER": self._remote.user,
            "POV_GIT_TOKEN_FILE": str(self._remote.token_file),
        }
        return variables.given_to("git", {**_NEUTRAL, **given})


def version() -> str:
    """What Git says of itself."""
    return run(["git", "--version"], timeout_s=_LIMIT_S, env=variables.given_to("git")).stdout.strip()


def _translated(call: Any) -> Any:
    try:
        return call()
    except GitCommandError as error:
        text = str(error.stderr).removeprefix("\n  stderr: '").removesuffix("'").strip()
        what = f"`{' '.join(str(part) for part in error.command[:4])}`"
        if any(sign in text for sign in _PASSING):
            raise Transient(f"{what}: the Git server did not answer", cause=text) from error
        raise PovError(f"{what} failed", cause=text, fix=_fix(text)) from error


def _fix(text: str) -> str:
    if "certificate" in text:
        return "pov up  (it renews the Git server's certificate)"
    if "Authentication failed" in text or "403" in text:
        return "pov up  (it makes a new token)"
    return ""
