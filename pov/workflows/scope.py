"""`pov scope`: which size, why a review, what it costs, and the offering on a page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import InvalidInput, Problem
from pov.base.files import save
from pov.config.engagement import FILE, Engagement, load_engagement
from pov.config.explaining import Faults, located, problems_of
from pov.config.loading import read_yaml, written
from pov.config.offering import Offering, load_offering, shipped
from pov.config.scope import Scope
from pov.model.events import Emit
from pov.scoping.agreement import check
from pov.scoping.assessment import Assessment, assess
from pov.scoping.comparing import Difference, compare
from pov.scoping.interview import EXAMPLES, interview
from pov.scoping.sizing import Stretch, faults

if TYPE_CHECKING:
    from pov.reporting.page import Page


@dataclass(frozen=True)
class SizeOptions:
    """What a rep knows in one line. Without `offering` the shipped one is taken."""

    users: int
    availability: float | None = None
    regions: tuple[str, ...] = ()
    offering: Path | None = None


@dataclass(frozen=True)
class SizeResult:
    """The answer, and where the offering leaves gaps and overlaps."""

    assessment: Assessment
    faults: tuple[Stretch, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**self.assessment.as_json(), "gaps_and_overlaps": [stretch.fault for stretch in self.faults]}


@dataclass(frozen=True)
class Deal:
    """An engagement with its scope, and the offering that it is held against. `path` is the engagement file."""

    path: Path
    engagement: Engagement
    scope: Scope
    offering: Offering


@dataclass(frozen=True)
class SheetResult:
    """The PDF that was written."""

    path: Path

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"path": str(self.path)}


def run_size(options: SizeOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> SizeResult:
    """Which size, or why an engineer looks at it. Raises `InvalidInput` for figures that cannot be."""
    offering = load_offering(options.offering)
    given = {"users": options.users, "availability": options.availability, "regions": options.regions or None}
    scope = _asked({key: value for key, value in given.items() if value is not None})
    return SizeResult(assess(scope, offering, today(clock)), faults(offering))


def run_sheet(offering: Path | None, out: Path, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> SheetResult:
    """The offering as one page, PDF, in type as small as that takes.

    Raises `InvalidInput` for letters that no font draws and for what no readable type gets on a page, else `PovError`.
    """
    from pov.reporting.offering_page import page as page_of
    from pov.reporting.page import TooLong, pdf

    page = page_of(load_offering(offering), today(clock))
    printable(page)
    try:
        drawn = pdf(page)
    except TooLong as long:
        where, told = str(offering or shipped()), f"{long.message}: none was written"
        raise InvalidInput([Problem(where, told, "shorten its names and titles, or take lines out")]) from long
    save(out, drawn)
    return SheetResult(out)


def has_scope(folder: Path) -> bool:
    """Whether an engagement says what the deal asks for. Raises `InvalidInput` where its file is wrong."""
    return load_engagement(folder).scope is not None


def deal(folder: Path, offering: Path | None = None, *, ask: str = "pov scope ask") -> Deal:
    """Read an engagement's scope; `ask` is how its answers are asked for where there are none.

    Raises `InvalidInput`, with file and line, also where it contradicts the offering.
    """
    engagement = load_engagement(folder)
    path = folder / FILE
    if engagement.scope is None:
        raise InvalidInput([Problem(str(path), "it has no `scope:` yet", ask)])
    named = engagement.scope.offering
    known = load_offering(offering or (Path(named) if named else None))
    agreed(engagement.scope, known, path)
    return Deal(path, engagement, engagement.scope, known)


@dataclass(frozen=True)
class DiffResult:
    """What differs from one scope to another."""

    difference: Difference
    currency: str

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**self.difference.as_json(), "currency": self.currency}


def run_diff(
    first: Path, second: Path, offering: Path | None, emit: Emit, *, clock: Clock = SYSTEM_CLOCK
) -> DiffResult:
    """Compare the scopes of two engagement folders, against the second's offering. Raises `InvalidInput` as `deal`."""
    after = deal(second, offering, ask=_ask_there(second))
    before = deal(first, offering, ask=_ask_there(first))
    agreed(before.scope, after.offering, before.path)
    day = today(clock)
    one, other = (assess(found.scope, after.offering, day) for found in (before, after))
    return DiffResult(compare(one, other), after.offering.currency)


def _ask_there(folder: Path) -> str:
    """Two folders are named here: neither has to be the one that commands are meant for."""
    return f"pov --engagement {shlex.quote(str(folder))} scope ask"


@dataclass(frozen=True)
class Assessed:
    """A deal's assessment, and the file that was written with it, if any: its answers', or its page."""

    assessment: Assessment
    path: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {**self.assessment.as_json(), "path": str(self.path) if self.path is not None else None}


def run_ask(
    folder: Path | None,
    offering: Path | None,
    ask: Callable[[str, str, str], str | None],
    tell: Callable[[str], None],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> Assessed:
    """Ask what is open, and keep the answers in the engagement file, whose comments stay; without a folder, nowhere.

    Raises `InvalidInput` where the file is wrong, or the answers contradict the offering: then nothing is written.
    """
    if folder is None:
        scope = Scope.model_validate(interview({}, ask, tell))
        known = load_offering(offering)
        _agreed_without_file(scope, known)
        return Assessed(assess(scope, known, today(clock)))
    engagement = load_engagement(folder)
    path = folder / FILE
    document = read_yaml(path)
    answers = interview(document.get("scope") or {}, ask, tell)
    scope = Scope.model_validate(answers)
    named = engagement.scope.offering if engagement.scope is not None else ""
    known = load_offering(offering or (Path(named) if named else None))
    _agreed_without_file(scope, known)
    if document.get("scope") is None:
        document["scope"] = CommentedMap()
    document["scope"].update(answers)
    save(path, written(document))
    return Assessed(assess(scope, known, today(clock)), path)


def _agreed_without_file(scope: Scope, offering: Offering) -> None:
    try:
        check(scope, offering)
    except Faults as found:
        problems = located(found, Path(), CommentedMap(), ())
        raise InvalidInput(_without_places(problems)) from found


def printable(page: Page) -> None:
    """Raises `InvalidInput` for letters that no font draws."""
    from pov.reporting import lettering

    if problems := lettering.problems({page.title: " ".join(lettering.texts_of(page.as_json()))}):
        raise InvalidInput(problems)


def today(clock: Clock) -> date:
    """The day on which figures are judged: the user's own."""
    return clock.wall().astimezone().date()


def agreed(scope: Scope, offering: Offering, path: Path) -> None:
    """Raises `InvalidInput`, with file and line, where a scope contradicts the offering."""
    try:
        check(scope, offering)
    except Faults as found:
        raise InvalidInput(located(found, path, read_yaml(path), ("scope",))) from found


def _asked(answers: dict[str, Any]) -> Scope:
    try:
        return Scope.model_validate(answers)
    except ValidationError as error:
        found = _without_places(problems_of(error, Scope, Path(), CommentedMap()))
        raise InvalidInput([replace(one, fix=one.fix or _example(one)) for one in found]) from error


def _example(problem: Problem) -> str:
    """What is typed where a figure has a bound and no more is to be said."""
    example = EXAMPLES.get(problem.message.partition(":")[0])
    return f"such as {example}" if example else ""


def _without_places(problems: Sequence[Problem]) -> list[Problem]:
    """Problems of a command line have no file."""
    return [replace(problem, where="") for problem in problems]
