"""Wishes outside the agreed scope: read with care, told on a page of their own, in no other figure."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.reporting.blocks import Table, Text
from pov.reporting.model import build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from tests.unit.reporting import simulated

BEGINS = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
proof: {services: [payment-gateway]}
"""
WHOLE = """\
expansions:
  - id: second-region
    title: A second region
    by: Ines Weber
    when: 2026-10-01
    outside: one region was agreed
    takes: a second cluster, and replication of Vault
    cost: {low: 20000 EUR, expected: 30000 EUR, high: 50000 EUR, by: Jo Smith, when: 2026-10-02, source: quote 9}
    decides: B. Example
    until: 2026-12-01
  - {id: sso, title: Single sign-on, by: Ines Weber, when: 2026-10-03, outside: no log-in of people was agreed}
"""


def wishes(folder: Path) -> list[dict[str, Any]]:
    (folder / "engagement.yaml").write_text(BEGINS + WHOLE)
    return [wish.model_dump(mode="json") for wish in load_engagement(folder).expansions]


def test_each_wish_is_a_row_of_its_own_page(tmp_path: Path) -> None:
    changes = {"expansions": wishes(tmp_path)}
    report = build(read_run(simulated.save(tmp_path / "runs", environment_changes=changes)))
    blocks = next(chapter.blocks for chapter in report.chapters if chapter.id == "expansions")
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["A second region", "Single sign-on"]
    first, second = (tuple(cell.replace("\u202f", " ") for cell in row) for row in table.rows)
    assert first[1:3] == ("Ines Weber, 2026-10-01", "one region was agreed")
    told = "30 000 EUR (20 000 – 50 000), stated (quote 9; Jo Smith, 2026-10-02)"
    assert first[3] == f"a second cluster, and replication of Vault. {told}"
    assert first[4] == "B. Example, 2026-12-01"
    assert second[3:] == ("Not estimated", "nobody is named, no date is set")
    assert isinstance(blocks[-1], Text)
    assert blocks[-1].text == "For 1 wish nobody is named to decide, or no day is set."
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages]
    (page,) = (page for page in pages if "A second region" in page)
    assert "Wishes outside the agreed scope" in page
    others = [chapter.blocks for chapter in report.chapters if chapter.id != "expansions"]
    elsewhere = [block.as_json() for blocks in others for block in blocks]
    assert "30\u202f000" not in json.dumps(elsewhere, ensure_ascii=False)


@pytest.mark.parametrize("expansions", [[], None, "no", [3]])
def test_without_a_wish_there_is_no_page_and_a_damaged_record_stops_nothing(tmp_path: Path, expansions: object) -> None:
    report = build(read_run(simulated.save(tmp_path, environment_changes={"expansions": expansions})))
    there = "expansions" in [chapter.id for chapter in report.chapters]
    assert there is (expansions == [3])
    render_pdf(report, {})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    by: Ines Weber\n", "", "by"),
        ("    outside: one region was agreed\n", "", "outside"),
        ("high: 50000 EUR", "high: 50000 USD", "mixes currencies"),
        ("high: 50000 EUR", "high: 10 EUR", "must be at least `expected`"),
        ("by: Jo Smith, ", "", "has no owner"),
        ("expected: 30000 EUR, ", "", "a range needs what is expected"),
        ("until: 2026-12-01", "until: 2026-09-01", "is before the wish"),
        ("id: sso", "id: second-region", "is named twice"),
        ("title: Single sign-on", 'title: ""', "title"),
    ],
)
def test_a_wish_that_is_not_told_in_full_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in WHOLE
    (tmp_path / "engagement.yaml").write_text(BEGINS + WHOLE.replace(old, new, 1))
    with pytest.raises(InvalidInput) as caught:
        load_engagement(tmp_path)
    problems = [str(problem) for problem in caught.value.problems]
    assert any(told in problem and "engagement.yaml:" in problem for problem in problems), problems
