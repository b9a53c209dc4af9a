"""What people did, person by person: n counts persons, and below six of them there are points and nothing else.

Elapsed time ends when the prober has seen the change everywhere; hands-on time is what keystrokes add up to. A person
who did it several times is one person, with the median of their successful trials. Where a second person reviews, n
counts pairs.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pov.measure.results import SIMULATED, Arm
from pov.model.reading import items, mapping, number, text
from pov.model.sample import Sample

MEDIAN_FROM = 6
"""Fewer persons are shown one by one."""
AUTHOR, REVIEWER = "author", "reviewer"
"""What two persons at a trial are to each other."""
LOOK_S = 0.5
"""Between two looks at the pull request: how exactly the end of the author's sitting is known, and the merge."""


@dataclass(frozen=True)
class Sitting:
    """One of several sittings at a trial. Times are seconds, None where they were not recorded.

    `waited` is how long nobody sat there before; `ended` says what became of it.
    """

    role: str
    by: str
    waited: float | None
    seconds: float | None
    hands_on: float | None
    ended: str
    notes: tuple[str, ...]
    recording: Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """One trial of a person, or of two. Times are seconds, None for what was not recorded; counts are of failures."""

    trial: Sample
    by: str
    experience: str
    reviewer: str = ""
    """Who reviewed; empty where nobody did."""

    @property
    def who(self) -> tuple[str, ...]:
        """Everybody who sat there."""
        return (self.by, self.reviewer) if self.reviewer else (self.by,)

    @property
    def reviewer_experience(self) -> str:
        """How often the reviewer had reviewed such a change."""
        return text(self.trial.details.get("reviewer_experience"))

    @property
    def sittings(self) -> tuple[Sitting, ...]:
        """Who sat there in turn; none where one person did it all."""
        return tuple(_sitting(mapping(row)) for row in items(self.trial.details.get("sittings")))

    @property
    def hands_on(self) -> float | None:
        """What keystrokes add up to."""
        return self.trial.figures.get("hands_on_seconds")

    def count(self, name: str) -> int | None:
        """A count of the session, by the name of its figure."""
        found = self.trial.figures.get(name)
        return None if found is None else int(found)

    @property
    def paused(self) -> float:
        """In pauses; it is in the elapsed time, too."""
        return self.trial.figures.get("paused_seconds", 0.0)

    @property
    def idle_limit_s(self) -> float | None:
        """The gap between two keystrokes that counts at most."""
        rows = [self.trial.details, *map(mapping, items(self.trial.details.get("sittings")))]
        limits = (number(mapping(row.get("person")).get("idle_limit_s")) for row in rows)
        return next((limit for limit in limits if limit is not None), None)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Who wrote what for the record."""
        own = [(self.by, note) for note in _notes(self.trial.details)]
        return (*own, *((sitting.by, note) for sitting in self.sittings for note in sitting.notes))

    @property
    def recordings(self) -> tuple[Mapping[str, Any], ...]:
        """Of each recording its file and digest, or why there is none."""
        return tuple(one.recording for one in self.sittings) or (mapping(self.trial.details.get("recording")),)


def works(arm: Arm) -> tuple[Work, ...]:
    """Every trial of people, in the order they ran."""
    return tuple(
        Work(
            trial,
            text(trial.details.get("by")) or "not recorded",
            text(trial.details.get("experience")),
            text(trial.details.get("reviewer")),
        )
        for trial in arm.trials
    )


def persons(arm: Arm) -> int:
    """How many persons the arm stands on: those with a successful trial. A script is none.

    Of pairs as many as there could be without anybody in two of them: no more than authors, reviewers, or half of all.
    """
    done = [work for work in works(arm) if work.trial.ok and work.trial.origin != SIMULATED]
    authors, reviewers = {work.by for work in done}, {work.reviewer for work in done} - {""}
    return min(len(authors), len(reviewers), len(authors | reviewers) // 2) if reviewers else len(authors)


def typical(arm: Arm, figure: str) -> float | None:
    """The median over persons of their own median; None below `MEDIAN_FROM` persons, and where it was not recorded."""
    if persons(arm) < MEDIAN_FROM:
        return None
    by: dict[tuple[str, ...], list[float]] = {}
    for work in works(arm):
        value = work.trial.seconds if figure == "seconds" else work.trial.figures.get(figure)
        if work.trial.ok and value is not None:
            by.setdefault(work.who, []).append(value)
    own = [statistics.median(values) for values in by.values()]
    return statistics.median(own) if len(own) >= MEDIAN_FROM else None


def as_json(arm: Arm) -> dict[str, Any]:
    """As it stands in the summary."""
    return {
        "name": arm.name,
        "persons": persons(arm),
        "median": typical(arm, "seconds"),
        "hands_on_median": typical(arm, "hands_on_seconds"),
        "trials": [_trial(work) for work in works(arm)],
    }


def _trial(work: Work) -> dict[str, Any]:
    trial, counts = work.trial, None if work.trial.traffic is None else work.trial.traffic.operation
    return {
        "trial": trial.trial,
        "by": work.by,
        "reviewer": work.reviewer,
        "experience": work.experience,
        "origin": trial.origin,
        "started": trial.started,
        "seconds": trial.seconds,
        "ok": trial.ok,
        "error": trial.error,
        "figures": dict(trial.figures),
        "requests": None if counts is None else counts.requests,
        "hard": None if counts is None else counts.hard,
        "late": None if counts is None else counts.late,
    }


def _sitting(row: Mapping[str, Any]) -> Sitting:
    times = (number(row.get(key)) for key in ("waited_s", "seconds", "hands_on_seconds"))
    words = {key: text(row.get(key)) for key in ("role", "by", "ended")}
    waited, seconds, hands_on = times
    return Sitting(
        words["role"] or "not recorded",
        words["by"] or "not recorded",
        waited,
        seconds,
        hands_on,
        words["ended"],
        _notes(row),
        mapping(row.get("recording")),
    )


def _notes(row: Mapping[str, Any]) -> tuple[str, ...]:
    found = (text(mapping(note).get("text")) for note in items(mapping(row.get("person")).get("notes")))
    return tuple(note for note in found if note)
