"""The four outcomes of a criterion are printed equally large: none is to be overlooked."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import typst

from pov.base.paths import data
from pov.cli import report
from pov.cli.main import main
from pov.model.events import silent
from pov.reporting import lettering
from pov.reporting.model import build
from pov.reporting.sections.decision import _WORST_FIRST
from pov.state.runs import read_run
from pov.workflows.report import ReportResult
from pov.workflows.runs import RunsOptions, run_show
from tests.unit.reporting import simulated

MEASURED = """
#import "style.typ": *
#import "blocks.typ": chip
#set text(font: FONTS)
#context [#metadata(OUTCOMES.map(one => {
  let all = std.measure(chip(one))
  (one, repr(all.width), repr(all.height))
}))<sizes>]
"""


def test_the_four_outcomes_are_printed_equally_large(tmp_path: Path) -> None:
    for template in data("reports").glob("*.typ"):
        shutil.copyfile(template, tmp_path / template.name)
    page = MEASURED.replace("FONTS", typed(lettering.families([]))).replace("OUTCOMES", typed(_WORST_FIRST))
    (tmp_path / "sizes.typ").write_text(page)
    found = typst.query(
        str(tmp_path / "sizes.typ"), "<sizes>", field="value", one=True, root=str(tmp_path),
        font_paths=lettering.fonts(),
    )  # fmt: skip
    sizes = {outcome: (wide, high) for outcome, wide, high in json.loads(found)}
    assert set(sizes) == {"pass", "fail", "not shown", "does not tell apart"}
    assert len(set(sizes.values())) == 1, sizes


def test_a_criterion_has_one_outcome_on_paper_and_on_every_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of both ways, which the summary keeps as what it is with what it lacks."""
    saved = read_run(simulated.save(tmp_path / ".pov" / "one" / "runs"))
    drawn = build(saved)
    first, second = (next(c for c in drawn.chapters if c.id == name) for name in ("decision", "criteria"))
    row = next(b.as_json()["rows"][0] for b in first.blocks if b.kind == "outcomes")
    table = next(b.as_json()["rows"][0] for b in second.blocks if b.kind == "table")
    assert row["outcome"] == table[4] == "does not tell apart"
    told = report._in_words(ReportResult(drawn.run, drawn.verdict, {}, (), 1.0))
    assert f"DOES NOT TELL APART: {row['title']}" in told
    assert "PASS: Renewing" in told
    shown = run_show(RunsOptions(tmp_path), drawn.run, silent)
    kept = shown.as_json()["criteria"][0]
    assert (kept["outcome"], kept["tells_apart"]) == ("pass", False)
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "show", drawn.run]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("deploy-time"))
    assert re.search(r"does not tell apart +all of 3 trials +pass \(", line)
    assert main(["runs", "list"]) == 0
    assert "1 does not tell apart, 1 pass" in capsys.readouterr().out


def typed(texts: object) -> str:
    """A list as Typst writes it."""
    return json.dumps(list(texts)).replace("[", "(").replace("]", ",)")  # type: ignore[call-overload]
