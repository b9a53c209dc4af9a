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
from pov.config.topology import WELL_KNOWN

GOOD = """\
apiVersion: pov.dev/v1
kind: Scenario
metadata:
  name: mine
  title: Mine
services:
  count: 5
stages:
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


def test_the_published_schema_takes_what_loads_and_refuses_what_does_not() -> None:
    document = YAML(typ="safe").load(GOOD)
    jsonschema.validate({**document, "povServices": 3}, json_schema("scenario"))
    for bad in ({"povServices": "ledger"}, {"povServices": 0}, {"unknown": 1}, {"services": {"count": 1001}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, **bad}, json_schema("scenario"))


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
    ("snake case", GOOD + "pov_services: [ledger]\n", ":10", "unknown key `pov_services`", "`povServices`"),
    ("no services", GOOD.replace("count: 5", "count: 0"), ":7", "services.count: must be at least 1, not 0", ""),
    ("too many", GOOD.replace("count: 5", "count: 1001"), ":7", "must be at most 1000, not 1001", ""),
    ("text for a number", GOOD.replace("count: 5", 'count: "5"'), ":7", "must be a whole number, not '5'", ""),
    ("truth for a number", GOOD.replace("count: 5", "count: true"), ":7", "must be a whole number, not True", ""),
    ("wrong unit", GOOD + "pki: {ttl: 24 hours}\n", ":10", "`24 hours` is no duration; write for example 24h", ""),
    ("no unit", GOOD + "pki:\n  ttl: 10\n", ":11", "pki.ttl: `10` is no duration; write for example 24h", ""),
    ("wrong memory", GOOD + "services: {}\n", ":10", "duplicate key", ""),
    ("empty part", GOOD + "pki:\n", ":10", "pki: must be a mapping of keys, not empty", ""),
    ("list for a part", GOOD + "pki: [24h]\n", ":10", "pki: must be a mapping of keys", ""),
    ("wrong choice", GOOD + "engines: {vault: opnbao}\n", ":10", "not 'opnbao'", "`openbao`"),
    ("choice or list", GOOD.replace("all", "al"), ":9", "must be 'all' or 'pov' or must be a list, not 'al'", "`all`"),
    (
        "endless",
        GOOD + "criteria:\n- {id: a, title: b, experiment: deploy, metric: max_seconds, atMost: .inf}\n",
        ":11",
        "must be a number that ends",
        "",
    ),
    ("missing key", GOOD.replace("  title: Mine\n", ""), ":3", "`metadata.title` is missing", "add `title:`"),
    ("duplicate key", GOOD + "kind: Scenario\n", ":10", "duplicate key", ""),
    ("alias", "a: &a [1]\nb: *a\n", ":2", "alias *a is not allowed", "write the value out"),
    ("nested deeply", "a:\n  " + "[" * 60_000, ":2", "nested deeper than", ""),
    ("a day that no month has", "a: 1\nb: 2026-02-30\n", ":2", "`2026-02-30` is no date or time: day is out of", ""),
    ("an hour that no day has", "a: 2026-10-01T25:00:00\n", ":1", "is no date or time: hour must be in", ""),
    ("a mark that does not fit", "a: !!bool perhaps\n", ":1", "`perhaps` is no bool", ""),
    ("a number without an end", "a: 1\nb: 0x" + "f" * 9000, ":2", "a number of more than 100 digits", ""),
    ("a letter that there is not", 'a: "\\U00110000"\n', "", "not YAML", ""),
    ("two documents", GOOD + "---\n" + GOOD, ":10", "another document", ""),
    ("not a mapping", "- a\n", ":1", "not a mapping", "apiVersion"),
    ("empty file", "", ":1", "not a mapping", "apiVersion"),
    ("broken YAML", "a: [1\n", ":2", "", "mend"),
    ("control character", "a: \x01", "", "not YAML", "mend"),
    ("another version", GOOD.replace("pov.dev/v1", "pov.dev/v9"), ":1", "'pov.dev/v1'", ""),
    ("order of lifetimes", GOOD + "pki:\n  caTtl: 1h\n", ":11", "1h leaves no room", "at least 6 times ttl"),
    ("room in an issuing CA", GOOD + "pki:\n  caTtl: 143h\n", ":11", "143h leaves no room", "at least 6 times ttl"),
    ("room in a root", GOOD + "pki:\n  rootTtl: 4319h\n", ":11", "less than 6 times caTtl (720h)", "6 times caTtl"),
    (
        "limit below request",
        GOOD.replace("count: 5", "count: 5\n  resources:\n    memoryLimit: 1Mi"),
        ":9",
        "is below memoryRequest",
        "raise it",
    ),
    (
        "unknown service",
        GOOD + "povServices:\n  - ledger\n  - leger\n",
        ":12",
        "no service `leger` with N = 5",
        "`ledger`",
    ),
    ("scope above N", GOOD + "povServices: 6\n", ":10", "6 of 5 services", "at most 5"),
    ("no staging", GOOD.replace("staging", "prod"), ":8", "staging is missing", ""),
    ("twice", GOOD + "  - {name: staging}\n", ":10", "`staging` is named twice", ""),
    (
        "manual without legacy",
        GOOD + "legacy: {hosts: 0}\nexperiments:\n- name: deploy\n  arms: [manual]\n",
        ":13",
        "needs a legacy estate",
        "hosts",
    ),
    (
        "arms that are not alike",
        GOOD.replace("count: 5", "count: 5\n  replicas: 2") + "experiments:\n- name: deploy\n  arms: [manual]\n",
        ":8",
        "the arms would not be alike",
        "leave the manual arm out",
    ),
    (
        "criterion without arm",
        GOOD + "experiments: [{name: deploy, arms: [automated]}]\ncriteria:\n"
        "- {id: a, title: b, experiment: deploy, arm: manual, metric: max_seconds, atMost: 1}\n",
        ":12",
        "deploy is not measured in arm manual",
        "",
    ),
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


def test_checks_across_keys_are_listed_at_once_too(tmp_path: Path) -> None:
    text = GOOD + "povServices: [nobody]\nexperiments: [{name: deploy}, {name: deploy}]\n"
    with pytest.raises(InvalidInput) as caught:
        load_scenario(write(tmp_path, text))
    assert [problem.where.rsplit(":", 1)[1] for problem in caught.value.problems] == ["10", "11"]


@pytest.mark.parametrize("count", [1, 3, 5, 50])
def test_the_scope_is_five_services_or_all_there_are_or_the_number_asked_for(tmp_path: Path, count: int) -> None:
    text = GOOD.replace("count: 5", f"count: {count}")
    assert load_scenario(write(tmp_path, text)).pov_services == WELL_KNOWN[: min(5, count)]
    assert load_scenario(write(tmp_path, text + "povServices: 1\n")).pov_services == ("payment-gateway",)


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
proof: {services: [ledger]}
baseline:
  - {id: deploy-time, figure: Deploy of one service, value: 45, unit: min, origin: stated, by: Head of Operations,
     when: 2026-10-01, experiment: deploy}
"""
    (tmp_path / "engagement.yaml").write_text(text)
    engagement = load_engagement(tmp_path)
    assert engagement.baseline[0].by == "Head of Operations"
    (tmp_path / "engagement.yaml").write_text(text.replace("value: 45", "value: -45"))
    with pytest.raises(InvalidInput, match=r"engagement.yaml:7: baseline.1.value: must be at least 0"):
        load_engagement(tmp_path)
    (tmp_path / "engagement.yaml").write_text(text.replace("origin: stated, ", "origin: measured, "))
    with pytest.raises(InvalidInput, match="stated"):
        load_engagement(tmp_path)
