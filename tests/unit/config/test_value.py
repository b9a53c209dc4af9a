"""The value section of an engagement file: every problem at once, with its line and remedy."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pov.base.errors import InvalidInput
from pov.base.money import Money, parse, rounded
from pov.config.engagement import load_engagement
from pov.config.schema import json_schema
from pov.config.value import Value
from pov.model.events import silent
from pov.workflows.init import InitOptions, run
from tests.unit.value.sections import FULL, PLAIN, WHO, changed, given

ENGAGEMENT = {
    "apiVersion": "pov.dev/v1",
    "kind": "Engagement",
    "name": "acme",
    "customer": {"name": "株式会社サンプル"},
    "proof": {"services": ["ledger"]},
}
ALL_AT_ONCE = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme}
proof: {services: [ledger]}
value:
  currency: EUR
  asOf: 2026-11-01
  services: 10
  activities:
    - id: deploys
      title: Deploying
      volume: {expected: -3, by: Jo, when: 2026-10-01}
      before: {expected: 45, when: 2026-10-01}
      after: {low: 9, expected: 5, high: 4, by: Jo, origin: modelled}
      rate: opps
      frees: hard
  rates:
    - {id: ops, title: Operations, hour: {expected: 0 EUR, by: Jo, when: 2026-10-01}}
    - {id: dev, title: Engineering, hour: {expected: 80 USD, by: Jo, when: 2026-10-01}}
  incidents:
    - id: expiry
      title: Expired
      perYear: {expected: 3, by: Jo, when: 2026-10-01}
      cost: {expected: -5 EUR, by: Jo, when: 2026-10-01}
      avoided: {expected: 120, by: Jo, when: 2026-10-01}
  price: {yearly: 100 EUR, source: quote 7, by: Jo, when: 2026-09-01, validUntil: 2026-10-31}
  waves: [{title: A, quarter: 3, services: 8}, {title: B, quarter: 2, services: 8}]
  growth: {expected: 3, by: Jo, when: 2026-10-01}
  discount: {percent: 101, by: Jo, when: 2026-10-01}
"""
EXPECTED = [
    (11, "activities.1.budgetLine: a hard saving is a budget line that falls", "frees: soft"),
    (13, "activities.1.volume.expected: must be from 0 to 1000000000, not -3", "mend"),
    (14, "activities.1.before.by: has no owner", "name who answers"),
    (15, "activities.1.after.source: a modelled figure needs what it rests on", "sentence"),
    (15, "activities.1.after.low: must be at most `expected`, which is 5", "smaller"),
    (15, "activities.1.after.high: must be at least `expected`, which is 5", "greater"),
    (16, "activities.1.rate: no rate `opps`", "did you mean `ops`?"),
    (19, "rates.1.hour.expected: a rate of zero makes every hour worthless", "what an hour costs"),
    (20, "rates.2.hour.expected: is in USD, the model is in EUR", "convert it"),
    (25, "incidents.1.cost.expected: must be from 0 to 1000000000000, not -5 EUR", "mend"),
    (26, "incidents.1.avoided.expected: must be from 0 to 100, not 120", "mend"),
    (27, "price.validUntil: the price is stale: it was valid until 2026-10-31, the model is of 2026-11-01", "quote"),
    (28, "waves: migrates 16 services of 10", "each service once"),
    (28, "waves.2.quarter: is before the wave above it", "order of time"),
    (30, "discount.percent: must be from 0 to 100, not 101", "percent a year"),
    (30, "discount.source: a discount rate needs its source", "treasury"),
]


def load(folder: Path, text: str) -> InvalidInput:
    (folder / "engagement.yaml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_engagement(folder)
    return caught.value


def test_every_problem_is_told_at_once_with_its_line_and_remedy(tmp_path: Path) -> None:
    problems = load(tmp_path, ALL_AT_ONCE).problems
    for (line, message, fix), problem in zip(EXPECTED, problems, strict=True):
        assert problem.where == f"{tmp_path / 'engagement.yaml'}:{line}"
        assert problem.message.startswith(f"value.{message}")
        assert fix in problem.fix


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"price": {"yearly": "10 EUR", "source": "q", "by": "Jo", "when": "2026-04-01"}}, "stale: 214 days old"),
        ({"price": {"yearly": "10 EUR", **WHO}}, "a price needs its source"),
        ({"price": {"yearly": "10 EUR", "source": "q", **WHO, "notGiven": {}}}, "there is a price"),
        ({"price": {"yearly": "-10 EUR", "source": "q", **WHO}}, "must not be less than nothing"),
        ({"price": {"yearly": "10 EUR", "source": "q", "when": "2026-10-01"}}, "has no owner"),
        ({"price": {"yearly": "10", "source": "q", **WHO}}, "must be an amount with its currency"),
        ({"price": {"yearly": "10.001 EUR", "source": "q", **WHO}}, "is finer than EUR is paid in"),
        ({"price": {"yearly": "99999999999999 EUR", "source": "q", **WHO}}, "must be at most"),
        ({"activities.0.volume.expected": True}, "must be a number, not True"),
        ({"activities.0.volume.expected": "10"}, "must be a number, not '10'"),
        ({"activities.0.volume.expected": float("nan")}, "finite"),
        ({"activities.0.volume.expected": None}, "a range needs what is expected"),
        ({"activities.0.volume.when": None}, "needs the day of what is stated"),
        ({"activities.0.after.measured": {"experiment": "deploy", "arm": "automated", "metric": "hard_failures"}},
         "hard_failures is no time"),
        ({"activities.0.after.measured": {"experiment": "deploys", "arm": "automated"}}, "no experiment `deploys`"),
        ({"costs": [{"id": "a", "title": "A", "kind": "other"}]}, "needs either `once` or `yearly`"),
        ({"costs": [{"id": "a", "title": "A", "kind": "other", "once": given("1 EUR"), "yearly": given("1 EUR")}]},
         "needs either `once` or `yearly`"),
        ({"rates": [*PLAIN["rates"], *PLAIN["rates"]]}, "`ops` is there twice"),
        ({"growth.expected": -60}, "must be from -50 to 100, not -60"),
        ({"currency": "euro"}, "currency"),
        ({"activities": []}, "at least 1"),
        ({"waves": []}, "at least 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Value.model_validate(changed(PLAIN, changes))


@pytest.mark.parametrize("section", [PLAIN, FULL], ids=["plain", "full"])
def test_a_section_survives_the_record_of_a_run(section: dict[str, Any]) -> None:
    value = Value.model_validate(section)
    recorded = json.loads(json.dumps(value.model_dump(mode="json", by_alias=True)))
    assert Value.model_validate(recorded) == value
    assert value.missing == ()


def test_a_price_to_come_is_no_missing_figure() -> None:
    to_come = {"notGiven": {"by": "Jo", "until": "2026-12-01"}}
    assert Value.model_validate(changed(PLAIN, {"price": to_come})).missing == ()


def test_the_example_is_whole_and_marked_and_the_empty_form_holds_no_figure(tmp_path: Path) -> None:
    example = load_engagement(run(InitOptions(tmp_path / "acme", example=True), silent).folder).value
    assert example is not None
    assert example.example
    assert example.missing == ()
    empty = load_engagement(run(InitOptions(tmp_path / "empty"), silent).folder).value
    assert empty is not None
    assert not empty.example
    assert "activities.1.volume" in empty.missing
    assert "asOf" in empty.missing
    written = (tmp_path / "empty" / "engagement.yaml").read_text().partition("\nvalue:")[2]
    figures = [line for line in written.splitlines() if "expected:" in line]
    assert figures
    assert all("expected: null" in line for line in figures)
    assert not any(code in written.replace("currency: EUR", "") for code in ("EUR,", "EUR}"))


def test_the_published_schema_holds_the_section() -> None:
    schema = json_schema("engagement")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({**ENGAGEMENT, "value": FULL}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**ENGAGEMENT, "value": changed(FULL, {"price.once": "ten EUR"})}, schema)


@pytest.mark.parametrize(
    ("amount", "places", "to"),
    [
        ("1.005", 2, "1.01"),
        ("-1.005", 2, "-1.01"),
        ("2.5", 0, "3"),
        ("2.4999999", 0, "3"),
        ("2.49", 0, "2"),
        ("0.0049", 2, "0"),
        ("-0.001", 2, "0"),
    ],
)
def test_money_is_rounded_half_away_from_zero(amount: str, places: int, to: str) -> None:
    found = rounded(Decimal(amount), places)
    assert str(found) == str(Decimal(to).quantize(Decimal(1).scaleb(-places)))


def test_money_is_read_as_it_is_written() -> None:
    assert str(parse("95.50 EUR")) == "95.50 EUR"
    assert isinstance(parse("100 JPY"), Money)
    with pytest.raises(ValueError, match="finer than JPY"):
        parse("95.5 JPY")
