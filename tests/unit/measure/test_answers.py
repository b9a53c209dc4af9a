from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pov.measure.answers import Answer, Change, marked

AT = datetime(2026, 3, 9, 9, tzinfo=UTC)
CHANGES = [
    Change("mock:2", "pov", AT, "reviewer"),
    Change("mock:1", "pov", AT + timedelta(minutes=5), ""),
    Change("replicas 2", "somebody", AT + timedelta(minutes=10), ""),
]


def later(minutes: float) -> datetime:
    return AT + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("answers", "right", "unfounded"),
    [
        ([], 0, 0),
        ([Answer("git", one.what, one.who, one.when, one.approved_by) for one in CHANGES], 12, 0),
        ([Answer("git", "mock:2", "pov", AT, "reviewer")], 4, 0),
        ([Answer("git", "mock:2", "pov", AT, "")], 3, 0),
        ([Answer("host", "mock:2", "root", AT)], 2, 0),
        ([Answer("host", "mock:2", "root", later(1.1))], 1, 0),
        ([Answer("host", "mock:2", None, later(1.0))], 2, 0),
        ([Answer("argocd", when=later(10.5))], 1, 0),
        ([Answer("git", "mock:7", "pov", later(60), "reviewer")], 0, 1),
        ([Answer("git", "mock:2", "pov", AT, "reviewer")] * 2, 4, 1),
        ([Answer("git", "mock:7", "pov", AT, "reviewer")], 0, 1),
        ([Answer("guess", who="pov", approved_by="")], 0, 1),
    ],
)
def test_what_happened_is_the_measure(answers: list[Answer], right: int, unfounded: int) -> None:
    marks = marked(CHANGES, answers)
    assert (marks.right, marks.asked, marks.unfounded) == (right, 12, unfounded)
    assert len(marks.rows) == 3


def test_unknown_is_not_nobody() -> None:
    (row,) = marked([CHANGES[1]], [Answer("host", "mock:1", "root", later(5))]).rows
    assert row["right"] == ["what", "when"]
    assert row["answered"]["approved_by"] is None
    (row,) = marked([CHANGES[1]], [Answer("git", "mock:1", "root", later(5), "")]).rows
    assert row["right"] == ["what", "when", "approved_by"]


def test_each_change_gets_the_answer_that_fits_it_best() -> None:
    near = [Change("a", "x", AT, ""), Change("b", "y", later(0.5), "")]
    answers = [Answer("git", "b", "y", later(0.5), ""), Answer("git", "a", "x", AT, "")]
    assert marked(near, answers).right == 8
