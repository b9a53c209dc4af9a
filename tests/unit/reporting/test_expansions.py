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


def refused(**changes: Any) -> dict[str, Any]:
    """A refusal as a run keeps it."""
    return {
        "record": "a.json", "kind": "scope", "environment": "gitops-35",
        "figures": {"cpu": 96, "storage_gib": 900, "deal_value": {"amount": "10", "currency": "EUR"}},
        "agreed": {"cpu": 48, "storage_gib": None}, "requested": "2026-11-25T09:00:00.000Z",
        "wished": "a fair in spring", "reviewed_for": ["96 cores"], "by": "pat", "role": "engineer",
        "on": "2026-11-27T12:00:00.000Z", "why": "one cluster was agreed", "until": "2026-12-27T12:00:00.000Z",
        **changes,
    }  # fmt: skip


def blocks_of(folder: Path, **record: Any) -> tuple[Any, ...]:
    report = build(read_run(simulated.save(folder / "runs", environment_changes=record)))
    render_pdf(report, {})
    return next((chapter.blocks for chapter in report.chapters if chapter.id == "expansions"), ())


def test_a_request_that_was_refused_is_a_wish_too(tmp_path: Path) -> None:
    kept = {"refusals": [refused(), refused(kind="iops", figures={}, requested="", wished="")], "left": []}
    blocks = blocks_of(tmp_path, refused=kept)
    (table,) = (block for block in blocks if isinstance(block, Table))
    nothing = "storage gib 900 (agreed: nothing), deal value 10 EUR (agreed: nothing)"
    assert table.rows[0] == (
        f"More than the agreed scope: cpu 96 (agreed: 48), {nothing}",
        "2026-11-25: a fair in spring",
        "pat (engineer), 2026-11-27, until 2026-12-27",
        "one cluster was agreed",
    )
    assert table.rows[1][:2] == ("More operations a second than the offering allows by itself", "none is kept")
    both = blocks_of(tmp_path / "both", refused=kept, expansions=wishes(tmp_path))
    assert [len(block.rows) for block in both if isinstance(block, Table)] == [2, 2]


def test_refusals_that_do_not_count_are_told_with_the_reason(tmp_path: Path) -> None:
    blocks = blocks_of(tmp_path, refused={"refusals": [], "left": ["a.json: it is not signed"]})
    assert isinstance(blocks[-1], Text)
    assert blocks[-1].text.endswith("by this machine's own list of signers: a.json: it is not signed.")


@pytest.mark.parametrize("kept", [None, {}, "no", {"refusals": "x", "left": 3}])
def test_without_a_refusal_there_is_no_page(tmp_path: Path, kept: object) -> None:
    assert blocks_of(tmp_path, refused=kept) == ()


@pytest.mark.parametrize("kept", [{"refusals": [3]}, {"refusals": [refused(figures=7, by=None, on=None, role=[])]}])
def test_a_damaged_refusal_stops_nothing(tmp_path: Path, kept: object) -> None:
    assert len(blocks_of(tmp_path, refused=kept)) == 3
