"""What a report says of who stands behind it, and of how many runs there were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.model.events import silent
from pov.reporting import wording
from pov.reporting.model import Report, build
from pov.state.attested import CRITERIA, RUN, Attested, Signature
from pov.state.ledger import Entry
from pov.state.runs import read_run
from pov.workflows import report
from tests.unit.reporting import simulated

FROZEN = Attested(state="as frozen", at="2026-03-01T10:00:00.000Z", number=1, digest="d" * 64)
ENTRY = Entry("a", "one", "2026-03-02T10:00:00.000Z", "finished", 15, 15, "h" * 64)
_ENDED = "1 of them unfinished or gone"
_NOBODY = "self-attested: nobody else signed criteria or run"
BY_INES = Signature(CRITERIA, "criteria.frozen.json.sig", "ines", "SHA256:abc")


def said(found: Report, section: str) -> str:
    """Everything that a section says."""
    return json.dumps(
        [b.as_json() for c in found.chapters if c.id == section for b in c.blocks], ensure_ascii=False
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Attested(), "Criteria were not frozen before this run; self-attested: nobody else signed criteria or run."),
        (FROZEN, "Criteria frozen on 2026-03-01; self-attested: nobody else signed criteria or run."),
        (
            replace(FROZEN, changes=("x: frozen as 1, now 2",)),
            f"Criteria frozen on 2026-03-01; this run was measured against others: exploratory; {_NOBODY}.",
        ),
        (
            replace(FROZEN, signatures=(BY_INES,)),
            "Criteria frozen on 2026-03-01; the criteria alone countersigned by ines.",
        ),
        (
            replace(FROZEN, signatures=(BY_INES, replace(BY_INES, of=RUN))),
            "Criteria frozen on 2026-03-01; criteria and run countersigned by ines.",
        ),
        (
            replace(FROZEN, signatures=(replace(BY_INES, by="", why="forged"),)),
            "Criteria frozen on 2026-03-01; self-attested: nobody else signed criteria or run.",
        ),
        (
            replace(FROZEN, runs=(ENTRY, replace(ENTRY, run="r", state="unfinished"))),
            f"Criteria frozen on 2026-03-01; {_NOBODY}. Run 2 of 2 since, {_ENDED}.",
        ),
    ],
)
def test_page_one_says_who_stands_behind_it(found: Attested, sentence: str) -> None:
    assert wording.attestation(found, "r") == sentence


def test_every_run_is_listed_and_this_one_is_marked(tmp_path: Path) -> None:
    runs = tmp_path / ".pov" / "one" / "runs"
    cut = simulated.save(runs, stop_after=3, finish=False)
    whole = simulated.save(runs)
    result = report.run(report.ReportOptions(tmp_path, run=whole.name), silent)
    document = json.loads(result.paths["json"].read_text())
    evidence = json.dumps(next(s for s in document["sections"] if s["id"] == "evidence"), ensure_ascii=False)
    assert f"→ {whole.name}" in evidence
    assert f'"{cut.name}", "one", "2026-03-09 09:30", "3 of 15", "unfinished"' in evidence
    assert " of 2 here, 1 of them unfinished or gone" in json.dumps(document["sections"][0])


def test_a_report_without_a_countersignature_is_called_self_attested(tmp_path: Path) -> None:
    saved = read_run(simulated.save(tmp_path))
    assert "Self-attested." in said(build(saved), "evidence")
    signed = replace(FROZEN, signatures=(BY_INES, replace(BY_INES, of=RUN)), runs=())
    told = said(build(saved, attested=signed), "evidence")
    assert "Self-attested." not in told
    assert "SHA256:abc" in told


def test_a_second_freeze_is_told_with_its_reason(tmp_path: Path) -> None:
    again = replace(FROZEN, number=2, because="their network is slower", changes=("x: frozen as 1, now 2",))
    told = said(build(read_run(simulated.save(tmp_path)), attested=again), "evidence")
    assert "as version 2, because: their network is slower" in told
    assert "Exploratory." in told
    assert "x: frozen as 1, now 2" in told


def test_what_is_wrong_with_signatures_is_told_on_page_one(tmp_path: Path) -> None:
    found = replace(FROZEN, problems=("criteria.frozen.json.sig: not a signature over these data",))
    told = said(build(read_run(simulated.save(tmp_path)), attested=found), "decision")
    assert "criteria.frozen.json.sig: not a signature over these data" in told


def test_a_pass_that_tells_nothing_is_not_called_a_pass(tmp_path: Path) -> None:
    medians: dict[tuple[str, str], float] = {("deploy", "manual"): 20.0}
    found = build(read_run(simulated.save(tmp_path, medians=medians)))
    outcomes: dict[str, Any] = next(b.as_json() for b in found.chapters[0].blocks if b.kind == "outcomes")
    assert outcomes["rows"][0]["outcome"] == "does not tell apart"
    assert outcomes["rows"][1]["outcome"] in {"pass", "fail", "not shown"}
    assert outcomes["rows"][0]["reason"].startswith("the runbook passes too (")
