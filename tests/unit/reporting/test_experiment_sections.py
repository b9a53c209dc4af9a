"""Sections that one experiment alone has: what its trials recorded, what is stated, nothing where it did not run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.model.words import Words
from pov.reporting.blocks import KeyFigures, Table, Text
from pov.reporting.model import Chapter, Report, build
from pov.reporting.render import render_pdf
from pov.state.runs import read_run
from tests.unit.reporting import simulated

IMAGE = "spec.template.spec.containers[service].image"
OLD, NEW = "localhost/pov/mock:1.0.0", "localhost/pov/mock:1123ab-automated-1"
MEANT = {"service": "ledger", "field": IMAGE, "runs": {"dev": NEW, "prod": OLD}, "asked": {"dev": NEW, "prod": OLD}}
DRIFT: dict[str, Any] = {
    "figures": {"found_seconds": 1.4, "healed_seconds": 21.0},
    "details": {
        "found_by": "Argo CD: its application called the objects out of sync",
        "changes": [
            {
                "kind": "replicas",
                "service": "ledger",
                "was": "1",
                "by_hand": "2",
                "found_s": 1.2,
                "changed_back_s": 4.0,
            },
            {
                "kind": "addition",
                "service": "fees",
                "was": "",
                "by_hand": "A=1",
                "found_s": None,
                "changed_back_s": None,
            },
            {"kind": "image", "service": "fees", "was": OLD, "by_hand": NEW, "found_s": 1.4, "changed_back_s": 4.1},
        ],
        "stages_before": [{**MEANT, "by_hand": []}],
        "stages_changed": [
            {
                "service": "fees",
                "field": IMAGE,
                "runs": {"staging": NEW},
                "asked": {"staging": OLD},
                "by_hand": ["staging"],
            }
        ],
    },
}
ORDER = [{"experiment": "drift", "arm": "automated", "trial": 1}]
INTERVAL = {
    **simulated.environment([])["baseline"][0],
    "id": "drift-interval",
    "figure": "between two looks",
    "value": 30,
    "unit": "days",
    "experiment": "drift",
}


def report_of(tmp_path: Path, sample: Mapping[str, Any], **environment: Any) -> Report:
    path = simulated.save(tmp_path, order=ORDER, sample_changes={1: sample}, environment_changes=environment)
    return build(read_run(path))


def chapter(report: Report, name: str) -> Chapter:
    return next(chapter for chapter in report.chapters if chapter.id == name)


def test_each_change_by_hand_is_a_row_and_stages_stand_beside_each_other(tmp_path: Path) -> None:
    report = report_of(tmp_path, DRIFT)
    changes, before, changed = (b for b in chapter(report, "drift").blocks if isinstance(b, Table))
    assert [row[1:3] for row in changes.rows] == [("replicas", "ledger"), ("addition", "fees"), ("image", "fees")]
    assert changes.rows[1][-2:] == ("not found", "stayed")
    assert "Argo CD" in changes.caption
    assert before.rows[0][-1] == "Git"
    assert "0 that nobody meant" in before.caption
    assert changed.rows[0][-1] == "nobody, in staging"
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages)
    assert "mock:1123ab-automated-1" in text


def test_other_objects_than_services_are_told_with_their_kind_and_what_nobody_meant_comes_first(tmp_path: Path) -> None:
    policy = {**MEANT, "kind": "NetworkPolicy", "service": "only-edges", "by_hand": ["dev"]}
    service = {**MEANT, "kind": "Deployment", "by_hand": []}
    details = {**DRIFT["details"], "stages_before": [service] * 12 + [policy], "written_back_by": ["argocd-controller"]}
    blocks = chapter(report_of(tmp_path, {**DRIFT, "details": details}), "drift").blocks
    changes, before, _ = (block for block in blocks if isinstance(block, Table))
    assert "Written back by argocd-controller, as the cluster notes." in changes.caption
    assert [row[0] for row in before.rows[:2]] == ["NetworkPolicy only-edges", str(MEANT["service"])]
    assert "1 that nobody meant. 1 more are in the sample." in before.caption


def test_an_arm_that_does_not_look_all_the_time_has_its_interval_stated_alone(tmp_path: Path) -> None:
    def told(**environment: Any) -> str:
        blocks = chapter(report_of(tmp_path, DRIFT, **environment), "drift").blocks
        return blocks[-1].text if isinstance(blocks[-1], Text) else ""

    stated = told(baseline=[INTERVAL])
    assert "Runbook by machine: not measured. between two looks: 30 days, stated by A. Example" in stated
    assert "EXAMPLE, stated by nobody" in told(baseline=[{**INTERVAL, "example": True}])
    assert "was not stated, and nothing was measured" in told(baseline=[])


def test_a_trial_that_recorded_nothing_gives_no_row(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"details": {"changes": [3, {"found_s": "x"}], "stages_before": "no"}, "ok": False})
    (changes,) = (block for block in chapter(report, "drift").blocks if isinstance(block, Table))
    assert [row[-2:] for row in changes.rows] == [("–", "–")] * 2
    render_pdf(report, {})


def test_a_run_without_the_experiment_has_no_such_section(tmp_path: Path) -> None:
    report = build(read_run(simulated.save(tmp_path)))
    assert "drift" not in [chapter.id for chapter in report.chapters]


def test_figures_of_its_own_stand_in_a_table_by_arm(tmp_path: Path) -> None:
    (table,) = (block for block in chapter(report_of(tmp_path, DRIFT), "figures").blocks if isinstance(block, Table))
    assert table.head == ("Figure", "Over the trials", "Automated")
    assert [row[0] for row in table.rows] == [
        "time until what Git speaks of was found",
        "time until nothing was left of that",
    ]
    assert table.rows[0][2].startswith("1.4")
    without = report_of(tmp_path / "none", {"figures": {}})
    assert "figures" not in [chapter.id for chapter in without.chapters]


AUDIT: dict[str, Any] = {
    "experiment": "audit",
    "details": {
        "answers": [
            {
                "happened": {"what": NEW, "who": "pov", "when": "2026-03-09T09:30:00.000Z", "approved_by": "reviewer"},
                "answered": {
                    "what": NEW,
                    "who": "pov",
                    "when": "2026-03-09T09:30:01.000Z",
                    "approved_by": "reviewer",
                    "source": "Git and its reviews",
                },
                "right": ["what", "who", "when", "approved_by"],
            },
            {
                "happened": {"what": "replicas 2", "who": "somebody", "when": None, "approved_by": ""},
                "answered": None,
                "right": [],
            },
        ]
    },
}


def test_answers_stand_beside_what_happened(tmp_path: Path) -> None:
    report = report_of(tmp_path, AUDIT)
    (table,) = (block for block in chapter(report, "audit").blocks if isinstance(block, Table))
    assert [row[4] for row in table.rows] == ["right"] * 4 + ["not right"] * 4
    assert table.rows[5][3] == "not told"
    assert table.rows[7][2:4] == ("nobody", "not told")
    render_pdf(report, {})
    damaged = report_of(tmp_path / "damaged", {**AUDIT, "details": {"answers": [3, {"right": 7}, "no"]}})
    render_pdf(damaged, {})


def test_what_is_judged_by_a_figure_shows_it_on_page_one_and_compares_no_seconds(tmp_path: Path) -> None:
    order = [
        {"experiment": "audit", "arm": arm, "trial": trial} for arm in ("automated", "manual") for trial in (1, 2, 3, 4)
    ]
    marks = {"answers_right": 9.0}, {"answers_right": 6.0}
    changes = {i + 1: {"figures": marks[i // 4]} for i in range(8)}
    report = build(read_run(simulated.save(tmp_path, order=order, sample_changes=changes)))
    (figures,) = (block for block in chapter(report, "decision").blocks if isinstance(block, KeyFigures))
    assert [(cell["figure"], cell["unit"]) for cell in figures.cells] == [("9", "answers"), ("6", "answers")]
    assert figures.axis == ()
    assert report.facts.comparisons["audit"] == []
    assert any("what counts is answers that are right" in str(block) for block in chapter(report, "experiments").blocks)
    render_pdf(report, {})


def test_what_was_killed_is_told_like_any_other_experiment(tmp_path: Path) -> None:
    order = [
        {"experiment": "interrupted", "arm": arm, "trial": trial}
        for arm in ("automated", "manual", "scripted")
        for trial in (1, 2, 3, 4)
    ]
    figures = {
        "killed_at_percent": 35.0,
        "killed_at_seconds": 7.2,
        "left_old": 2.0,
        "left_new": 2.0,
        "left_broken": 1.0,
        "hard_until_good": 11.0,
        "late_until_good": 3.0,
    }
    called = {"automated": {"called_done_seconds": 147.0}}
    changes = {i + 1: {"figures": figures | called.get(row["arm"], {})} for i, row in enumerate(order)}
    report = build(read_run(simulated.save(tmp_path, order=order, sample_changes=changes)))
    (table,) = (block for block in chapter(report, "figures").blocks if isinstance(block, Table))
    assert table.head == ("Figure", "Over the trials", "Automated", "Runbook by machine", "Good script")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["point at which it was killed, of its usual time"][1].startswith("35")
    assert rows["replicas left broken"][:2] == ("greatest", "1 replicas")
    assert rows["late requests, from its beginning until all was good"][:2] == ("sum", "12")
    assert rows["time after the clock's end until Argo CD called it done"] == ("median", "147\u202fs", "–", "–")
    (compared, *_) = report.facts.comparisons["interrupted"]
    assert compared.primary
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages)
    assert "Coming through a deployment that is killed half-way" in " ".join(text.split())


def test_the_stated_error_rate_stands_beside_the_one_that_was_seen(tmp_path: Path) -> None:
    order = [{"experiment": "rollback-errors", "arm": arm, "trial": 1} for arm in ("automated", "manual")]
    figures = {"error_rate_percent": 20.0, "errors_seen_percent": 18.5, "live_seconds": 31.0, "failed_live": 64.0}
    changes = {i + 1: {"figures": figures} for i in range(len(order))}
    report = build(read_run(simulated.save(tmp_path, order=order, sample_changes=changes)))
    (table,) = (block for block in chapter(report, "figures").blocks if isinstance(block, Table))
    rows = {row[0]: row[2] for row in table.rows}
    assert rows["stated share of requests that the bad version answers with an error"].startswith("20")
    assert rows["share that it was seen to answer with an error, while every replica served it"].startswith("18.5")
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages)
    assert "Going back from a version that returns errors" in " ".join(text.split())


APPROVED = [("promote", "a second account approves at once"), ("deploy", "No review and no")]


@pytest.mark.parametrize(("name", "told"), APPROVED)
def test_the_page_says_whether_an_approval_is_in_the_clock(tmp_path: Path, name: str, told: str) -> None:
    order = [{"experiment": name, "arm": "automated", "trial": 1}]
    drawn = build(read_run(simulated.save(tmp_path / "runs", order=order))).as_json()
    for section in ("experiments", "method"):
        text = json.dumps(next(one for one in drawn["sections"] if one["id"] == section), ensure_ascii=False)
        assert told in text
    assert "what it takes somebody to read a change and to decide is in no figure here" in text


def test_a_run_of_before_experiments_had_sections_has_its_own_all_the_same(tmp_path: Path) -> None:
    words = Words().as_json()
    for entry in words["experiments"]:
        del entry["section"]
    assert chapter(report_of(tmp_path, DRIFT, catalogue=words), "drift").blocks


def test_a_word_that_is_longer_than_its_column_goes_on_below_and_not_over_the_next_one(tmp_path: Path) -> None:
    """Words on paper end where the column does: what was one word is found in several lines."""
    long = "POV_ADDED_BY_HAND=1129155120533e"
    change = {"kind": "addition", "service": "fees", "was": "", "by_hand": long, "found_s": None}
    details = {**DRIFT["details"], "changes": [change]}
    report = report_of(tmp_path, {**DRIFT, "details": details})
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(report, {}))).pages
    text = "\n".join(page.extract_text() for page in pages).replace("\u200b", "")
    assert long in "".join(text.split())
    assert long not in text
