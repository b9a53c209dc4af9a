"""The repository around an engagement folder: its commits and what they hold, told nothing by the user's own set-up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pov.base import variables
from pov.base.errors import PovError
from pov.base.process import Completed, run
from pov.base.scratch import scratch

_LIMIT_S = 30.0
_SHA256 = 64
_NEUTRAL = {"GIT_CONFIG_GLOBAL": os.devnull, **variables.GIT_ALONE}
_ACROSS: Mapping[str, str] = {"GIT_DISCOVERY_ACROSS_FILESYSTEM": "1"}
"""A repository is looked for above a mount, too: it may hold what lies below."""
_PLAIN = "100"
"""How the mode of a plain file begins, whether it can be run or not."""
_NO_REVISION = 1
"""How a quiet `git rev-parse --verify` ends for what names nothing, and for nothing else."""
_NOT_HELD = 1
"""How `git ls-files --error-unmatch` ends for a file that is not in the index, and for nothing else."""


def commit(folder: Path, files: Sequence[str], message: str) -> str:
    """Commit those files of a folder and nothing else; returns the commit's id, the last one's if nothing changed.

    The folder may lie in a repository of the user's; a folder in none becomes one. Raises `PovError` if Git refuses.
    """
    if _git(folder, "rev-parse", "--git-dir", check=False).code != 0:
        _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(folder, "add", "--force", "--", *files)
    if _git(folder, "status", "--porcelain", "--", *files).stdout:
        how = ("--quiet", "--no-verify", "--no-gpg-sign", "--only")
        _git(folder, "commit", *how, "--message", message, "--", *files)
    return _git(folder, "rev-parse", "HEAD").stdout.strip()


def last_commit(folder: Path, what: str = ".") -> tuple[str, bool]:
    """The last commit that changed a folder, or a file in it, and whether that is another one by now.

    ("", False) where none tells.

    So it is for a folder that lies in no repository, or in one that does not follow it, and where there is no Git.
    """
    try:
        told = _git(folder, "log", "-1", "--format=%H", "--", what, check=False)
        commit = told.stdout.strip() if told.code == 0 else ""
        edited = bool(commit) and bool(_git(folder, "status", "--porcelain", "--", what, check=False).stdout)
    except PovError:
        return "", False
    return commit, edited


def is_held(file: Path) -> bool:
    """Whether a repository around a file holds it, so that a commit may have brought it; no where there is none.

    Raises `PovError` where there is one of which Git does not tell: it cannot be read, or Git is not here.
    """
    folder = file.parent.resolve()
    if not any(os.path.lexists(place / ".git") for place in (folder, *folder.parents)):
        return False
    done = _git(folder, "ls-files", "--error-unmatch", "--", file.name, check=False, more=_ACROSS)
    if done.code not in {0, _NOT_HELD}:
        fix = "mend the repository, or take what is left of it away"
        raise PovError(f"Git cannot tell whether it holds {file}", cause=done.stderr.strip()[-500:], fix=fix)
    return done.code == 0


def repository_around(folder: Path) -> Path | None:
    """The top of the repository that a folder lies in, by the way in which it is named; None where there is none.

    Git is not asked: what it takes for a repository may lie in a folder that a commit brought (`HEAD`, `objects`,
    `refs`), and no commit can bring a `.git`.
    """
    return next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), None)


def files_at(top: Path, revision: str, path: str) -> dict[str, str] | None:
    """The plain files that a revision holds at and below a path, with Git's digests of them; None for no revision.

    Paths are from the repository's top, which is `top`. Raises `PovError` where Git cannot tell.
    """
    only = {"GIT_DIR": str(top / ".git"), "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_REPLACE_OBJECTS": "1"}
    asked = ("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    found = _git(top, *asked, check=False, more=only) if not revision.startswith("-") else None
    if found is None or found.code == _NO_REVISION:
        return None
    if found.code != 0:
        told = f"Git cannot tell what {revision} is in {top}"
        raise PovError(told, cause=found.stderr.strip()[-500:], fix="mend the repository, or check it out anew")
    told = _git(top, "ls-tree", "-r", "-z", found.stdout.strip(), "--", path, more=only).stdout
    entries = (entry.partition("\t") for entry in told.split("\0") if entry)
    listed = ((about.split(), name) for about, _, name in entries)
    return {name: digest for (mode, _, digest), name in listed if mode.startswith(_PLAIN)}


def digest_as(digest: str, content: bytes) -> str:
    """Git's digest of a file, by the function that gave `digest`: SHA-1, or SHA-256 in a repository that has that."""
    header = f"blob {len(content)}\0".encode()
    return hashlib.new(
        "sha256" if len(digest) == _SHA256 else "sha1", header + content, usedforsecurity=False
    ).hexdigest()


def bundle_problems(bundle: Path, commits: Sequence[str]) -> list[str]:
    """What is wrong with a Git bundle: that it cannot be read, or holds none of the `commits` that it has to hold."""
    with scratch() as folder:
        _git(folder, "init", "--quiet", "--bare", "--template=")
        done = _git(folder, "fetch", "--quiet", "--no-tags", str(bundle.absolute()), "+refs/*:refs/*", check=False)
        if done.code != 0:
            return [f"{bundle.name}: Git cannot read it: {done.stderr.strip()[:200]}"]
        lost = [c for c in commits if _git(folder, "cat-file", "-e", f"{c}^{{commit}}", check=False).code != 0]
        return [f"{bundle.name}: does not hold the commit {commit}" for commit in lost]


def _git(folder: Path, *arguments: str, check: bool = True, more: Mapping[str, str] | None = None) -> Completed:
    # The folder may belong to another user's number, as on a shared disk; nobody else's settings are read.
    argv = ["git", "-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "maintenance.auto=false", *arguments]
    env = variables.given_to("git", {**_NEUTRAL, "HOME": os.devnull, **(more or {})})
    done = run(argv, timeout_s=_LIMIT_S, env=env, cwd=folder, check=False)
    if check and done.code != 0:
        raise PovError(f"`git {arguments[0]}` failed in {folder}", cause=done.stderr.strip()[-500:])
    return done
