"""What else stands behind a run: looks at frozen criteria, signatures and other runs, for reports and for `pov verify`.

Everything is read from a folder: a run's, or the one that a report's attachments lie in. Whose key it is stands in a
file of allowed signers; who it really belongs to is for people to tell each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import PovError
from pov.base.files import text_of
from pov.model.reading import mapping, parsed
from pov.state import frozen as store
from pov.state import ledger
from pov.state.attested import CRITERIA, RUN, Attested, Signature, recorded, signed
from pov.state.compliance import newest
from pov.state.frozen_plan import departures_of
from pov.state.runs import HEAD, Run
from pov.workflows.countersigning import CRITERIA as FOR_CRITERIA
from pov.workflows.countersigning import RUN as FOR_RUN
from pov.workflows.countersigning import Lists, Signed, moment, verified_by

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = "runs.json"
COMPLIANCE = "compliance.json"
_OVER = {CRITERIA: (store.FILE, FOR_CRITERIA), RUN: (HEAD, FOR_RUN)}


def attested(saved: Run, lists: Lists, root: Path | None) -> Attested:
    """What stands behind a run. `root` is the engagement folder with all its runs, None for files out of a report."""
    found = replace(recorded(saved.environment), plan=tuple(_departures(saved)))
    problems = list(_frozen_problems(saved))
    signatures = [*_over_criteria(saved, lists, problems), *_over_run(saved, lists)]
    if root is not None:
        runs: tuple[ledger.Entry, ...] | None = ledger.runs_in(root, found.at)
    else:
        runs = _attached_runs(saved.path)
    gone = [
        f"run {one.run} of {one.started[:10]} is not there any more"
        for one in runs or ()
        if one.state == ledger.MISSING
    ]
    return replace(signed(found, signatures, [*problems, *gone]), runs=runs, controls=_controls(saved, root))


def attachments(saved: Run, found: Attested, lists: Lists) -> dict[str, bytes]:
    """The files that a reader needs to see all of it again."""
    names = [store.FILE, HEAD, *store.signatures(saved.path), *store.signatures(saved.path, HEAD)]
    kept = {name: (saved.path / name).read_bytes() for name in names if (saved.path / name).is_file()}
    if any(name.endswith(".sig") for name in kept):
        told = {store.SIGNERS: lists.signers, store.REVOKED: lists.revoked}
        kept |= {name: file.read_bytes() for name, file in told.items() if file is not None and file.is_file()}
    if found.runs is not None:
        document = json.dumps(ledger.as_json(found.runs, found.at), indent=2, ensure_ascii=False)
        kept[RUNS] = (document + "\n").encode()
    if found.controls:
        kept[COMPLIANCE] = found.controls
    return kept


def _controls(saved: Run, root: Path | None) -> bytes:
    """What was found of controls: the environment's newest result, or what is attached to a report."""
    path = saved.path / COMPLIANCE if root is None else newest(saved.path.parent.parent)
    return path.read_bytes() if path is not None and path.is_file() else b""


def _frozen_problems(saved: Run) -> Iterator[str]:
    """Where the run's copy of the frozen criteria is not what the run recorded, or not what it was scored by."""
    stood = mapping(saved.environment.get("frozen"))
    if not stood.get("digest"):
        return
    try:
        kept = store.read(saved.path)
    except PovError as error:
        yield f"{store.FILE}: {error.cause}"
        return
    if kept is None:
        yield f"{store.FILE}: is not there any more"
    elif kept.digest != stood["digest"]:
        yield f"{store.FILE}: is not the one that the run recorded before its first sample"
    elif not stood.get("changes") and kept.agreed.get("criteria") != saved.environment.get("criteria"):
        yield "environment.json: its criteria are not the frozen ones"


def _departures(saved: Run) -> list[str]:
    """Where the run's plan is not the frozen one; nothing where no freeze can be read, which is told elsewhere."""
    try:
        kept = store.read(saved.path) if mapping(saved.environment.get("frozen")).get("digest") else None
    except PovError:
        return []
    return departures_of(saved.environment, kept.agreed) if kept is not None else []


def _over_criteria(saved: Run, lists: Lists, problems: list[str]) -> Iterator[Signature]:
    """Signatures over the criteria that the run recorded: later ones cannot be told from ones made for its figures."""
    told = mapping(mapping(saved.environment.get("frozen")).get("signatures"))
    kept = store.signatures(saved.path)
    problems += [f"{name}: is not there any more" for name in told if name not in kept]
    at = str(mapping(saved.environment.get("frozen")).get("at"))
    for name, text in kept.items():
        if hashlib.sha256(text.encode()).hexdigest() != told.get(name):
            yield Signature(CRITERIA, name, why="is not one that the run recorded before its first sample")
            continue
        yield _checked(CRITERIA, saved.path, at, (name, text), lists)


def _over_run(saved: Run, lists: Lists) -> Iterator[Signature]:
    finished = str(mapping(mapping(saved.summary).get("run")).get("finished") or saved.environment.get("started"))
    for signature in store.signatures(saved.path, HEAD).items():
        yield _checked(RUN, saved.path, finished, signature, lists)


def _checked(of: str, folder: Path, at: str, signature: tuple[str, str], lists: Lists) -> Signature:
    file, namespace = folder / _OVER[of][0], _OVER[of][1]
    name, text = signature
    try:
        what = Signed(file, file.read_bytes() if file.is_file() else b"", namespace, moment(at))
        found = verified_by(lists, what, text)
    except PovError as error:
        return Signature(of, name, why=f"{error.message}: {error.cause}" if error.cause else error.message)
    except ValueError:
        return Signature(of, name, why=f"the run recorded no moment to judge it at ({at[:40]})")
    return Signature(of, name, found.principal, found.fingerprint)


def _attached_runs(folder: Path) -> tuple[ledger.Entry, ...] | None:
    try:
        document: Mapping[str, Any] = mapping(parsed(text_of(folder / RUNS)))
    except (OSError, ValueError):
        return None
    return ledger.entries(document.get("runs"))
