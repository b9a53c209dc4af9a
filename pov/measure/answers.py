"""Answers to who changed what, when, approved by whom, marked against what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pov.base.clock import timestamp

QUESTIONS = ("what", "who", "when", "approved_by")
NEAR_S = 60.0
"""A time is right if it is off by at most so many seconds."""


@dataclass(frozen=True)
class Change:
    """What really happened. `approved_by` is empty where nobody approved it."""

    what: str
    who: str
    when: datetime
    approved_by: str


@dataclass(frozen=True)
class Answer:
    """What a source tells of one change; None is what it does not hold."""

    source: str
    what: str | None = None
    who: str | None = None
    when: datetime | None = None
    approved_by: str | None = None


@dataclass(frozen=True)
class Marks:
    """`right` of `asked` questions, by change in `rows`; `unfounded` answers belong to no change."""

    right: int
    asked: int
    unfounded: int
    rows: tuple[dict[str, Any], ...]


def marked(changes: Sequence[Change], answers: Sequence[Answer]) -> Marks:
    """Each change with the answer that fits it best; an answer is used once.

    It fits if it tells what was changed, or if it tells the time alone: one that tells something else is unfounded.
    """
    left, rows, right = list(answers), [], 0
    for change in changes:
        fitting = [answer for answer in left if _fits(change, answer)]
        best = max(fitting, key=lambda answer: len(_right(change, answer)), default=None)
        if best is not None:
            left.remove(best)
        good = _right(change, best) if best is not None else set()
        right += len(good)
        rows.append(_row(change, best, good))
    return Marks(right, len(changes) * len(QUESTIONS), len(left), tuple(rows))


def _fits(change: Change, answer: Answer) -> bool:
    return answer.what == change.what or (answer.what is None and "when" in _right(change, answer))


def _right(change: Change, answer: Answer) -> set[str]:
    good = {name for name in ("what", "who", "approved_by") if getattr(answer, name) == getattr(change, name)}
    if answer.when is not None and abs((answer.when - change.when).total_seconds()) <= NEAR_S:
        good.add("when")
    return good


def _row(change: Change, answer: Answer | None, good: set[str]) -> dict[str, Any]:
    def told(one: Change | Answer) -> dict[str, str | None]:
        when = timestamp(one.when) if one.when is not None else None
        return {"what": one.what, "who": one.who, "when": when, "approved_by": one.approved_by}

    return {
        "happened": told(change),
        "answered": None if answer is None else {**told(answer), "source": answer.source},
        "right": [name for name in QUESTIONS if name in good],
    }
