"""`pov criteria`: the sheet to sign, criteria frozen before anything is measured, and the buyer's countersignature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import InvalidInput, NotFound, Problem
from pov.base.files import require_writable, save, write_atomic
from pov.config.engagement import FILE as ENGAGEMENT
from pov.config.engagement import Engagement, load_engagement
from pov.config.explaining import Faults, Location, located
from pov.config.loading import read_yaml
from pov.config.scenario import Scenario, load_scenario
from pov.model.events import Emit, Event
from pov.state import frozen as store
from pov.state.frozen import Frozen
from pov.workflows.agreement import agreed
from pov.workflows.countersigning import CRITERIA, Signed, SignResult, countersign, moment

SHEET = "criteria-sheet.pdf"


@dataclass(frozen=True)
class SheetResult:
    """The sheet's path, the digest that it prints, and what it leaves to fill in by hand."""

    path: Path
    agreement: str
    open_points: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"path": str(self.path), "agreement": self.agreement, "open": list(self.open_points)}


@dataclass(frozen=True)
class FreezeResult:
    """The frozen file, its digests, the commit that holds it, and whether anything was new in it."""

    path: Path
    digest: str
    agreement: str
    number: int
    commit: str
    changed: bool

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**vars(self), "path": str(self.path)}


def run_sheet(root: Path, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> SheetResult:
    """Write the one page to sign into the engagement folder.

    Raises `InvalidInput` for what no font draws, and for a day on which nothing can have been agreed or stated yet.
    """
    from pov.reporting import lettering
    from pov.reporting.sheet import document, open_points, render

    terms, path = agreed(*_files(root, clock)), root / SHEET
    require_writable(path)
    texts = lettering.texts_of(document(terms, "", ""))
    if problems := lettering.problems({f"`{text[:30]}`": text for text in texts}):
        raise InvalidInput(problems)
    save(path, render(terms, store.agreement_of(terms), clock.wall()))
    emit(Event("note", "criteria", f"the sheet to sign is {path}"))
    return SheetResult(path, store.agreement_of(terms), tuple(open_points(terms)))


def run_freeze(root: Path, because: str, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> FreezeResult:
    """Freeze what the files say now, and commit it. Freezing the same again changes nothing, and commits no other edit.

    Raises `InvalidInput` without criteria, if something else is frozen and nobody says why it is changed, or for a day
    on which nothing can have been agreed or stated yet.
    """
    from pov.engines import history

    scenario, engagement = _files(root, clock)
    wanted, before = agreed(scenario, engagement), store.read(root)
    if not wanted["criteria"]:
        fix = "write what counts as a success under `criteria`, or choose a scenario that has some"
        raise InvalidInput([Problem(str(root / ENGAGEMENT), "no criteria: nothing to freeze", fix)])
    changed = before is None or before.agreement != store.agreement_of(wanted)
    if changed and before is not None and not because:
        raise InvalidInput(_not_the_same(before, wanted))
    made = store.freeze(wanted, timestamp(clock.wall()), before=before, because=because) if changed else before
    assert made is not None
    if changed and before is not None:
        _set_aside(root, before)
    if changed:
        write_atomic(root / store.FILE, made.content)
    # Where a freeze was cut short before its commit, that is made now.
    commit, uncommitted = ("", True) if changed else history.last_commit(root, store.FILE)
    if uncommitted or not commit:
        message = f"Freeze the criteria of {engagement.name}" + (f" again: {made.because}" if made.number > 1 else "")
        commit = history.commit(root, [ENGAGEMENT, store.FILE], message)
    told = f"frozen on {made.at[:10]}, {made.digest[:12]}, commit {commit[:12]}"
    emit(Event("changed" if changed else "unchanged", "criteria", told))
    return FreezeResult(root / store.FILE, made.digest, made.agreement, made.number, commit, changed)


def run_sign(root: Path, key: Path, name: str, emit: Emit) -> SignResult:
    """Countersign the frozen criteria. Raises `NotFound` if nothing is frozen."""
    from pov.engines import signing

    signing.require()
    found = frozen_in(root)
    what = Signed(root / store.FILE, found.content, CRITERIA, moment(found.at))
    return countersign(root, what, key, name, emit)


def frozen_in(root: Path) -> Frozen:
    """What is frozen in the engagement folder. Raises `NotFound` for nothing."""
    found = store.read(root)
    if found is None:
        raise NotFound(f"no criteria are frozen in {root}", fix="pov criteria freeze")
    return found


def _files(root: Path, clock: Clock) -> tuple[Scenario, Engagement]:
    if not (root / ENGAGEMENT).is_file():
        fix = "pov init NAME, or --engagement DIR"
        raise InvalidInput([Problem(str(root), f"no engagement folder: it holds no {ENGAGEMENT}", fix)])
    engagement = load_engagement(root)
    _refuse_days_to_come(engagement, root / ENGAGEMENT, clock)
    scenario = load_scenario(engagement.scenario)
    return scenario.with_under_proof(engagement.proof.services), engagement


def _refuse_days_to_come(engagement: Engagement, path: Path, clock: Clock) -> None:
    from pov.workflows.scope import today

    days: list[tuple[Location, date | None]] = [
        *((("criteria", index, "agreedOn"), one.agreed_on) for index, one in enumerate(engagement.criteria)),
        *((("baseline", index, "when"), one.when) for index, one in enumerate(engagement.baseline)),
    ]
    now, fix = today(clock), "the day on which it was said"
    faults = Faults((place, f"{day} is still to come", fix) for place, day in days if day is not None and day > now)
    if faults.faults:
        raise InvalidInput(located(faults, path, read_yaml(path), ()))


def _not_the_same(before: Frozen, wanted: dict[str, Any]) -> list[Problem]:
    fix = 'pov criteria freeze --because "why"  (the reason is printed in every report), or put it back'
    return [Problem(f"frozen on {before.at[:10]}", told, fix) for told in store.differences(before.agreed, wanted)]


def _set_aside(root: Path, before: Frozen) -> None:
    """What was frozen before stays under its number, with the signatures over it: they hold for that alone."""
    aside = f"criteria.frozen.{before.number}.json"
    write_atomic(root / aside, before.content)
    for name in store.signatures(root):
        (root / name).rename(root / name.replace(store.FILE, aside, 1))
