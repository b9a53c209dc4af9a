"""What running the platform takes: measured rows and stated ones side by side, each by its origin, none called more."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.reporting.blocks import KeyFigures, Table
from pov.reporting.model import Report, build
from pov.reporting.render import render_pdf
from pov.reporting.standalone.verifier import Verifier
from pov.state.runs import read_run
from pov.workflows.report import attachments
from tests.unit.reporting import simulated
from tests.unit.value.sections import FULL, PLAIN, WHO, changed

ORDER = [
    {"experiment": "unseal", "arm": "automated", "trial": 1},
    {"experiment": "restart", "arm": "automated", "trial": 1},
    {"experiment": "unseal", "arm": "automated", "trial": 2},
    {"experiment": "unseal", "arm": "automated", "trial": 3},
]
SAMPLES: dict[int, dict[str, Any]] = {
    1: {"seconds": 6.0},
    2: {"seconds": 40.0, "figures": {"argocd_seconds": 31.0, "vault_seconds": 9.0}},
    3: {"seconds": 8.0},
    4: {"seconds": None, "ok": False, "error": "broken"},
}
UPGRADE = [{"experiment": "upgrade", "arm": "automated", "trial": trial} for trial in (1, 2)]
UPGRADED: dict[int, dict[str, Any]] = {
    number: {
        "seconds": seconds,
        "figures": {"upgraded_seconds": seconds - 14.0, "delivered_seconds": 14.0},
        "details": {"upgrade": {"from": "v3.6.0", "to": "v3.6.1"}},
    }
    for number, seconds in ((5, 44.0), (6, 48.0))
}
CONTRACT = {
    "id": "contract",
    "title": "A contract for upgrades",
    "kind": "running",
    "yearly": {"low": "900 EUR", "expected": "1200 EUR", "high": "1500 EUR", **WHO},
}


def report_of(folder: Path, order: list[dict[str, Any]], value: object) -> Report:
    samples = SAMPLES | UPGRADED if order[: len(ORDER)] == ORDER else {}
    saved = simulated.save(folder, order=order, sample_changes=samples, environment_changes={"value": value})
    return build(read_run(saved))


def rows_of(report: Report) -> list[tuple[str, ...]]:
    blocks = [block for chapter in report.chapters if chapter.id == "upkeep" for block in chapter.blocks]
    return [
        tuple(cell.replace("\u202f", " ") for cell in row) for b in blocks if isinstance(b, Table) for row in b.rows
    ]


def test_what_was_measured_stands_beside_what_was_stated(tmp_path: Path) -> None:
    rows = rows_of(report_of(tmp_path, ORDER, {**FULL, "costs": [*FULL["costs"], CONTRACT]}))
    assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
        ("Opening Vault again after it was killed", "executed", "7.0 s", "2"),
        ("Restarting the platform itself", "executed", "40.0 s", "1"),
        ("of it: time until Argo CD serves again", "executed", "31.0 s", "1"),
        ("of it: time until Vault serves again", "executed", "9.0 s", "1"),
        ("A contract for upgrades", "stated", "1 200 EUR a year", "–"),
        ("Running the platform", "stated", "0.8 h a week", "–"),
    ]
    assert rows[0][3] == "6.0 – 8.0 s"
    assert rows[0][5].endswith("; 1 failed trial")
    assert "requests failed" in rows[1][5]
    assert rows[4][5] == WHO["by"]


def test_it_is_called_a_restart_and_drawn(tmp_path: Path) -> None:
    report = report_of(tmp_path, ORDER, None)
    chapter = next(chapter for chapter in report.chapters if chapter.id == "upkeep")
    told = json.dumps([block.as_json() for block in chapter.blocks])
    assert "no upgrade" in told
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages
    assert any("Running the platform itself" in page.extract_text() for page in pages)


def told(report: Report) -> str:
    chapter = next(chapter for chapter in report.chapters if chapter.id == "upkeep")
    return json.dumps([block.as_json() for block in chapter.blocks], ensure_ascii=False)


def test_an_upgrade_is_told_with_what_it_was_between_and_what_it_was_not(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*ORDER, *UPGRADE], None)
    rows = rows_of(report)
    assert [(row[0], row[1], row[2], row[4]) for row in rows[-3:]] == [
        ("Upgrading Argo CD by a patch release", "executed", "46.0 s", "2"),
        ("of it: time until Argo CD serves in the new release", "executed", "32.0 s", "2"),
        ("of it: time from a commit made then until every replica serves it", "executed", "14.0 s", "2"),
    ]
    assert "requests failed" in rows[-3][5]
    note = told(report)
    assert (
        "The upgrade was Argo CD's from v3.6.0 to v3.6.1, a patch release: nothing that it keeps was migrated" in note
    )
    assert "no upgrade" not in note


def test_an_upgrade_that_says_nothing_of_its_releases_is_still_called_a_patch_release(tmp_path: Path) -> None:
    changes = {1: {"details": {"upgrade": "another form"}}, 2: {"details": {}}}
    saved = simulated.save(tmp_path, order=UPGRADE, sample_changes=changes, environment_changes={"value": None})
    assert "The upgrade was Argo CD's, a patch release" in told(build(read_run(saved)))


def test_what_was_stated_says_that_nothing_of_it_was_measured(tmp_path: Path) -> None:
    report = report_of(tmp_path, simulated.plan(), FULL)
    assert [row[0] for row in rows_of(report)] == ["Running the platform"]
    chapter = next(chapter for chapter in report.chapters if chapter.id == "upkeep")
    assert "No restart of the platform, no upgrade and no unseal was measured" in json.dumps(
        chapter.blocks[0].as_json()
    )


def test_a_run_with_neither_has_no_such_section(tmp_path: Path) -> None:
    report = report_of(tmp_path, simulated.plan(), PLAIN)
    assert "upkeep" not in [chapter.id for chapter in report.chapters]


def test_hours_that_follow_from_a_measured_time_and_stated_ones_are_called_modelled(tmp_path: Path) -> None:
    measured = {"experiment": "restart", "arm": "automated"}
    (row,) = [row for row in rows_of(report_of(tmp_path, ORDER, changed(FULL, {"activities.1.after.measured": measured,
              "activities.1.volume.expected": 90}))) if row[0] == "Running the platform"]  # fmt: skip
    assert row[1:3] == ("modelled", "1 h a week")


def test_its_arm_is_called_what_it_does_and_not_a_commit(tmp_path: Path) -> None:
    page_one = report_of(tmp_path, ORDER, None).chapters[0]
    cells = {b.title: cell["note"] for b in page_one.blocks if isinstance(b, KeyFigures) for cell in b.cells}
    assert cells == {
        "Opening Vault again after it was killed": "nobody does anything; the cluster starts another",
        "Restarting the platform itself": "a mark in each workload; the cluster does the rest",
    }


def wrong(folder: Path, tamper: Callable[[dict[str, Any]], object]) -> list[str]:
    """What the verifier finds of this section once `tamper` has had the report."""
    run = read_run(simulated.save(folder, order=ORDER, sample_changes=SAMPLES, environment_changes={"value": None}))
    document = json.loads(json.dumps(build(run).as_json()))
    tamper(document)
    out = folder / "out"
    out.mkdir()
    for name, content in attachments(run).items():
        (out / name).write_bytes(content)
    (out / "report.json").write_text(json.dumps(document))
    verifier = Verifier(out)
    verifier.run()
    return [line for line in verifier.wrong if line.startswith("running the platform")]


def drop(document: dict[str, Any]) -> None:
    document["sections"] = [one for one in document["sections"] if one["id"] != "upkeep"]


def add(document: dict[str, Any]) -> None:
    blocks = next(one for one in document["sections"] if one["id"] == "upkeep")["blocks"]
    rows = next(block for block in blocks if block["kind"] == "table")["rows"]
    rows.append(["Upgrading the platform", "executed", "3.0 s", "–", "6", "none of 900 requests failed"])


@pytest.mark.parametrize(("tamper", "found"), [(lambda document: None, False), (drop, True), (add, True)])
def test_a_row_that_nobody_measured_and_a_section_that_went_are_found(
    tmp_path: Path, tamper: Callable[[dict[str, Any]], object], found: bool
) -> None:
    assert bool(wrong(tmp_path, tamper)) is found
