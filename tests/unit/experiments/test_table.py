from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pov.config.experiments import Criterion
from pov.experiments import EXPERIMENTS
from pov.experiments.table import MEASURED, NONE, STATED, figures, markdown
from pov.model import catalogue

DOCUMENT = Path(__file__).parents[3] / "docs" / "experiments.md"


@pytest.mark.parametrize("table", [markdown, figures])
def test_the_document_holds_the_table_as_it_is(table: Callable[[], str]) -> None:
    assert table() in DOCUMENT.read_text(), "python -m pov.experiments.table prints it anew"


def rows_of(table: str) -> dict[str, dict[str, str]]:
    """The table's rows by their first cell, each by the table's head."""
    head, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in table.splitlines())
    return {row[0].split("`")[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_a_criterion_may_stand_on_the_figures_of_the_table_in_their_experiments_and_with_their_bound() -> None:
    table = rows_of(figures())
    assert set(table) < set(catalogue.METRICS)
    taken = set()
    for metric, experiment, bound in product(catalogue.METRICS, catalogue.EXPERIMENTS, ("atMost", "atLeast")):
        with suppress(ValueError):
            Criterion.model_validate({"id": "c", "title": "c", "metric": metric, "experiment": experiment, bound: 1})
            taken.add((metric, experiment, bound))
    told = {
        (metric, experiment, row["Bound"])
        for metric, row in table.items()
        for experiment in (catalogue.EXPERIMENTS if row["Experiments"] == "all" else named_in(row["Experiments"]))
    }
    assert taken == told


def named_in(cell: str) -> list[str]:
    return [name.strip(" `") for name in cell.split(",")]


def test_the_criteria_of_the_document_can_be_written_so() -> None:
    (block,) = re.findall(r"^```yaml\n(criteria:.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    first, second = map(Criterion.model_validate, YAML(typ="safe").load(block)["criteria"])
    assert (first.side, first.bound, first.primary_against) == ("at most", 180, "manual")
    assert (second.arm, second.timeout_ms, second.agreed_by) == ("automated", 1000, "")


def test_an_arm_is_measured_or_stated_and_never_both() -> None:
    for name, experiment in catalogue.EXPERIMENTS.items():
        assert not set(experiment.stated) & set(EXPERIMENTS[name].arms)
        assert set(experiment.stated) <= set(catalogue.ARMS)
    by_name = rows_of(markdown())
    assert set(by_name) == set(catalogue.EXPERIMENTS)
    drift = by_name["drift"]
    assert (drift["automated"], drift["automated-poll"], drift["manual"]) == (MEASURED, NONE, STATED)
