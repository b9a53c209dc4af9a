from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from pov.base.errors import InvalidInput
from pov.config.offering import load_offering, shipped
from pov.config.schema import json_schema


def test_the_shipped_offering_is_the_reference_programmes() -> None:
    offering = load_offering()
    assert [(size.name, size.users.below, size.component, size.review) for size in offering.sizes] == [
        ("Small", 10_000, "K8s-Sml", False),
        ("Medium", 100_000, "db-med-04", False),
        ("Enterprise", None, "shard", True),
    ]
    assert offering.quotas.model_dump() == {"cpu_standard": 64, "cpu_scoped": 512, "iops_approval": 10_000}
    assert [part.name for part in offering.parts if part.scales == "up"] == ["legacy-core-db-01"]


def test_every_shipped_figure_that_nobody_gave_is_an_example() -> None:
    offering = load_offering()
    figures: list[Any] = [part.availability for part in offering.parts]
    figures += [entry.price for entry in (*offering.topologies, *offering.sizes, *offering.items)]
    figures += [offering.platform, offering.shadow]
    assert all(figure.example for figure in figures if figure is not None)


def test_it_is_what_the_published_schema_asks_for() -> None:
    schema = json_schema("offering")
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(json.dumps(YAML(typ="safe").load(shipped().read_text()), default=str))
    jsonschema.Draft202012Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**document, "quotas": {"cpuStandard": 64}})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("currency: USD", "currency: dollars", "currency"),
        ("cpuScoped: 512 ", "cpuScoped: 12 ", "is below cpuStandard (64)"),
        ("cpuStandard: 64 ", "cpuStandard: -64 ", "must be at least 1, not -64"),
        ("iopsApproval: 10000 ", "iopsApproval: ten ", "must be a whole number"),
        ("users: {atLeast: 1, below: 10000}", "users: {atLeast: 10000, below: 10000}", "leaves nobody"),
        ("component: db-med-04", "component: db-med-4", "did you mean `db-med-04`?"),
        ("    topology: dedicated", "    topology: dedicatd", "did you mean `dedicated`?"),
        ("  - name: Medium", "  - name: small", "small is there twice"),
        ("{low: 800, expected: 1000, high: 1300}", "{low: 800, expected: 700, high: 1300}", "must not fall"),
        ("monthly: {low: 800,", "monthly: {low: -800,", "must be at least 0"),
        ("monthly: {low: 800,", "currency: EUR\n      monthly: {low: 800,", "EUR beside USD: no sum mixes currencies"),
        ("when: {over: iops}", "when: {over: iops, compliance: X}", "needs exactly one rule, not 2"),
        ("when: {over: iops}", "when: {}", "needs exactly one rule, not 0"),
        ("when: {over: iops}", "when: {over: speed}", "must be"),
        ("refusedDays: 180", "refusedDays: 90", "is not after markedDays"),
        ("{percent: 99.95,", "{percent: 100,", "percent"),
        ("{percent: 99.95,", "{percent: .nan,", "must be a number"),
        ("copies: 2, commonCause: 0.05", "copies: 2, needed: 3, commonCause: 0.05", "3 of 2 copies"),
        ("{part: load balancer}", "{part: load balanser}", "did you mean `load balancer`?"),
        ("asOf: 2026-11-28}", "asOf: yesterday}", "must be a date"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = shipped().read_text()
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput) as caught:
        load_offering(path)
    assert any(told in str(problem) for problem in caught.value.problems), caught.value.problems
    assert all(problem.where.startswith(f"{path}:") for problem in caught.value.problems)
