"""Figures that are too old carry their mark wherever they are shown: terminal, sheet, page, the gate's price lines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pov.cli.scope_words import assessment_in_words
from pov.config.offering import Offering
from pov.reporting.offering_page import page
from pov.reporting.scope_page import blocks
from pov.scoping.gate import prices
from tests.unit.scoping.offerings import TODAY, given, offering
from tests.unit.scoping.test_assessment import FITS, assessed

AGE = "price list 7, 2026-08-20: 100 days old"


@pytest.fixture
def old() -> Offering:
    return offering(given(TODAY - timedelta(days=100)))


@pytest.fixture
def fresh() -> Offering:
    return offering(given())


def sheet(known: Offering) -> list[Any]:
    return [block.as_json() for block in page(known, TODAY).blocks]


def test_the_terminal_marks_availability_and_the_next_nine(old: Offering, fresh: Offering) -> None:
    said = assessment_in_words(assessed(old, **FITS))
    assert "min a year down, from old figures (load balancer, K8s-Sml, db-med-04)" in said
    costs = "3,000 (2,500 to 4,000) a month, 10,000 (8,000 to 15,000) once on top of the size"
    assert f"{costs}; 3 (2 to 5) weeks to build (old: {AGE})" in said
    said = assessment_in_words(assessed(fresh, **FITS))
    assert f"{costs}; 3 (2 to 5) weeks to build\n" in said
    assert "old figures" not in said
    assert "(old" not in said


def test_the_page_marks_the_next_nine(old: Offering) -> None:
    said = " ".join(str(block.as_json()) for block in blocks(assessed(old, **FITS).as_json()))
    assert f"once on top of the size; 3 (2 to 5) weeks to build (old: {AGE})." in said
    assert "Old figures: load balancer; K8s-Sml; db-med-04." in said
    extra = assessed(old, **{**FITS, "availability": 99.99}).as_json()
    said = " ".join(str(block.as_json()) for block in blocks(extra))
    assert "on top of one region, clusters and databases doubled; 8 (6 to 12) weeks to build (old:" in said


def test_the_sheet_marks_the_prices_of_sizes_and_their_availability(old: Offering, fresh: Offering) -> None:
    (sizes,) = (block for block in sheet(old) if "Sizes." in str(block))
    assert "5,000 (4,000 to 6,500) old" in str(sizes)
    assert "99.915\\xa0% from old figures" in str(sizes)
    assert f"old: {AGE}" in str(sheet(old)), "what more costs"
    assert "old" not in str([block for block in sheet(fresh) if "Sizes." in str(block)])


def test_the_gates_price_lines_are_marked(old: Offering, fresh: Offering) -> None:
    told = prices(assessed(old, **FITS))
    assert told[0].endswith(f"weeks (old: {AGE})")
    assert "old: Medium" in told[1]
    assert "old" not in " ".join(prices(assessed(fresh, **FITS)))


def test_the_deal_value_from_which_on_an_architect_is_named_is_marked(old: Offering) -> None:
    found = assessed(old, **FITS, dealValue={"amount": 100_001, "currency": "USD"})
    assert found.shadow == f"name a solutions architect: the deal is above 100,000 USD (old: {AGE})"


@pytest.mark.parametrize(
    ("as_of", "mark"),
    [
        (TODAY - timedelta(days=200), " (old: it is 200 days old; after 180 none counts)"),
        (TODAY + timedelta(days=1), " (refused: it is dated 2026-11-29, which is still to come)"),
        (TODAY, ""),
    ],
)
def test_the_deal_value_holds_whatever_its_age_in_the_check_and_on_the_sheet(as_of: date, mark: str) -> None:
    base = given()
    base["shadow"]["asOf"] = as_of
    known = offering(base)
    told = f"the deal is above 100,000 USD{mark}"
    found = assessed(known, **FITS, dealValue={"amount": 10_000_000, "currency": "USD"})
    assert found.shadow.removesuffix(" and it needs a review") == f"name a solutions architect: {told}"
    assert f"Named for a deal above 100,000 USD{mark}, and" in str(sheet(known))


def test_a_deal_value_without_a_source_is_no_rule_and_is_on_no_sheet() -> None:
    base = given()
    base["shadow"]["source"] = ""
    assert "Solutions architect." not in str(sheet(offering(base)))
    found = assessed(offering(base), **FITS, dealValue={"amount": 10_000_000, "currency": "USD"})
    assert found.shadow == "name a solutions architect: it needs a review", "for that it has no source"


def test_reasons_say_that_they_rest_on_old_figures(old: Offering) -> None:
    (reason,) = (one for one in assessed(old, **{**FITS, "availability": 99.99}).reasons if one.id == "availability")
    assert "from old figures (load balancer, K8s-Sml, db-med-04)" in reason.text
