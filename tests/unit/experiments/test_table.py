from __future__ import annotations

from pathlib import Path

from pov.experiments import EXPERIMENTS
from pov.experiments.table import MEASURED, NONE, STATED, markdown
from pov.model import catalogue

DOCUMENT = Path(__file__).parents[3] / "docs" / "experiments.md"


def test_the_document_holds_the_table_as_it_is() -> None:
    assert markdown() in DOCUMENT.read_text(), "python -m pov.experiments.table prints it anew"


def test_an_arm_is_measured_or_stated_and_never_both() -> None:
    for name, experiment in catalogue.EXPERIMENTS.items():
        assert not set(experiment.stated) & set(EXPERIMENTS[name].arms)
        assert set(experiment.stated) <= set(catalogue.ARMS)
    head, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in markdown().splitlines())
    by_name = {row[0].split("`")[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert set(by_name) == set(catalogue.EXPERIMENTS)
    drift = by_name["drift"]
    assert (drift["automated"], drift["automated-poll"], drift["manual"]) == (MEASURED, NONE, STATED)
