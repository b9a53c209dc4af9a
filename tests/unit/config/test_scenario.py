from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from pov.base.errors import InvalidInput
from pov.config.engagement import load_engagement
from pov.config.estates import estates
from pov.config.scenario import list_scenarios, load_scenario, scenario_path
from pov.config.schema import json_schema

GOOD = """\
apiVersion: pov.dev/v1
kind: Scenario
metadata:
  name: mine
  title: Mine
services:
  count: 5
environments:
  - {name: staging, services: all}
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", ["gitops-35", "quickstart"])
def test_shipped_scenarios_load_and_fit_the_published_schema(name: str) -> None:
    assert name in list_scenarios()
    scenario = load_scenario(name)
    assert scenario.name == name
    document = YAML(typ="safe").load(scenario_path(name).read_text())
    jsonschema.validate(json.loads(json.dumps(document)), json_schema("scenario"))


def test_the_reference_engagement_is_the_default_scenario() -> None:
    shape = {estate.name: len(estate.services) for estate in estates(load_scenario("gitops-35"))}
    assert shape == {"dev": 5, "staging": 35, "prod": 5, "legacy": 35}


def test_the_legacy_estate_runs_what_staging_runs() -> None:
    by_name = {estate.name: estate for estate in estates(load_scenario("gitops-35"))}
    assert by_name["legacy"].edges == by_name["staging"].edges
    assert by_name["legacy"].services == by_name["staging"].services


BAD = [
    ("unknown key", GOOD.replace("count: 5", "count: 5\n  cuont: 6"), ":8", "unknown key `services.cuont`", "`count`"),
    ("nested unknown key", GOOD + "pki: {tll: 24h}\n", ":10", "unknown key `pki.tll`", "`ttl`"),
    ("no services", GOOD.replace("count: 5", "count: 0"), ":7", "greater than or equal to 1, not 0", ""),
    ("too many", GOOD.replace("count: 5", "count: 1001"), ":7", "less than or equal to 1000, not 1001", ""),
    ("wrong unit", GOOD + "pki: {ttl: 24 hours}\n", ":10", "`24 hours` is no duration; write for example 24h", ""),
    ("wrong memory", GOOD + "pki:\n  ttl: 10\n", ":11", "valid string, not 10", ""),
    ("missing key", GOOD.replace("  title: Mine\n", ""), ":3", "`metadata.title` is missing", "add `title:`"),
    ("duplicate key", GOOD + "kind: Scenario\n", ":10", "duplicate key", ""),
    ("alias", "a: &a [1]\nb: *a\n", ":2", "alias *a is not allowed", ""),
    ("not a mapping", "- a\n", ":1", "not a mapping", ""),
    ("broken YAML", "a: [1\n", ":2", "", ""),
    ("another version", GOOD.replace("pov.dev/v1", "pov.dev/v9"), ":1", "'pov.dev/v1'", ""),
    ("order of lifetimes", GOOD + "pki: {ttl: 24h, caTtl: 1h}\n", ":10", "ttl < caTtl < rootTtl", ""),
    ("unknown service", GOOD + "povServices: [nobody]\n", "", "no such services with N = 5: nobody", ""),
    ("no staging", GOOD.replace("staging", "prod"), "", "must hold staging", ""),
    ("twice", GOOD + "  - {name: staging}\n", "", "name one twice", ""),
]


@pytest.mark.parametrize(("text", "line", "message", "fix"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_told_with_file_line_and_remedy(
    tmp_path: Path, text: str, line: str, message: str, fix: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        load_scenario(path)
    (problem,) = caught.value.problems
    assert problem.where.startswith(path + line)
    assert message in problem.message
    assert fix in problem.fix
    assert caught.value.exit_code == 2


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("count: 5", "count: 0\n  cuont: 1") + "pki: {ttl: soon}\n"
    with pytest.raises(InvalidInput) as caught:
        load_scenario(write(tmp_path, text))
    assert len(caught.value.problems) == 3
    assert caught.value.message.startswith("3 problems")


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(InvalidInput, match="alias"):
        load_scenario(write(tmp_path, "\n".join(lines)))


def test_a_huge_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="larger than"):
        load_scenario(write(tmp_path, "#" * 300_000))
    with pytest.raises(InvalidInput, match="no such file"):
        load_scenario(str(tmp_path / "none.yaml"))
    with pytest.raises(InvalidInput, match="no such scenario") as caught:
        load_scenario("gitops-36")
    assert "gitops-35" in caught.value.problems[0].fix


def test_another_n_keeps_the_scope_that_is_left() -> None:
    scenario = load_scenario("gitops-35")
    assert scenario.with_services(3).pov_services == ("payment-gateway", "checkout-bff", "card-authorization")
    assert scenario.with_services(105).services.count == 105
    for count in (0, 1001):
        with pytest.raises(InvalidInput, match="1 to 1000"):
            scenario.with_services(count)


def test_an_engagement_states_who_said_what_and_when(tmp_path: Path) -> None:
    text = """\
apiVersion: pov.dev/v1
kind: Engagement
name: acme
customer: {name: Acme Payments}
scope: {services: [ledger]}
baseline:
  - {id: deploy-time, figure: Deploy of one service, value: 45, unit: min, origin: stated, by: Head of Operations,
     when: 2026-10-01, experiment: deploy}
"""
    (tmp_path / "engagement.yaml").write_text(text)
    engagement = load_engagement(tmp_path)
    assert engagement.baseline[0].by == "Head of Operations"
    (tmp_path / "engagement.yaml").write_text(text.replace("origin: stated, ", "origin: measured, "))
    with pytest.raises(InvalidInput, match="stated"):
        load_engagement(tmp_path)
