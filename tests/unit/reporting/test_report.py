"""Every kind of run gives a report that says what it is; nothing crashes, nothing is invented."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pov.model.reading import V1
from pov.reporting.blocks import Text
from pov.reporting.model import Report, build
from pov.reporting.render import render_pdf
from pov.reporting.sections import SECTIONS
from pov.reporting.sections.experiments import log_axis
from pov.state.runs import HEAD, OLD_GENESIS, digest_of, read_run
from pov.workflows.report import attachments
from tests.pictures import pictures
from tests.unit.reporting import simulated

ODD = "#eval(1) *x* \x00\x1b[31m \u202e <a> $y$ " + "w" * 400
MISSING = dict.fromkeys(
    ("engagement", "baseline", "criteria", "plan", "versions", "machine", "traffic", "scope", "scenario", "order_seed")
)
SCRIPTS = "株式会社サンプル, شركة المثال, בע״מ, บริษัท, 주식회사, कंपनी"
ACME = {
    "name": "acme-shell",
    "label": "Acme's scripts",
    "note": "as in their wiki",
    "mark": "square",
    "colour": "#123456",
}
STALLED = {"traffic": simulated.traffic(900, late=3, excused=3, stalls=2)}
GIVEN = {"origin": "customer", "path": "books/a.yml", "digest": "ab" * 32, "by": "C. Example", "when": "2026-03-01"}
PAIR = {
    "by": "sam",
    "reviewer": "kim",
    "sittings": [{"role": "author", "by": "sam", "seconds": 40.0}, {"role": "reviewer", "by": "kim", "waited_s": 25.0}],
}
HANDS = {"hands_on_seconds": 48.7, "failed_commands": 2}
WAYS = ("automated", "manual")
LEFT = {"killed_at_percent": 35.0, "killed_at_seconds": 7.2, "left_old": 2.0, "left_new": 2.0, "late_until_good": 3.0}
RUNS: dict[str, dict[str, Any]] = {
    "theirs in part": {"environment_changes": {"runbooks": {"deploy": GIVEN, "rotate": {"origin": "example"}}}},
    "theirs by nobody": {
        "environment_changes": {"runbooks": {"deploy": {**GIVEN, "by": ""}, "rotate": {**GIVEN, "digest": ""}}}
    },
    "stalled": {"sample_changes": dict.fromkeys(range(1, 16), STALLED)},
    "failures": {"sample_changes": {i: {"traffic": simulated.traffic(900, hard=3, late=1)} for i in range(1, 16)}},
    "blind": {"sample_changes": {16: {"traffic": simulated.traffic(120)}}},
    "example": {"environment_changes": {"baseline": [{**simulated.environment([])["baseline"][0], "example": True}]}},
    "people": {
        "sample_changes": {
            1: {"arm": "person", "origin": "person", "seconds": 133.0, "figures": HANDS, "details": {"by": "sam"}},
            2: {"arm": "person", "origin": "person", "seconds": 241.5, "figures": HANDS, "details": {"by": "kim"}},
            3: {"arm": "person", "origin": "simulated", "seconds": 9.0, "figures": HANDS, "details": {"by": "x"}},
            4: {"arm": "person", "origin": "person", "ok": False, "error": "given up", "details": {"by": "sam"}},
        }
    },
    "two persons": {
        "sample_changes": {
            1: {"arm": "person-reviewed", "origin": "person", "figures": HANDS, "details": PAIR},
            2: {"arm": "person-reviewed", "origin": "person", "details": {**PAIR, "reviewer": "ann"}},
            3: {"arm": "person-reviewed", "origin": "simulated", "figures": HANDS, "details": PAIR},
            4: {"arm": "person", "origin": "person", "seconds": 133.0, "details": {"by": "kim"}},
        }
    },
    "whole": {},
    "theirs": {
        "environment_changes": {
            "runbooks": {"deploy": GIVEN, "rotate": GIVEN},
            "criteria": [
                {**item, "agreed_by": "B. Example", "agreed_on": "2026-03-01"}
                for item in simulated.environment([])["criteria"]
            ],
        }
    },
    "poll faster": {"medians": {("deploy", "automated-poll"): 10.0}},
    "loads": {
        "order": [*simulated.plan(), {"experiment": "rotate", "arm": "placebo", "trial": 1}],
        "sample_changes": {i: {"traffic": simulated.traffic(900, stalls=2)} for i in range(10, 16)},
    },
    "edited": {},
    "an arm of their own": {
        "order": simulated.plan(pairs=[("deploy", "automated"), ("deploy", "manual"), ("deploy", "acme-shell")]),
        "environment_changes": {"catalogue": {"arms": [ACME]}},
    },
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
    "killed half-way, and errors": {
        "order": [
            {"experiment": name, "arm": arm, "trial": trial}
            for name, arms in (("interrupted", ("automated", "manual", "scripted")), ("rollback-errors", WAYS))
            for arm in arms
            for trial in (1, 2, 3, 4)
        ],
        "sample_changes": {
            **{i: {"figures": {**LEFT, "hard_until_good": i, "left_broken": float(i % 3)}} for i in range(1, 13)},
            **{i: {"figures": {"error_rate_percent": 20.0, "errors_seen_percent": 18.5}} for i in range(13, 21)},
        },
        "environment_changes": {
            "criteria": [
                {"id": f"c{i}", "title": title, "experiment": "interrupted", "arm": arm, "metric": metric, "at_most": 9}
                for i, (title, arm, metric) in enumerate(
                    (
                        ("Good again in time", "automated", "median_seconds"),
                        ("Little is left broken", "manual", "left_broken"),
                        ("Few requests are lost until then", "automated", "hard_until_good"),
                    )
                )
            ]
        },
    },
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
    assert "Experiment by experiment Deploying" in words(reader.pages[1])


PAGE_ONE: dict[str, tuple[str, ...]] = {
    "stalled": (
        "this machine stalled: 9 of 9 late may be excused",
        "not shown",
        "0 hard, 9 late (all while this machine stalled) of 2 700 requests",
        "Late requests, none failed hard, rotations:",
        "control requests came late in 3 of 3 trials",
    ),
    "failures": ("9 hard, 3 late of 2 700 requests", "Hard failures, deployments:", "fail"),
    "blind": ("Not shown that the prober sees failures", "the negative control did not show that the prober sees"),
    "example": ("EXAMPLE: made up to show the form, stated by nobody", "EXAMPLE. Stated, not measured."),
    "whole": (
        "set by this toolkit's scenario, agreed by nobody",
        "does not tell apart",
        "the runbook passes too",
        "An example runbook was executed by a machine",
        "the runbook, 46 hard, 0 late of",
        "Automated, poll only: slower.",
    ),
    "theirs": ("Criterion, agreed by B. Example, 2026-03-01", "The customer's runbook was executed by a machine"),
    "theirs in part": ("The customer's runbook (deployment) and an example runbook (rotation) were executed by",),
    "theirs by nobody": ("An example runbook was executed by a machine",),
    "an arm of their own": (
        "Acme's scripts",
        "as in their wiki",
        "Less machine time per deployment. In every successful trial",
    ),
    "poll faster": ("Automated, poll only: faster.",),
    "loads": ("The operation loads this machine", "in no placebo"),
    "edited": ("environment.json: is not the one that was saved before the first sample",),
    "nothing worked": ("no successful trial", "15 trials failed"),
}


@pytest.mark.parametrize("name", PAGE_ONE)
def test_page_one_says_what_was_found_and_what_was_not(tmp_path: Path, name: str) -> None:
    path = simulated.save(tmp_path, **RUNS[name])
    if name == "edited":
        text = (path / "environment.json").read_text()
        (path / "environment.json").write_text(text.replace('"at_most": 180', '"at_most": 190'))
    first = words(pypdf.PdfReader(io.BytesIO(render_pdf(build(read_run(path)), {}))).pages[0])
    said = re.sub(r"(\w)- (\w)", r"\1\2", first).replace("\u202f", " ").replace("’", "'")
    assert [text for text in PAGE_ONE[name] if text not in said] == [], said
    if name != "theirs":
        assert "agreed by B." not in said
    if name not in {"theirs", "theirs in part"}:
        assert "customer's runbook" not in said


def test_a_run_of_version_1_still_becomes_a_report(tmp_path: Path) -> None:
    path = simulated.save(tmp_path)
    head, lines = OLD_GENESIS, []
    for line in (path / "samples.jsonl").read_text().splitlines():
        new = json.loads(line)
        counts = new.pop("traffic")["operation"]
        flat = {"requests": counts["requests"], "failed_requests": counts["hard"]}
        old = {**new, "schema": V1, "details": {}, **flat, "handshakes": 9, "failed_handshakes": 0, "prev": head}
        head = digest_of(old)
        lines.append(json.dumps({**old, "digest": head}))
    (path / "samples.jsonl").write_text("\n".join(lines) + "\n")
    (path / "summary.json").unlink()
    (path / HEAD).unlink()
    report = build(read_run(path))
    assert report.facts.problems == ()
    told = json.dumps(report.as_json(), ensure_ascii=False)
    assert "hard and late not told apart" in told
    assert '"0 in all"' in told, "its requests and handshakes trial by trial"
    assert report.verdict[1].startswith("PASS: Renewing every certificate")
    render_pdf(report, {})


def test_a_thousand_trials_are_summed_up_and_drawn(tmp_path: Path) -> None:
    """How long that takes is the benchmark's to show (`python -m tests.benchmarks.statistics`)."""
    saved = read_run(simulated.save(tmp_path, order=simulated.plan(trials=200)))
    assert len(saved.samples) >= 1000
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(build(saved), {}))).pages
    assert "200" in "".join(words(page) for page in pages)


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
    pages = pictures(build(read_run(simulated.save(tmp_path))), ppi=40)
    assert len(pages) > 1
    assert all(page.startswith(b"\x89PNG") for page in pages)


def test_sections_have_names_of_their_own() -> None:
    assert len({section.id for section in SECTIONS}) == len(SECTIONS)


PAIRS = [*simulated.MEDIANS, ("deploy", "automated-again")]


@pytest.mark.parametrize(
    "run",
    [
        {"order": simulated.plan(trials=6, pairs=PAIRS)},
        {"order": simulated.plan(trials=6, pairs=[("rotate", "automated"), ("rotate", "manual")])},
    ],
)
def test_no_p_stands_before_page_three(tmp_path: Path, run: dict[str, Any]) -> None:
    saved = read_run(simulated.save(tmp_path, **run))
    pages = [words(page) for page in pypdf.PdfReader(io.BytesIO(render_pdf(build(saved), attachments(saved)))).pages]
    told = [number for number, page in enumerate(pages, 1) if "0.0022" in page or "p by Holm" in page]
    assert told
    assert min(told) >= 3
    assert not re.search(r"\bp\b ?[=<]?", " ".join(pages[:2]))


def test_a_page_an_experiment_and_what_this_machine_can_tell_on_page_one(tmp_path: Path) -> None:
    order, medians = simulated.plan(trials=6, pairs=PAIRS), {("deploy", "automated-again"): 24.0}
    saved = read_run(simulated.save(tmp_path, order=order, medians=medians))
    report = build(saved)
    pages = [words(page) for page in pypdf.PdfReader(io.BytesIO(render_pdf(report, attachments(saved)))).pages]
    assert "automated against itself (A/A, 6 and 6 trials) leaves a ratio of up to 1." in pages[0]
    for page, title in ((pages[1], "Deploying a new version"), (pages[2], "Renewing every certificate")):
        for text in (title, "Clock.", "Trials.", "Statistics.", "interval", "(primary)", "Failures by cause"):
            assert text in page
    assert "Automated, again" in pages[1]
    assert "Automated, again" not in pages[0]
    unmeasured = " ".join(
        block.text for block in build_of(tmp_path / "b").chapters[0].blocks if isinstance(block, Text)
    )
    assert "Smallest difference that this machine can tell. Not measured" in unmeasured


def build_of(folder: Path) -> Report:
    return build(read_run(simulated.save(folder)))


def test_intervals_that_fall_short_are_told(tmp_path: Path) -> None:
    order = simulated.plan(trials=4, pairs=[("deploy", "automated"), ("deploy", "manual")])
    wide = {
        position: {"seconds": 20.0 * 3.0**position} for position, item in enumerate(order, 1) if item["arm"] == "manual"
    }
    report = build(read_run(simulated.save(tmp_path, order=order, sample_changes=wide)))
    told = json.dumps(report.as_json(), ensure_ascii=False)
    assert "the arms spread unequally. In simulation, intervals of this kind covered" in told
    three = build(read_run(simulated.save(tmp_path / "b", order=order[:6])))
    assert "No interval for the runbook to automated: 3 and 3 values" in json.dumps(three.as_json())


@pytest.mark.parametrize(
    ("low", "high", "axis"),
    [
        (1.0, 1.0, (1, 2)),
        (0.9, 3.2, (0.5, 1, 2, 5)),
        (1.0, 17.0, (1, 2, 5, 10, 20)),
        (0.02, 700.0, (0.01, 0.1, 1, 10, 100, 1000)),
    ],
)
def test_a_logarithmic_axis_holds_both_ends(low: float, high: float, axis: tuple[float, ...]) -> None:
    assert log_axis(low, high) == pytest.approx(axis)
