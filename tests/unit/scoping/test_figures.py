from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pov.config.offering import Ageing, Price, Range
from pov.scoping.figures import Worth, added, amount, lead, total, worth
from pov.scoping.terms import Standing
from tests.unit.scoping.offerings import TODAY

AGEING = Ageing.model_validate({"markedDays": 90, "refusedDays": 180})
TEN = {"low": 8, "expected": 10, "high": 15}


def price(**more: Any) -> Price:
    return Price.model_validate({"monthly": TEN, "source": "price list 7", "asOf": TODAY, **more})


@pytest.mark.parametrize(
    ("figure", "standing", "why"),
    [
        (None, Standing.ABSENT, "nobody gave a figure"),
        (price(source=""), Standing.ABSENT, "it has no source"),
        (price(source="  "), Standing.ABSENT, "it has no source"),
        (price(asOf=None), Standing.ABSENT, "it has no date"),
        (price(), Standing.GIVEN, "price list 7"),
        (price(asOf=TODAY - timedelta(days=90)), Standing.GIVEN, "price list 7"),
        (price(asOf=TODAY - timedelta(days=91)), Standing.OLD, "91 days old"),
        (price(asOf=TODAY - timedelta(days=180)), Standing.OLD, "180 days old"),
        (price(asOf=TODAY - timedelta(days=181)), Standing.REFUSED, "181 days old"),
        (price(asOf=TODAY + timedelta(days=1)), Standing.REFUSED, "still to come"),
        (price(example=True), Standing.EXAMPLE, "price list 7"),
        (price(example=True, asOf=date(2001, 1, 1)), Standing.EXAMPLE, "price list 7"),
        (price(example=True, source=""), Standing.ABSENT, "it has no source"),
    ],
)
def test_what_a_figure_is_worth(figure: Price | None, standing: Standing, why: str) -> None:
    found = worth(figure, AGEING, TODAY)
    assert found.standing is standing
    assert why in found.why


def summed(*prices: Price | None) -> Any:
    return total([(f"p{n}", one, worth(one, AGEING, TODAY)) for n, one in enumerate(prices)], "monthly")


def test_a_total_is_low_expected_and_high() -> None:
    found = summed(price(), price())
    assert found.amount == Range(low=16, expected=20, high=30)
    assert found.notes == ()


def test_one_example_and_there_is_no_total() -> None:
    found = summed(price(), price(example=True))
    assert found.amount is None
    assert found.notes[0] == "no total: 1 of 2 prices are EXAMPLE"


@pytest.mark.parametrize(
    ("other", "note"),
    [
        (None, "not in it: p1: nobody gave a figure"),
        (price(source=""), "not in it: p1: it has no source"),
        (price(asOf=date(2020, 1, 1)), "not in it: p1: it is "),
        (price(monthly=None), "not in it: p1: its price says nothing about this"),
        (price(asOf=TODAY - timedelta(days=100)), "old: p1"),
    ],
)
def test_a_total_says_what_is_not_in_it(other: Price | None, note: str) -> None:
    found = summed(price(), other)
    assert found.amount is not None
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note)


def test_nothing_known_is_no_total_of_nothing() -> None:
    assert summed(None).amount is None
    assert summed(None).notes[0] == "no total: no price is known"
    assert summed().notes == ()


def test_lead_times_are_side_by_side_at_best_and_one_after_the_other_at_worst() -> None:
    weeks = [Range(low=1, expected=2, high=3), Range(low=4, expected=5, high=6)]
    assert lead(weeks) == Range(low=4, expected=5, high=9)
    assert added(weeks) == Range(low=5, expected=7, high=9)


def test_amounts_in_words() -> None:
    assert amount(Range(low=1000, expected=1500, high=2000)) == "1,500 (1,000 to 2,000)"
    assert amount(Range(low=3, expected=3, high=3)) == "3"
    assert Worth(Standing.OLD).counts
    assert not Worth(Standing.EXAMPLE).counts
