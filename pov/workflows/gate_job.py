"""What the gate's Job does with a pull request: fetch it, then judge it by what the protected branch holds.

Both sides are laid out as plain files: a symbolic link is one that says where it points to, and nothing follows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, PovError
from pov.base.files import write_atomic
from pov.bundle.on_demand import GatePrograms
from pov.engines.git_command import Command, Remote
from pov.engines.gitea_pulls import Asked
from pov.model.events import silent
from pov.scoping.gate import Check, Refusal
from pov.scoping.gate_comment import FAILED, UNREADABLE
from pov.steps.gate.names import DEAL, MAIN, MANDATE, OFFERING, PLATFORM, REVOKED, ROOT_MODULE, SIGNERS, STAGES
from pov.workflows.approvals import FOLDER as APPROVALS
from pov.workflows.approvals import Trust
from pov.workflows.gate import GateOptions, run_gate
from pov.workflows.gate_state import copied

_FACTS = "facts.json"
_ATTRIBUTES = "* -text -ident !filter !working-tree-encoding\n"
_SPECIAL = {"120000": "a link", "160000": "a submodule"}
_MOST_FILES, _MOST_BYTES = 2000, 16 * 2**20
_OPEN = (f"{DEAL}/", f"{ROOT_MODULE}/")
"""What a pull request may change."""
_RECORDS = f"{DEAL}/{APPROVALS}/"
_KEEPER = ("platform team",)


@dataclass(frozen=True)
class Facts:
    """What Git tells of a pull request, besides its files."""

    outdated: bool
    changed: tuple[str, ...]
    special: tuple[str, ...]
    too_large: str


def fetch(asked: Asked, remote: Remote, *, work: Path, room: Path) -> None:
    """Lay out both commits in `room`. Raises `PovError` where either is not to be had (any more)."""
    head, base = asked.head, asked.base
    wanted = (f"+refs/heads/{MAIN}:refs/judged/base", f"+refs/pull/{asked.number}/head:refs/judged/head")
    call = fetched(work / "repository", remote, *wanted)
    special, too_large = _look_at(call, head)
    common = call("merge-base", base, head, may_fail=True).strip()
    changed = call("diff", "--name-only", "--no-renames", "-z", common, head) if common else ""
    facts = Facts(common != base, tuple(filter(None, changed.split("\0"))), special, too_large)
    for side, commit in (("base", base), *((("head", head),) if not too_large else ())):
        lay_out(call, commit, room / side)
    write_atomic(room / _FACTS, json.dumps(vars(facts)))


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


def judge(room: Path, environment: str, programs: GatePrograms, state: Path | None = None) -> dict[str, Any]:
    """The verdict as a document, whatever it is: also of a change that cannot be judged, or a gate that failed.

    `state` is the folder with the copy of the landing zone's state; without one it is planned against nothing.
    """
    try:
        facts = _facts(room)
        before = tuple(_before(facts, room))
        if facts.too_large:
            checks = [check.as_json() for check in before]
            return {"outcome": "refused", "checks": checks}
        told = options(room, environment, programs)
        if state is not None:
            told = replace(told, against=copied(state, environment))
        result = run_gate(told, silent)
        return replace(result, checks=(*before, *result.checks)).as_json()
    except InvalidInput as error:
        return {"outcome": UNREADABLE, "lines": [inside(room, str(problem)) for problem in error.problems]}
    except PovError as error:
        return {"outcome": FAILED, "lines": [inside(room, f"{error.message}: {error.cause}")]}


def options(room: Path, environment: str, programs: GatePrograms) -> GateOptions:
    """What the gate is told: the deal is the pull request's, and all that it is judged by the protected branch's."""
    head, platform = room / "head", room / "base" / PLATFORM
    mandate, revoked = platform / MANDATE, platform / REVOKED
    return GateOptions(
        folder=head / DEAL,
        trust=Trust(platform / SIGNERS, revoked if revoked.is_file() else None),
        mode="block" if mandate.is_file() else "advise",
        mandate=mandate if mandate.is_file() else None,
        environment=environment,
        offering=platform / OFFERING,
        # Whatever the protected branch holds of other deals: those that `pov up` brought, and one that was here before.
        register=room / "base",
        stages=head / DEAL / STAGES,
        terraform=head / ROOT_MODULE,
        programs=programs,
    )


def _facts(room: Path) -> Facts:
    found: Mapping[str, Any] = json.loads((room / _FACTS).read_text())
    return Facts(bool(found["outdated"]), tuple(found["changed"]), tuple(found["special"]), str(found["too_large"]))


def _before(facts: Facts, room: Path) -> Iterator[Check]:
    """What is refused by what Git tells alone."""
    limit = "what is judged is what would be merged"
    if facts.outdated:
        what = f"the branch lacks commits of {MAIN}"
        yield Check("up to date", (Refusal(what, limit, f"bring {MAIN} into it", ("whoever asks",)),))
    limit = "nothing that judges comes from what is under review"
    paths = [path for path in facts.changed if not path.startswith(_OPEN)]
    yield Check("what judges", tuple(Refusal(f"{path} is changed", limit, "put it back", _KEEPER) for path in paths))
    limit = "what was decided stays"
    paths = [path for path in facts.changed if path.startswith(_RECORDS) and (room / "base" / path).is_file()]
    yield Check("records", tuple(Refusal(f"{path} is changed", limit, "put it back", _KEEPER) for path in paths))
    limit = "plain files"
    yield Check(
        "plain files", tuple(Refusal(told, limit, "put the file itself there", _KEEPER) for told in facts.special)
    )
    if facts.too_large:
        yield Check(
            "size",
            (
                Refusal(
                    "the branch holds more than can be judged",
                    facts.too_large,
                    "take out what is no part of the deal",
                    _KEEPER,
                ),
            ),
        )


def inside(room: Path, said: str) -> str:
    """Paths as whoever asks knows them."""
    return said.replace(f"{room / 'head'}/", "").replace(f"{room / 'base'}/", f"{MAIN}: ")
