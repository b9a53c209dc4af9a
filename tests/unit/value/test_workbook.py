"""The workbook's formulas, computed by an evaluator that knows nothing of the model, agree with it to the cent."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.config.value import Value
from pov.model.events import silent
from pov.value.case import Case
from pov.value.plan import plan
from pov.value.workbook import workbook
from pov.workflows.init import InitOptions, run
from pov.workflows.report import ReportOptions
from pov.workflows.report import run as report
from tests.unit.reporting import simulated
from tests.unit.value.recalculated import Recalculated, differing
from tests.unit.value.sections import FULL, PLAIN, case_of, changed, given

DAY = datetime(2026, 3, 9, tzinfo=UTC).replace(tzinfo=None)
# Everything once, and one input with a range: each range adds two columns of formulas to compute.
FEW: dict[str, Any] = changed(FULL, {"activities.0.volume": given(10), "activities.0.redeployed": given(50)})


def written(case: Case) -> bytes:
    return workbook(case, "Acme: what it is worth", DAY)


def cells(content: bytes, sheet: str) -> dict[str, str]:
    """Where a row's label stands."""
    made = openpyxl.load_workbook(io.BytesIO(content))[sheet]
    return {str(row[0].value): row[0].coordinate[1:] for row in made.iter_rows() if row[0].value is not None}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Recalculated]:
    content = written(case_of(FEW))
    return content, Recalculated(tmp_path_factory.mktemp("workbook"), content)


def test_every_formula_agrees_with_the_model_to_the_cent(few: tuple[bytes, Recalculated]) -> None:
    _, recalculated = few
    assert len(recalculated.written) > 500
    assert differing(recalculated.values(), recalculated.written) == {}


@pytest.mark.parametrize(
    ("sheet", "label", "column", "to", "change"),
    [
        ("Inputs", "Deploying: how often", "D", 7, {"activities.0.volume": given(7)}),
        ("Inputs", "Deploying: time then", "C", 5, {"activities.0.after": given(30, 5, 50)}),
        ("Inputs", "Growth of volumes", "D", -10, {"growth": given(-10)}),
        ("Plan", "Price, a year in advance", "B", 77777.77, {"price.yearly": "77777.77 EUR"}),
        ("Plan", "Others", "B", 7, {"waves.1.quarter": 7}),
        ("Plan", "Hours of a stated week today", "B", 4, {"week.before": 4}),
        ("Plan", "Discount rate, % a year", "B", 0, {"discount.percent": 0}),
    ],
)
def test_a_change_goes_through_to_every_result(
    few: tuple[bytes, Recalculated], sheet: str, label: str, column: str, to: float, change: dict[str, Any]
) -> None:
    content, recalculated = few
    ends = ("C", "D", "E") if sheet == "Inputs" and column == "D" else (column,)
    places = {f"{sheet.upper()}!{end}{cells(content, sheet)[label]}": to for end in ends}
    # The same change in the section, written anew: its values are the model's.
    model = openpyxl.load_workbook(io.BytesIO(written(case_of(FEW, change))), data_only=True)
    wanted = {place: model[_name(place)][place.split("!")[1]].value for place in recalculated.written}
    assert differing(recalculated.values(places), wanted) == {}
    assert differing(recalculated.written, wanted) != {}


def _name(place: str) -> str:
    return place.partition("!")[0].capitalize()


def test_the_same_case_gives_the_same_bytes() -> None:
    assert written(case_of(PLAIN)) == written(case_of(PLAIN))


def test_texts_are_never_formulas(tmp_path: Path) -> None:
    odd = '=HYPERLINK("http://example.invalid")'
    content = written(case_of(FULL, {"activities.0.title": odd, "waves.0.title": odd, "risks.0.title": "=1+1"}))
    made = openpyxl.load_workbook(io.BytesIO(content))
    found = [c for sheet in made for row in sheet.iter_rows() for c in row if "HYPERLINK" in str(c.value)]
    assert found
    assert all(cell.data_type == "s" for cell in found)
    assert "externalLink" not in " ".join(zipfile.ZipFile(io.BytesIO(content)).namelist())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"example": True}, "EXAMPLE: these figures were made up"),
        ({"price": {"notGiven": {}}}, "No price was given: every result is before the price."),
    ],
)
def test_the_first_sheet_says_what_it_is(changes: dict[str, Any], told: str) -> None:
    made = openpyxl.load_workbook(io.BytesIO(written(case_of(PLAIN, changes))))["Result"]
    assert str(made["A3"].value).startswith(told)


def test_a_run_gives_its_workbook(tmp_path: Path) -> None:
    path = simulated.save(tmp_path / ".pov" / "one" / "runs", environment_changes={"value": PLAIN})
    result = report(ReportOptions(tmp_path, formats=("xlsx",)), silent)
    assert list(result.paths) == ["xlsx"]
    assert result.paths["xlsx"] == (tmp_path / ".pov/one/reports" / path.name / "report.xlsx").absolute()
    made = openpyxl.load_workbook(result.paths["xlsx"])
    assert made.sheetnames == ["Result", "Inputs", "Plan", "Evaluations"]
    assert made["Result"]["A1"].value == "Proof of value for Example Payments: what it is worth"


@pytest.mark.parametrize(
    ("section", "told"),
    [(None, "no value section"), (changed(PLAIN, {"growth": {}}), "the value section lacks growth")],
)
def test_without_a_case_there_is_no_workbook(tmp_path: Path, section: Any, told: str) -> None:
    simulated.save(tmp_path / ".pov" / "one" / "runs", environment_changes={"value": section})
    with pytest.raises(InvalidInput, match=told):
        report(ReportOptions(tmp_path, formats=("xlsx",)), silent)
    assert not (tmp_path / ".pov/one/reports").exists()


@pytest.mark.matrix
@pytest.mark.timeout(900)
def test_the_reference_engagements_workbook_agrees_to_the_cent(tmp_path: Path) -> None:
    value = load_engagement(run(InitOptions(tmp_path / "acme", example=True), silent).folder).value
    assert value is not None
    recorded = Value.model_validate(json.loads(json.dumps(value.model_dump(mode="json", by_alias=True))))
    recalculated = Recalculated(tmp_path, written(Case(plan(recorded))))
    assert len(recalculated.written) > 3000
    assert differing(recalculated.values(), recalculated.written) == {}
