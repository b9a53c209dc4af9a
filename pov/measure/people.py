"""What people did, person by person: n counts persons, and below six of them there are points and nothing else.

Elapsed time ends when the prober has seen the change everywhere; hands-on time is what keystrokes add up to. A person
who did it several times is one person, with the median of their successful trials.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pov.measure.results import SIMULATED, Arm
from pov.model.reading import mapping, number, text
from pov.model.sample import Sample

MEDIAN_FROM = 6
"""Fewer persons are shown one by one."""


@dataclass(frozen=True)
class Work:
    """One trial of one person. Times are seconds, None where they were not recorded; counts are of failures."""

    trial: Sample
    by: str
    experience: str

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
        return number(mapping(self.trial.details.get("person")).get("idle_limit_s"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person wrote for the record."""
        notes = mapping(self.trial.details.get("person")).get("notes")
        return tuple(text(mapping(note).get("text")) for note in notes) if isinstance(notes, list) else ()

    @property
    def recording(self) -> Mapping[str, Any]:
        """The recording's file and digest, or why there is none."""
        return mapping(self.trial.details.get("recording"))


def works(arm: Arm) -> tuple[Work, ...]:
    """Every trial of people, in the order they ran."""
    return tuple(
        Work(trial, text(trial.details.get("by")) or "not recorded", text(trial.details.get("experience")))
        for trial in arm.trials
    )


def persons(arm: Arm) -> int:
    """How many persons the arm stands on: those with a successful trial. A script is none."""
    return len({work.by for work in works(arm) if work.trial.ok and work.trial.origin != SIMULATED})


def typical(arm: Arm, figure: str) -> float | None:
    """The median over persons of their own median; None below `MEDIAN_FROM` persons, and where it was not recorded."""
    if persons(arm) < MEDIAN_FROM:
        return None
    by: dict[str, list[float]] = {}
    for work in works(arm):
        value = work.trial.seconds if figure == "seconds" else work.trial.figures.get(figure)
        if work.trial.ok and value is not None:
            by.setdefault(work.by, []).append(value)
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
