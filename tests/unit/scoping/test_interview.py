from __future__ import annotations

from typing import Any

import pytest

from pov.config.scope import Scope
from pov.scoping.comparing import compare
from pov.scoping.interview import interview, parsed
from pov.scoping.questions import QUESTIONS
from tests.unit.scoping.offerings import offering
from tests.unit.scoping.test_assessment import FITS, assessed


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("users", "40,000", 40_000),
        ("availability", "99.9 %", 99.9),
        ("regions", "eu-central-1, eu-west-1,", ["eu-central-1", "eu-west-1"]),
        ("compliance", "None", []),
        ("deal_value", "120,000 usd", {"amount": 120_000, "currency": "USD"}),
        ("due", "2027-01-01", "2027-01-01"),
    ],
)
def test_what_was_typed(key: str, typed: str, value: Any) -> None:
    assert parsed(key, typed) == value


class Terminal:
    """Somebody who types these answers by question, one after the other for the same one."""

    def __init__(self, answers: dict[str, list[str | None]]) -> None:
        self.answers = {question: list(answers.get(key, [])) for key, question, _ in QUESTIONS}
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, question: str, why: str, example: str) -> str | None:
        self.asked.append(question)
        return self.answers[question].pop(0) if self.answers[question] else ""


def test_every_question_is_asked_and_what_is_empty_stays_open() -> None:
    terminal = Terminal({"users": ["40000"], "recovery.time_minutes": ["60"], "recovery.point_minutes": ["5"]})
    found = interview({}, terminal.ask, terminal.told.append)
    assert len(terminal.asked) == len(QUESTIONS)
    assert found == {"users": 40_000, "recovery": {"timeMinutes": 60, "pointMinutes": 5}}
    Scope.model_validate(found)


def test_what_is_answered_is_not_asked_again() -> None:
    terminal = Terminal({})
    interview({"users": 5, "recovery": {"timeMinutes": 5}}, terminal.ask, terminal.told.append)
    assert len(terminal.asked) == len(QUESTIONS) - 2


@pytest.mark.parametrize(
    ("key", "wrong", "told"),
    [
        ("users", "-1", "must be at least 1"),
        ("users", "many", "is no number"),
        ("users", "1.5", "must be a whole number"),
        ("availability", "0.999", "looks like a share"),
        ("deal_value", "120000", "is no number"),
        ("deal_value", "5 dollars", "currency"),
        ("due", "soon", "must be a date"),
        ("cpu", "nan", "cpu"),
    ],
)
def test_an_answer_that_cannot_be_is_told_and_asked_again(key: str, wrong: str, told: str) -> None:
    terminal = Terminal({key: [wrong, ""]})
    assert interview({}, terminal.ask, terminal.told.append) == {}
    assert len(terminal.told) == 1
    assert told in terminal.told[0]
    assert len(terminal.asked) == len(QUESTIONS) + 1


def test_whoever_leaves_keeps_what_was_answered() -> None:
    terminal = Terminal({"users": ["7"], "availability": [None]})
    assert interview({}, terminal.ask, terminal.told.append) == {"users": 7}


def test_what_a_changed_promise_costs() -> None:
    found = compare(assessed(**FITS), assessed(**{**FITS, "availability": 99.999, "promised": "Medium"}))
    assert [(c.what, c.before, c.after) for c in found.answers] == [
        ("Which availability, in percent of the year?", "99.9 %", "99.999 %"),
        ("Promised", "", "Medium"),
    ]
    assert [(c.what, c.before) for c in found.lines] == [("Two regions with failover", "")]
    assert [cost.ends for cost in found.costs] == [(40_000, 60_000, 90_000), (9_000, 12_000, 16_000), (4, 5, 12)]
    assert found.costs[1].in_words == "+12,000 (+9,000 to +16,000)"
    back = compare(assessed(**{**FITS, "availability": 99.999}), assessed(**FITS))
    assert back.costs[1].ends == (-9_000, -12_000, -16_000)


def test_examples_tell_no_cost_and_the_same_is_no_change() -> None:
    found = compare(assessed(offering(), **FITS), assessed(offering(), **{**FITS, "availability": 99.999}))
    assert {cost.ends for cost in found.costs} == {None}
    assert compare(assessed(**FITS), assessed(**FITS)).none
    assert not compare(assessed(users=5), assessed(users=50_000)).none
