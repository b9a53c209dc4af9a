"""The scope's page in a report: from what a run saved, and from damaged records of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pov.config.scope import Scope
from pov.reporting.scope_page import blocks
from pov.scoping.assessment import assess
from pov.scoping.capacity import Commitment
from tests.unit.scoping.offerings import TODAY, offering
from tests.unit.scoping.test_assessment import FITS, assessed


def texts(document: dict[str, Any]) -> str:
    return " ".join(str(block.as_json()) for block in blocks(document))


def test_a_page_says_size_reasons_prices_and_what_is_open() -> None:
    said = texts(assessed(**{**FITS, "availability": 99.999, "iops": 12_000}).as_json())
    for told in ("Medium: dedicated RDS", "Engineering VP:", "18,500", "Two regions with failover", "questions open"):
        assert told in said
    assert "No topology of the offering has the next nine, 99.9999 %" in said


def test_other_deals_that_nobody_looked_at_are_no_figure() -> None:
    assert "'CPU cores', '2,048', '–', '64', '2,048'" in texts(assessed(**FITS).as_json())
    summed = assess(Scope.model_validate(FITS), offering(), TODAY, [Commitment("a", cpu=48)])
    assert "'CPU cores', '2,048', '48', '64', '2,000'" in texts(summed.as_json())


def test_a_fitting_deal_says_so() -> None:
    said = texts(assessed(**FITS).as_json())
    assert "No review needed." in said
    assert "3,000 (2,500 to 4,000) USD a month" in said


def test_examples_give_no_total_whatever_the_record_claims() -> None:
    document = assessed(offering(), **FITS).as_json()
    assert "'Total', '', '–', '–', '–'" in texts(document)
    document["monthly"] = {"amount": {"low": 1, "expected": 2, "high": 3}, "notes": []}
    assert "'Total', '', '–', '–', '–'" in texts(document)


@pytest.mark.parametrize(
    "key", ["size", "reasons", "lines", "once", "availability", "capacity", "questions", "currency"]
)
@pytest.mark.parametrize("damage", [None, 7, "x", [1, None], {"amount": {"low": "x"}}, {"chosen": {"share": "x"}}])
def test_a_damaged_record_stops_no_report(key: str, damage: Any) -> None:
    document = assessed(**FITS).as_json()
    document[key] = damage
    assert list(blocks(document))


def test_a_run_without_a_scope_has_no_such_page() -> None:
    from pov.reporting.sections.scope import SECTION

    facts: Any = SimpleNamespace(environment={})
    assert list(SECTION.build(facts)) == []
    facts.environment = {"scope": assessed(**FITS).as_json()}
    assert list(SECTION.build(facts))
