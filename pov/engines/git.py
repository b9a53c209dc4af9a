"""A clone of a Git repository, worked on by Git's own command."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Self

from pov.base.errors import PovError, TimedOut, Transient
from pov.base.files import write_atomic
from pov.base.scratch import scratch
from pov.engines.git_command import Command, Remote
from pov.engines.workplace import Workplace, at_repository

_TEXT_BYTES = 4 * 2**20
_LINK, _SUBMODULE = "120000", "160000"
# Whatever attributes somebody commits, files lie on the disk as they lie in Git, byte for byte.
_ATTRIBUTES = "* -text -ident !filter !working-tree-encoding\n"
_ORIGIN = "refs/remotes/origin/"


@dataclass(frozen=True)
class Commit:
    """One commit: its author's name, when it was committed, the first line of its message."""

    id: str
    author: str
    when: datetime
    subject: str


class ConfigRepo:
    """A working copy of one branch. Errors of the connection raise `Transient`, everything else `PovError`."""

    def __init__(self, folder: Path, remote: Remote, branch: str) -> None:
        self.folder = folder
        self.branch = branch
        self._remote = remote
        self._call = Command(folder, remote)
        # What Git has told, as long as nothing here changes it: every question is a process.
        self._settings: dict[str, list[str]] | None = None
        self._modes: dict[str, str] | None = None
        self._heads: dict[str, str] | None = None
        self._commit: tuple[str, str] | None = None

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
        copy._settings = None
        copy.refresh()
        return copy

    def _is_whole(self) -> bool:
        inside = self.folder / ".git"
        if not inside.is_dir() or (inside / "index.lock").exists():
            return False
        self._settings = self._told_settings()
        return bool(self._settings)

    def _told_settings(self) -> dict[str, list[str]]:
        """The repository's own settings; none where it is no repository."""
        found: dict[str, list[str]] = {}
        for entry in self._call("config", "--local", "--list", "-z", may_fail=True).split("\0"):
            name, _, value = entry.partition("\n")
            if name:
                found.setdefault(name, []).append(value)
        return found

    def refresh(self) -> None:
        """Fetch, and make the working copy what the server has.

        A symbolic link in it becomes a file that says where it points to: nothing here follows it, and it stays a link
        in Git. Submodules are left alone.
        """
        self._settle()
        attributes = self.folder / ".git" / "info" / "attributes"
        if not attributes.is_file() or attributes.read_text() != _ATTRIBUTES:
            write_atomic(attributes, _ATTRIBUTES)
        self._call("fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "origin")
        self._forget()
        if self.remote_head() is None:
            self._empty()
            return
        self._check_out()
        self._modes = None
        links = [self.folder / path for path, mode in self._specials().items() if mode == _LINK]
        for link in links:
            link.unlink(missing_ok=True)
        if links:
            self._check_out()
        self._call("clean", "--quiet", "--force", "-d", "-x")
        self._commit = None

    def _empty(self) -> None:
        """Nothing is on the server yet: what a killed beginning wrote, staged or committed here goes."""
        self._call("read-tree", "--empty")
        self._call("update-ref", "-d", "HEAD", may_fail=True)
        self._call("clean", "--quiet", "--force", "--force", "-d", "-x")

    def _settle(self) -> None:
        """Write the repository's settings, where they are not as they should be."""
        wanted = {
            "remote.origin.url": self._remote.url,
            "remote.origin.fetch": f"+refs/heads/*:{_ORIGIN}*",
            "core.symlinks": "false",
        }
        held = self._settings if self._settings is not None else self._told_settings()
        for name, value in wanted.items():
            if held.get(name) != [value]:
                self._call("config", "--replace-all", name, value)
        self._settings = {**held, **{name: [value] for name, value in wanted.items()}}

    def _forget(self) -> None:
        self._modes = self._heads = self._commit = None

    def _check_out(self) -> None:
        branch = ("-B", self.branch, f"origin/{self.branch}")
        self._call("checkout", "--quiet", "--force", "--no-recurse-submodules", *branch)

    def _listed(self) -> Mapping[str, str]:
        """What is in Git: modes by path."""
        if self._modes is None:
            told = (entry.split("\t", 1) for entry in self._call("ls-files", "--stage", "-z").split("\0") if entry)
            self._modes = {path: facts.split()[0] for facts, path in told}
        return self._modes

    def _specials(self) -> Mapping[str, str]:
        """Links and submodules as Git knows them: their modes by path."""
        return {path: mode for path, mode in self._listed().items() if mode in {_LINK, _SUBMODULE}}

    @property
    def head(self) -> str | None:
        """The commit that the working copy stands on; None before the first."""
        return self._stands_on()[0] or None

    def subject(self) -> str:
        """The first line of the message of the commit that the working copy stands on."""
        return self._stands_on()[1]

    def _stands_on(self) -> tuple[str, str]:
        if self._commit is None:
            # Absent is an answer here, not an error.
            commit, _, subject = self._call("log", "-1", "--format=%H%n%s", may_fail=True).partition("\n")
            self._commit = commit, subject
        return self._commit

    def remote_head(self, branch: str | None = None) -> str | None:
        """A branch's commit on the server, as last fetched or pushed; None if the server has no such branch."""
        if self._heads is None:
            told = self._call("for-each-ref", "--format=%(objectname) %(refname)", _ORIGIN)
            self._heads = {name: commit for commit, _, name in (line.partition(" ") for line in told.splitlines())}
        return self._heads.get(f"{_ORIGIN}{branch or self.branch}")

    def server_heads(self) -> dict[str, str]:
        """The commit of each branch as the server says now; the working copy stays as it is."""
        listed = self._call("ls-remote", "--heads", self._remote.url)
        pairs = (line.split("\t") for line in listed.splitlines())
        return {reference.removeprefix("refs/heads/"): commit for commit, reference in pairs}

    def is_part_of(self, branch: str) -> bool:
        """Whether the server's `branch` contains the commit that the working copy stands on."""
        theirs = self.remote_head(branch)
        if self.head is None or theirs is None:
            return False
        return self.head == theirs or not self._call("rev-list", "--max-count=1", "HEAD", f"^{_ORIGIN}{branch}")

    def log(self, path: str, since: datetime) -> tuple[Commit, ...]:
        """Commits on the branch since then that changed a file, oldest first; what a merge brought counts as the merge.

        `since` is compared with the committer's clock, in whole seconds.
        """
        wanted = ("--first-parent", "--reverse", f"--since={since.isoformat()}", "--format=%H%x1f%an%x1f%cI%x1f%s")
        listed = self._call("log", *wanted, "--", path)
        rows = (line.split("\x1f", 3) for line in listed.splitlines())
        return tuple(Commit(commit, author, datetime.fromisoformat(when), subject)
                     for commit, author, when, subject in rows)  # fmt: skip

    def text_at(self, revision: str, path: str) -> str | None:
        """A file's text as a commit has it; None where there is no such commit or file."""
        # Neither is told where there is no such commit: the first commit has none before it.
        if not self._call("ls-tree", "--name-only", revision, "--", path, may_fail=True):
            return None
        return self._call("show", f"{revision}:{path}") + "\n"

    def paths(self) -> list[str]:
        """What is in Git, by path: files, links and submodules of anybody's."""
        return sorted(self._listed())

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

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file; it is part of the next commit."""
        self._make_way(path)
        write_atomic(self.folder / path, content)

    def _make_way(self, path: str) -> None:
        """Take away what stands where the file is to lie: a link, a submodule, a file for a folder or the reverse."""
        for place in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
            here = self.folder / place
            if str(place) in self._specials():
                self._call("--literal-pathspecs", "rm", "--cached", "--quiet", "--force", "--", str(place))
                self._modes = None
            if str(place) == path and here.is_dir() and not here.is_symlink():
                shutil.rmtree(here)
            elif here.is_symlink() or (str(place) != path and here.is_file()):
                here.unlink()

    def remove(self, path: str) -> None:
        """Remove a file; it is gone with the next commit."""
        (self.folder / path).unlink(missing_ok=True)

    def replace(self, files: Mapping[str, str | bytes], managed: Callable[[str], bool]) -> None:
        """Make everything that `managed` calls ours what `files` say; other files stay as they are, unread."""
        for path in self.paths():
            if managed(path) and path not in files:
                self.remove(path)
        for path, content in files.items():
            if not self._holds(path, content.encode() if isinstance(content, str) else content):
                self.write(path, content)

    def _holds(self, path: str, content: bytes) -> bool:
        if path in self._specials():
            return False
        try:
            return self._bytes(path, len(content)) == content
        except OSError:
            return False

    def workplace(self, by: str, programs: Mapping[str, str] | None = None) -> Workplace:
        """A shell in the working copy for a person, whose `git` reaches the server as ours does. It lies beside it."""
        desk = self.folder.parent / "desk"
        return at_repository(desk, self.folder, self._call.variables(), by=by, programs=programs)

    def is_changed(self) -> bool:
        """Whether a commit would hold anything."""
        # What somebody's `.gitignore` names is ours all the same if it lies here: a fresh copy holds nothing ignored.
        return bool(self._call("status", "--porcelain", "--ignored", "--ignore-submodules"))

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit's id. Without a change it is the one before."""
        self._call("add", "--all", "--force")
        self._modes = None
        if self.is_changed():
            self._call("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message)
            self._commit = None
        return self._standing()

    def push_as(self, branch: str) -> str:
        """Push the commit as another branch alone, never by force. Returns the commit's id."""
        self._call("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return self._standing()

    def revert(self, revision: str) -> None:
        """Take a commit's changes back in the working copy; they are part of the next commit.

        Raises `PovError` where later changes are in the way; the working copy is then what it was.
        """
        try:
            self._call("revert", "--no-commit", "--no-edit", revision)
        except PovError:
            self._call("reset", "--quiet", "--hard")
            raise
        finally:
            self._modes = None

    def push(self, *others: str) -> str:
        """Push the branch, and the same commit as each of `others`: all or none, never by force.

        Returns the commit's id. Raises `PovError` if the server refuses it.
        """
        targets = [f"HEAD:refs/heads/{branch}" for branch in (self.branch, *others)]
        self._call("push", "--quiet", "--atomic", "origin", *targets)
        self._heads = None
        return self._standing()

    def bundle(self, file: Path) -> None:
        """Write every branch of the server's, as last fetched, into a Git bundle: `git clone FILE` reads it."""
        with scratch(self.folder.parent) as folder:
            # As branches: a clone of a bundle takes no others.
            there = ConfigRepo(folder / "copy", self._remote, self.branch)
            there.folder.mkdir()
            there._call("init", "--quiet", "--bare", "--template=", f"--initial-branch={self.branch}")
            source = str(self.folder.absolute())
            there._call("fetch", "--quiet", "--no-tags", source, "+refs/remotes/origin/*:refs/heads/*")
            there._call("bundle", "create", "--quiet", str(folder.absolute() / "bundle"), "--all")
            write_atomic(file, (folder / "bundle").read_bytes())

    def _standing(self) -> str:
        head = self.head
        if head is None:
            raise PovError("the configuration repository is empty", fix="pov up")
        return head
