"""What a run keeps of its engagement: the customer, and the scope up to the page of its report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pov.config.engagement import load_engagement
from pov.config.offering import shipped
from pov.config.schema import json_schema
from pov.model.events import silent
from pov.reporting.scope_page import blocks
from pov.workflows.init import InitOptions, run
from pov.workflows.record import _engagement, _scope

STARTED = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_run_keeps_who_the_customer_is_as_the_file_says_it(tmp_path: Path) -> None:
    folder = run(InitOptions(tmp_path / "acme", customer="Acme Bank"), silent).folder
    file = folder / "engagement.yaml"
    assert (
        "kept with every run"
        in json_schema("engagement")["$defs"]["Customer"]["properties"]["industry"]["description"].lower()
    )
    for industry in ("", "Banking"):
        file.write_text(file.read_text().replace('industry: ""', f'industry: "{industry}"'))
        kept = _engagement(load_engagement(folder))
        assert kept == {"name": "acme", "customer": {"name": "Acme Bank", "industry": industry}}


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
