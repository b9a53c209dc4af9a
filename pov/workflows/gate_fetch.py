"""What the gate's Job fetches of a pull request, beside what judges it, which waits for that.

It starts with little: nothing of what judges is imported here.

Both sides are laid out as plain files: a symbolic link is one that says where it points to, and nothing follows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.wait import Pending, wait_for
from pov.engines.git_command import Command, Remote
from pov.steps.gate.names import MAIN

FACTS = "facts.json"
"""Written last: with it all is there."""
FETCHED_S = 120.0
"""How long is waited for that where nothing says that it will not come: who fetches may be killed."""
_GAVE_UP = "gave-up"
_LOOK_S = 0.05
_ATTRIBUTES = "* -text -ident !filter !working-tree-encoding\n"
_SPECIAL = {"120000": "a link", "160000": "a submodule"}
_MOST_FILES, _MOST_BYTES = 2000, 16 * 2**20


@dataclass(frozen=True)
class Facts:
    """What Git tells of a pull request, besides its files."""

    outdated: bool
    changed: tuple[str, ...]
    special: tuple[str, ...]
    too_large: str


def fetch(number: int, head: str, base: str, remote: Remote, *, work: Path, room: Path) -> None:
    """Lay out both commits of a pull request in `room`. Raises `PovError` where either is not to be had (any more)."""
    wanted = (f"+refs/heads/{MAIN}:refs/judged/base", f"+refs/pull/{number}/head:refs/judged/head")
    with _told_to_who_waits(room):
        call = fetched(work / "repository", remote, *wanted)
        special, too_large = _look_at(call, head)
        common = call("merge-base", base, head, may_fail=True).strip()
        changed = call("diff", "--name-only", "--no-renames", "-z", common, head) if common else ""
        facts = Facts(common != base, tuple(filter(None, changed.split("\0"))), special, too_large)
        for side, commit in (("base", base), *((("head", head),) if not too_large else ())):
            lay_out(call, commit, room / side)
        write_atomic(room / FACTS, json.dumps(vars(facts)))


@contextmanager
def _told_to_who_waits(room: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            room.mkdir(parents=True, exist_ok=True)
            (room / _GAVE_UP).touch()
        raise


def wait_fetched(room: Path, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Return once all is laid out in `room`. Raises `PovError` where it will not be, or was not in time."""

    def told() -> bool | Pending:
        if (room / FACTS).is_file():
            return True
        if (room / _GAVE_UP).exists():
            raise PovError("nothing was fetched", cause="the container that fetches says why")
        return Pending("it is not all there")

    wait_for("the pull request to be fetched", told, timeout_s=FETCHED_S, interval_s=_LOOK_S, clock=clock)


def fetched(folder: Path, remote: Remote, *wanted: str) -> Command:
    """Git on a new repository in `folder`, with what is `wanted` of the server, as Git writes it for a fetch."""
    call = Command(folder, remote)
    folder.mkdir(parents=True)
    call("init", "--quiet", "--template=")
    for name, value in (("core.symlinks", "false"), ("remote.origin.url", remote.url)):
        call("config", name, value)
    write_atomic(folder / ".git" / "info" / "attributes", _ATTRIBUTES)
    call("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "origin", *wanted)
    return call


def lay_out(call: Command, commit: str, place: Path) -> None:
    """Write a commit's files to `place`, as plain files."""
    call("read-tree", commit)
    call("checkout-index", "--all", "--force", f"--prefix={place}/")


def _look_at(call: Command, commit: str) -> tuple[tuple[str, ...], str]:
    entries = [entry.split("\t", 1) for entry in call("ls-tree", "-r", "-l", "-z", commit).split("\0") if entry]
    described = [(about.split(), path) for about, path in entries]
    special = tuple(f"{path} is {_SPECIAL[about[0]]}" for about, path in described if about[0] in _SPECIAL)
    size = sum(int(about[3]) for about, _ in described if about[3].isdigit())
    if len(described) > _MOST_FILES:
        return special, f"{len(described)} files; limit: {_MOST_FILES}"
    return special, f"{size} bytes; limit: {_MOST_BYTES}" if size > _MOST_BYTES else ""
