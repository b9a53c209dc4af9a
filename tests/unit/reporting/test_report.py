"""Every kind of run gives a report that says what it is; nothing crashes, nothing is invented."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.reporting.model import Report, build
from pov.reporting.render import render_pdf, render_png
from pov.reporting.sections import SECTIONS
from pov.state.runs import read_run
from pov.workflows.report import attachments
from tests.unit.reporting import simulated

ODD = "#eval(1) *x* \x00\x1b[31m \u202e <a> $y$ " + "w" * 400
MISSING = dict.fromkeys(
    ("engagement", "baseline", "criteria", "plan", "versions", "machine", "traffic", "scope", "scenario", "order_seed")
)
SCRIPTS = "株式会社サンプル, شركة المثال, בע״מ, บริษัท, 주식회사, कंपनी"
STALLED = {"traffic": simulated.traffic(900, late=3, excused=3, stalls=2)}
RUNS: dict[str, dict[str, Any]] = {
    "stalled": {"sample_changes": dict.fromkeys(range(1, 16), STALLED)},
    "failures": {"sample_changes": {i: {"traffic": simulated.traffic(900, hard=3, late=1)} for i in range(1, 16)}},
    "blind": {"sample_changes": {16: {"traffic": simulated.traffic(120)}}},
    "example": {"environment_changes": {"baseline": [{**simulated.environment([])["baseline"][0], "example": True}]}},
    "whole": {},
    "no gain": {"medians": {("deploy", "manual"): 14.0}},
    "interrupted": {"stop_after": 4, "finish": False},
    "interrupted before the first trial": {"stop_after": 0, "finish": False},
    "failed trials": {"sample_changes": {i: {"ok": False, "seconds": None, "error": "timed out"} for i in (1, 2, 3)}},
    "nothing worked": {"sample_changes": {i: {"ok": False, "seconds": None, "steps": []} for i in range(1, 20)}},
    "only the manual arm": {"order": simulated.plan(pairs=[("deploy", "manual"), ("rotate", "manual")])},
    "one trial": {"order": simulated.plan(trials=1)},
    "many trials": {"order": simulated.plan(trials=60)},
    "no engagement": {"environment_changes": {"engagement": None, "baseline": []}},
    "every script": {"environment_changes": {"engagement": {"customer": {"name": SCRIPTS}}}},
    "nothing recorded": {"environment_changes": MISSING, "control": False},
    "another experiment": {"order": [{"experiment": "drift", "arm": "scripted", "trial": 1}]},
    "no counts": {"sample_changes": {i: {"traffic": None} for i in range(1, 20)}},
    "no steps": {"sample_changes": {i: {"steps": []} for i in range(1, 20)}},
    "odd texts": {"sample_changes": {1: {"ok": False, "error": ODD}}},
    "placebo": {"order": [*simulated.plan(), {"experiment": "rotate", "arm": "placebo", "trial": 1}]},
    "instant": {"sample_changes": {i: {"seconds": 0.0, "steps": []} for i in range(1, 20)}},
}


def report_of(tmp_path: Path, name: str) -> tuple[Report, bytes]:
    saved = read_run(simulated.save(tmp_path, **RUNS[name]))
    report = build(saved)
    return report, render_pdf(report, attachments(saved))


def words(page: pypdf.PageObject) -> str:
    return " ".join(page.extract_text().split())


@pytest.mark.parametrize("name", RUNS)
def test_every_run_becomes_an_accessible_pdf_with_its_files(tmp_path: Path, name: str) -> None:
    report, pdf = report_of(tmp_path, name)
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith("en")
    assert reader.metadata is not None
    assert report.title in (reader.metadata.title or "").replace("\u2068", "").replace("\u2069", "")
    metadata = root["/Metadata"].get_data().decode()
    assert "pdfuaid" in metadata
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    samples = next(iter(tmp_path.glob("*/samples.jsonl"))).read_bytes()
    assert reader.attachments["samples.jsonl"] == [samples]
    assert "environment.json" in reader.attachments
    assert all("Simulated run" in words(page) for page in reader.pages)
    json.dumps(report.as_json(), allow_nan=False)


def test_page_one_holds_the_decision(tmp_path: Path) -> None:
    _, pdf = report_of(tmp_path, "whole")
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    first = words(reader.pages[0])
    assert all(
        f"What {rest}" in first
        for rest in ("was asked", "was measured", "the customer states", "follows", "does not follow")
    )
    assert "45 min" in first
    assert "stated by A. Example, head of operations, 2026-03-02" in first
    assert "Every sample" not in first
    everything = " ".join(words(page) for page in reader.pages)
    assert hashlib.sha256(next(iter(tmp_path.glob("*/samples.jsonl"))).read_bytes()).hexdigest() in everything
    assert set(reader.attachments) == {"samples.jsonl", "summary.json", "environment.json", "criteria.json"}


def test_a_crowded_decision_still_fits_its_page(tmp_path: Path) -> None:
    usual = simulated.environment([])
    many = {
        "baseline": [{**usual["baseline"][0], "id": f"figure-{i}"} for i in range(4)],
        "criteria": [{**usual["criteria"][i % 2], "id": f"criterion-{i}"} for i in range(4)],
    }
    changes = {2: {"ok": False}, 4: {"origin": "person", "arm": "manual", "seconds": 1400.0}}
    saved = read_run(simulated.save(tmp_path, environment_changes=many, sample_changes=changes, finish=False))
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(build(saved), attachments(saved))))
    assert "Not your production" in words(reader.pages[0])
    assert "Every sample Deploying" in words(reader.pages[1])


def test_page_one_says_when_machine_time_shows_no_gain(tmp_path: Path) -> None:
    _, pdf = report_of(tmp_path, "no gain")
    assert "No gain in machine time per deployment" in words(pypdf.PdfReader(io.BytesIO(pdf)).pages[0])


def test_an_interrupted_run_says_so_on_page_one(tmp_path: Path) -> None:
    _, pdf = report_of(tmp_path, "interrupted")
    first = words(pypdf.PdfReader(io.BytesIO(pdf)).pages[0])
    assert "did not end by itself" in first
    assert "5 of 15 planned trials" in first or "4 of 15 planned trials" in first


def test_stated_figures_stand_in_no_table_of_samples(tmp_path: Path) -> None:
    report, _ = report_of(tmp_path, "whole")
    for chapter in report.chapters:
        if chapter.id != "decision":
            assert "45" not in json.dumps([b.as_json() for b in chapter.blocks if b.kind == "stated"])
            assert not any(block.kind == "stated" for block in chapter.blocks)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    saved = read_run(simulated.save(tmp_path))
    first = render_pdf(build(saved), attachments(saved))
    assert first == render_pdf(build(saved), attachments(saved))


def test_a_tampered_run_says_so_on_page_one(tmp_path: Path) -> None:
    path = simulated.save(tmp_path)
    lines = (path / "samples.jsonl").read_text().splitlines()
    (path / "samples.jsonl").write_text("\n".join([*lines[:2], *lines[3:]]) + '\n{"half')
    saved = read_run(path)
    pdf = render_pdf(build(saved), attachments(saved))
    assert "Something is wrong with this run" in words(pypdf.PdfReader(io.BytesIO(pdf)).pages[0])


def test_pages_as_pictures(tmp_path: Path) -> None:
    pages = render_png(build(read_run(simulated.save(tmp_path))), ppi=40)
    assert len(pages) > 1
    assert all(page.startswith(b"\x89PNG") for page in pages)


def test_sections_have_names_of_their_own() -> None:
    assert len({section.id for section in SECTIONS}) == len(SECTIONS)
