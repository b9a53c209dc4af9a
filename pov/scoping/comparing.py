"""What a changed promise costs: two assessments side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pov.scoping.assessment import Assessment
from pov.scoping.figures import Total, amount
from pov.scoping.questions import checklist


@dataclass(frozen=True)
class Change:
    """One thing that differs: what, in the first, in the second; empty where it is not there."""

    what: str
    before: str
    after: str

    def as_json(self) -> dict[str, str]:
        """The change as a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True)
class Cost:
    """What a change costs: low, expected, high, end by end; None where a total is not known.

    `note` says what is not in it.
    """

    name: str
    ends: tuple[float, float, float] | None
    note: str

    @property
    def in_words(self) -> str:
        """`+3,000 (+2,500 to +4,000)`."""
        if self.ends is None:
            return self.note
        low, expected, high = (f"{end:+,.10g}" for end in self.ends)
        return f"{expected} ({low} to {high})" + (f"; {self.note}" if self.note else "")

    def as_json(self) -> dict[str, Any]:
        """The cost as a JSON object."""
        return {**vars(self), "ends": list(self.ends) if self.ends is not None else None}


@dataclass(frozen=True)
class Difference:
    """Answers, lines and reasons that differ; totals of both, and what the change costs where both are known."""

    answers: tuple[Change, ...]
    lines: tuple[Change, ...]
    reasons: tuple[Change, ...]
    totals: tuple[Change, ...]
    costs: tuple[Cost, ...]

    @property
    def none(self) -> bool:
        """Whether nothing differs."""
        return not (self.answers or self.lines or self.reasons or self.totals)

    def as_json(self) -> dict[str, Any]:
        """The difference as one JSON document."""
        parts = {name: [c.as_json() for c in getattr(self, name)] for name in ("answers", "lines", "reasons", "totals")}
        return {**parts, "costs": [cost.as_json() for cost in self.costs]}


def compare(first: Assessment, second: Assessment) -> Difference:
    """What differs from `first` to `second`. Both are held against the same offering on the same day."""
    return Difference(
        answers=_answers(first, second),
        lines=_changes(
            {line.title: line.rule for line in first.lines}, {line.title: line.rule for line in second.lines}
        ),
        reasons=_changes(
            {reason.text: reason.limit or "-" for reason in first.reasons},
            {reason.text: reason.limit or "-" for reason in second.reasons},
        ),
        totals=_changes(_totals(first), _totals(second)),
        costs=(
            _cost("once", first.once, second.once),
            _cost("a month", first.monthly, second.monthly),
            _cost("weeks", first.weeks, second.weeks),
        ),
    )


def _answers(first: Assessment, second: Assessment) -> tuple[Change, ...]:
    pairs = zip(checklist(first.scope), checklist(second.scope), strict=True)
    found = [
        Change(before.text, before.answer or "open", after.answer or "open")
        for before, after in pairs
        if before.answer != after.answer
    ]
    found += _changes({"Promised": first.scope.promised}, {"Promised": second.scope.promised})
    sizes = [one.size.name if one.size is not None else "no size" for one in (first, second)]
    return (*found, *([Change("Size", *sizes)] if sizes[0] != sizes[1] else []))


def _changes(before: dict[str, str], after: dict[str, str]) -> tuple[Change, ...]:
    names = list(dict.fromkeys([*before, *after]))
    return tuple(
        Change(name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)
    )


def _totals(one: Assessment) -> dict[str, str]:
    named = {"Once": one.once, "A month": one.monthly, "Weeks": one.weeks}
    return {name: _in_words(total) for name, total in named.items()}


def _in_words(total: Total) -> str:
    return amount(total.amount) if total.amount is not None else "; ".join(total.notes[:1]) or "nothing"


def _cost(name: str, first: Total, second: Total) -> Cost:
    """What the second has more than the first, end by end; below 0 where it has less."""
    if first.amount is None or second.amount is None:
        return Cost(name, None, "not known: a total is missing")
    before, after = first.amount, second.amount
    ends = (after.low - before.low, after.expected - before.expected, after.high - before.high)
    return Cost(name, ends, "; ".join(dict.fromkeys((*first.notes, *second.notes))))
