"""What a run keeps of its engagement's scope, up to the page of its report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pov.config.engagement import load_engagement
from pov.config.offering import shipped
from pov.model.events import silent
from pov.reporting.scope_page import blocks
from pov.workflows.init import InitOptions, run
from pov.workflows.record import _scope

STARTED = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_run_keeps_what_follows_from_the_scope_on_its_day(tmp_path: Path) -> None:
    folder = run(InitOptions(tmp_path / "acme"), silent).folder
    assert _scope(None, STARTED) is None
    assert _scope(load_engagement(folder), STARTED) is None
    (tmp_path / "own.yaml").write_text(shipped().read_text().replace("below: 100000}", "below: 1000000}"))
    with (folder / "engagement.yaml").open("a") as file:
        file.write("scope: {offering: ../own.yaml, users: 400000, cpu: 96}\n")
    kept = _scope(load_engagement(folder), STARTED)
    assert kept is not None
    assert (kept["on"], kept["size"]["name"], kept["needs"]) == ("2026-11-28", "Medium", ["scope"])
    said = " ".join(str(block.as_json()) for block in blocks(kept))
    assert "96 CPU cores are asked for and 64 are allowed" in said
