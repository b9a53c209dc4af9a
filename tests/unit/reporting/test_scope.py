"""The scope's page in a report: from what a run saved, and from damaged records of it."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pypdf
import pytest

from pov.config.scope import Scope
from pov.reporting.model import build
from pov.reporting.offering_page import page
from pov.reporting.render import render_pdf
from pov.reporting.scope_page import blocks
from pov.scoping.assessment import assess
from pov.scoping.capacity import Commitment
from pov.state.runs import read_run
from tests.unit.reporting import simulated
from tests.unit.scoping.offerings import TODAY, given, offering, sizes
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


def test_the_report_of_a_run_with_a_scope_has_its_page(tmp_path: Path) -> None:
    scope = assessed(**{**FITS, "availability": 99.99}).as_json()
    report = build(read_run(simulated.save(tmp_path / "runs", environment_changes={"scope": scope})))
    (chapter,) = (chapter for chapter in report.chapters if chapter.id == "scope")
    assert chapter.opens_page
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages]
    (drawn,) = (text for text in pages if "Why it is reviewed, and by whom" in text)
    assert "One region, clusters and databases doubled" in drawn
    without = build(read_run(simulated.save(tmp_path / "others", environment_changes={"scope": None})))
    assert "scope" not in [chapter.id for chapter in without.chapters]


def test_the_sheet_shows_an_overlap_and_that_it_needs_a_review() -> None:
    known = offering(given(), sizes=sizes((1, 20), (10, None)))
    said = str([block.as_json() for block in page(known, TODAY).blocks])
    assert "A and B both claim 10 to 19 users. Such a deal needs an engineer's review." in said
