"""Page one is one page whatever was measured; what it leaves out is counted there and stands on the page it names."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.model.catalogue import EXPERIMENTS
from pov.reporting.blocks import Bullets, Columns, Outcomes, Overview, StatedFigures, Text
from pov.reporting.model import Chapter, Report, build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from tests.unit.reporting import simulated
from tests.unit.reporting.crowded import VALUE, crowded

CASES: dict[str, dict[str, Any]] = {
    "two experiments": {"count": 2},
    "six experiments and a price": {"count": 6, "criteria": 4, "value": VALUE},
    "nine experiments": {"count": 9, "criteria": 9, "value": VALUE, "arms": 3},
    "more than anybody has": {"count": 12, "criteria": 12, "value": VALUE, "arms": 5},
}
SMALLEST = {"more than anybody has": 4.8}
USUAL = 5.4
"""Points. The smallest letters of a page that is not crowded have 6.8."""


def words(page: pypdf.PageObject) -> str:
    return " ".join(page.extract_text().split()).replace("\u202f", " ")


def sizes(page: pypdf.PageObject) -> list[float]:
    """The size of each piece of text on a page, as it is seen."""
    found = []

    def look(text: str, seen: list[float], matrix: list[float], _font: object, size: float) -> None:
        if text.strip():
            found.append(size * abs(matrix[3] * seen[3] if matrix[3] else seen[3]))

    page.extract_text(visitor_text=look)
    return found


def chapter(report: Report, name: str) -> Chapter:
    return next(chapter for chapter in report.chapters if chapter.id == name)


@pytest.mark.parametrize("name", CASES)
def test_page_one_is_one_page_that_can_be_read(tmp_path: Path, name: str) -> None:
    follows = "worth" if "value" in CASES[name] else "order"
    report = crowded(tmp_path, only=("decision", follows), **CASES[name])
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages
    first, second = words(pages[0]), words(pages[1])
    assert all(text in first for text in ("The decision", "What was asked", "What follows", "What does not follow"))
    assert "Not your production" in first
    begins = "Is it worth it" if follows == "worth" else "What the order of trials says"
    assert begins in second[: second.index(begins) + 90]
    assert not any(text in second for text in ("What follows", "What was measured", "What the customer states"))
    assert min(sizes(pages[0])) > SMALLEST.get(name, USUAL)
    told = f"{first} {second if follows == 'worth' else ''}"
    assert not re.search(r"\bp\b ?[=<]?", told)


def test_what_is_left_out_is_counted_and_stands_on_the_page_that_is_named(tmp_path: Path) -> None:
    report = crowded(tmp_path, only=("decision", "experiments", "criteria", "rest"), **CASES["nine experiments"])
    pages = [words(page) for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages]
    for told, there in (
        (r"4 more criteria, none with a worse outcome: .*?\. Page (\d+)", "Criteria as saved with the run"),
        (r"\d+ more findings, none of more weight\. Page (\d+)", "What follows, too"),
        (r"5 more stated figures\. Page (\d+)", "Beside page one"),
        (
            r"Renewing every certificate .*? failed .*? of \d[\d ]* .*? (\d+) Undoing",
            "Renewing every certificate – Clock.",
        ),
    ):
        found = re.search(told, pages[0])
        assert found, (told, pages[0])
        assert there in pages[int(found[1]) - 1]
    rest = [block for block in chapter(report, "rest").blocks if isinstance(block, Bullets | StatedFigures)]
    assert isinstance(rest[0], Bullets)
    assert isinstance(rest[1], StatedFigures)
    assert len(rest[1].items) == 5
    columns = next(block for block in chapter(report, "decision").blocks if isinstance(block, Columns))
    shown, more = columns.left
    assert isinstance(shown, Bullets)
    assert isinstance(more, Text)
    assert more.text.startswith(f"{len(rest[0].items)} more findings")
    assert not set(shown.items) & set(rest[0].items)


def test_bad_news_comes_first(tmp_path: Path) -> None:
    order = simulated.plan(trials=4, pairs=[("deploy", "automated"), ("deploy", "manual")])
    lost = {
        n: {"traffic": simulated.traffic(900, hard=3)} for n, item in enumerate(order, 1) if item["arm"] == "automated"
    }
    medians = {("deploy", "manual"): 14.0}
    report = build(read_run(simulated.save(tmp_path, order=order, sample_changes=lost, medians=medians)))
    columns = next(block for block in chapter(report, "decision").blocks if isinstance(block, Columns))
    (shown,) = columns.left
    assert isinstance(shown, Bullets)
    leads = [lead for lead, _ in shown.items]
    assert leads[:2] == ["Hard failures, deployments:", "No gain in machine time per deployment."]


def test_more_criteria_than_have_room_leave_none_out_that_is_worse(tmp_path: Path) -> None:
    usual = simulated.environment([])["criteria"]
    some = [{**usual[0], "id": f"c-{i}", "at_most": 180 if i < 7 else 1} for i in range(9)]
    report = build(read_run(simulated.save(tmp_path, environment_changes={"criteria": some})))
    outcomes = next(block for block in chapter(report, "decision").blocks if isinstance(block, Outcomes))
    assert [row["outcome"] for row in outcomes.rows[:3]] == ["fail", "fail", "does not tell apart"]
    assert outcomes.more == "4 more criteria, none with a worse outcome: 4 does not tell apart."


def test_an_experiment_has_a_row_with_both_ways_and_what_they_lost(tmp_path: Path) -> None:
    report = crowded(tmp_path, len(EXPERIMENTS))
    overview = next(block for block in chapter(report, "decision").blocks if isinstance(block, Overview))
    assert [arm["label"] for arm in overview.arms] == ["Automated", "Runbook by machine"]
    assert [row["title"] for row in overview.rows][:2] == ["Deploying a new version", "Renewing every certificate"]
    deploy, audit = overview.rows[0], next(row for row in overview.rows if row["name"] == "audit")
    assert re.fullmatch(r"\d\d\.\d\u202fs", deploy["cells"][0]["figure"])
    assert deploy["cells"][1]["lost"]
    assert audit["note"] == "answers that are right"
    few = build(read_run(simulated.save(tmp_path / "few")))
    assert not any(isinstance(block, Overview) for block in chapter(few, "decision").blocks)


@pytest.mark.parametrize("count", [2, 6])
def test_no_page_is_nearly_empty_before_the_last(tmp_path: Path, count: int) -> None:
    report = crowded(tmp_path, count, criteria=4, value=VALUE)
    pages = [len(words(page)) for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages]
    assert min(pages[:-1]) > 1000, pages
