"""What was decided stays: records that the branch holds that a change would go into, held against the working tree.

Whoever takes a refusal's file out has the approval before it count again. `pov gate` by a CI or by hand is told that
branch (`--base`); in an environment the gate's Job fetches it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pov.base.errors import InvalidInput, Problem
from pov.engines.history import digest_as, files_at, repository_around
from pov.scoping.gate import Check, Refusal
from pov.workflows.approvals import FOLDER

RECORDS, STAYS = "records", "what was decided stays"
_KEEPER = ("platform team",)
_OPTION = "--base"
_UNNAMED = "no branch that it would go into is named (--base REF): a record that was taken out is not seen"


def kept(folder: Path, base: str | None) -> tuple[Check, ...]:
    """Whether every record of an engagement that `base` holds is there as it was; nothing where None asks for it.

    Raises `InvalidInput` where there is no such commit here, or the folder lies in no repository of its own.
    """
    if base is None:
        return ()
    if not base:
        return (Check(RECORDS, not_checked=_UNNAMED),)
    here = _as_named(folder)
    top = repository_around(here)
    if top is None:
        here = here.resolve()
        top = repository_around(here)
    if top is None:
        raise _bad(f"{folder} lies in no Git repository", f"check it out with Git, or leave {_OPTION} out")
    if _is_submodule(top):
        raise _bad(f"{top} is a submodule: which commit of it counts is for the branch to say", "clone it by itself")
    approvals = here / FOLDER
    held = files_at(top, base, approvals.relative_to(top).as_posix())
    if held is None:
        fix = f"git fetch origin BRANCH, of the branch that it would go into; then {_OPTION} FETCH_HEAD"
        raise _bad(f"there is no commit {base} here", fix)
    return (Check(RECORDS, (*_links(top, approvals), *_changed(top, held, base))),)


def _as_named(folder: Path) -> Path:
    """The folder by the links on the way to it, which are looked at: without them it could be another one's place."""
    named = Path(os.path.normpath(folder.absolute()))
    return named if named.resolve() == folder.resolve() else folder.resolve()


def _bad(told: str, fix: str) -> InvalidInput:
    return InvalidInput([Problem(_OPTION, told, fix)])


def _is_submodule(top: Path) -> bool:
    """Whether its `.git` leads into the repository around it: that of a submodule does, a work tree's does not."""
    way = top / ".git"
    if not way.is_file():
        return False
    parts = Path(way.read_text(errors="replace").partition(":")[2].strip()).parts
    return (".git", "modules") in pairwise(parts)


def _links(top: Path, approvals: Path) -> Iterator[Refusal]:
    """Links on the way to the records and among them: what they lead to may be changed without any record changing."""
    inside = approvals.relative_to(top).parts
    way = [top.joinpath(*inside[:number]) for number in range(1, len(inside) + 1)]
    below = (Path(place) / name for place, folders, files in os.walk(approvals) for name in (*folders, *files))
    for path in sorted({*way, *below}):
        if path.is_symlink():
            what = f"{path.relative_to(top)} is a link"
            yield Refusal(what, "records are plain files", "put there what it leads to", _KEEPER)


def _changed(top: Path, held: dict[str, str], base: str) -> Iterator[Refusal]:
    fix = f"put it back, as {base} holds it; a branch that is older than it takes in what is new there"
    for path, digest in sorted(held.items()):
        try:
            content = (top / path).read_bytes()
        except OSError:
            yield Refusal(f"{path} is not there", STAYS, fix, _KEEPER)
            continue
        if digest_as(digest, content) != digest:
            yield Refusal(f"{path} is changed", STAYS, fix, _KEEPER)
