"""The controls' page in a report, and that a PDF with it is drawn again from its attachments alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.base.clock import SYSTEM_CLOCK
from pov.model.events import silent
from pov.reporting.model import build
from pov.state.attested import Attested
from pov.state.compliance import newest
from pov.state.home import Home
from pov.state.runs import read_run
from pov.workflows import report
from pov.workflows.compliance import kept
from pov.workflows.controls.control import MET, NOT_MET, Finding
from pov.workflows.controls.register import CONTROLS
from pov.workflows.verify import VerifyOptions
from pov.workflows.verify import run as verify
from tests.unit.reporting import simulated


def looked(root: Path, result: str = MET) -> bytes:
    """Have every control of environment `one` come out so; what is kept of it."""
    found = tuple((control, Finding(result, f"seen of {control.number}")) for control in CONTROLS)
    kept(Home(root / ".pov" / "one"), "one", found, SYSTEM_CLOCK)
    path = newest(root / ".pov" / "one")
    assert path is not None
    return path.read_bytes()


def chapter(root: Path, controls: bytes) -> list[dict[str, Any]]:
    """The blocks of the page, none without one."""
    run = read_run(simulated.save(root / ".pov" / "one" / "runs"))
    found = build(run, attested=replace(Attested(), controls=controls)).as_json()["sections"]
    return next((one["blocks"] for one in found if one["id"] == "compliance"), [])


def test_each_control_has_its_row_with_what_was_not_looked_at(tmp_path: Path) -> None:
    blocks = chapter(tmp_path, looked(tmp_path, NOT_MET))
    assert blocks[0]["text"].startswith("12 controls on environment one, ")
    assert blocks[0]["text"].endswith("12 not met.")
    rows = blocks[1]["rows"]
    assert [row[0] for row in rows] == [f"{one.standard} {one.number}" for one in CONTROLS]
    for row, control in zip(rows, CONTROLS, strict=True):
        assert row[1:4] == [control.asks, NOT_MET, f"Seen of {control.number}"]
        assert row[4].casefold() == control.leaves.casefold()
    assert "no audit and no attestation" in blocks[2]["text"]


def test_a_report_takes_the_newest_result_and_is_drawn_again_from_its_attachments(tmp_path: Path) -> None:
    simulated.save(tmp_path / ".pov" / "one" / "runs")
    looked(tmp_path)
    content = looked(tmp_path, NOT_MET)
    made = report.run(report.ReportOptions(tmp_path), silent).paths["pdf"]
    path = newest(tmp_path / ".pov" / "one")
    assert path is not None
    assert path.read_bytes() == content
    path.unlink()  # nothing but the PDF is left of it
    found = verify(VerifyOptions(tmp_path, target=str(made)), silent)
    assert not found.wrong
    assert any("the same to the last byte" in one for one in found.checked)


def test_without_a_result_there_is_no_such_page(tmp_path: Path) -> None:
    assert chapter(tmp_path, b"") == []


@pytest.mark.parametrize(
    "damage", [b"{", b"[]", b"7", b'{"schema": "other"}', b'{"schema": "pov.dev/compliance/v1"}', b"\xff"]
)
def test_a_damaged_result_is_told_and_stops_no_report(tmp_path: Path, damage: bytes) -> None:
    (block,) = chapter(tmp_path, damage)
    assert block["kind"] == "callout"
    assert "cannot be read" in block["title"]


@pytest.mark.parametrize("value", [None, 7, "x", [1, None], {"met": "x"}])
@pytest.mark.parametrize("key", ["counts", "checked", "environment", "controls"])
def test_a_bent_result_stops_no_report(tmp_path: Path, key: str, value: Any) -> None:
    document = json.loads(looked(tmp_path))
    document[key] = value
    assert chapter(tmp_path, json.dumps(document).encode())
