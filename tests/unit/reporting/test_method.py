"""What the method page says of clocks, order and what is not alike; and page one where a script is quicker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pov.base.paths import data
from pov.experiments.seen import INTERVAL_S
from pov.measure.order import COMPLETE
from pov.reporting.blocks import Bullets, Callout, Columns, Table, Text
from pov.reporting.model import Report, build
from pov.state.runs import read_run
from tests.unit.reporting import simulated

MANY = 6
WAYS = [("deploy", arm) for arm in ("automated", "manual", "scripted")]


def report_of(folder: Path, **environment: Any) -> Report:
    return build(read_run(simulated.save(folder, environment_changes=environment)))


def method(report: Report) -> dict[str, str]:
    (chapter,) = (one for one in report.chapters if one.id == "method")
    return {lead: rest for block in chapter.blocks if isinstance(block, Bullets) for lead, rest in block.items}


def test_it_says_how_finely_the_clocks_stop(tmp_path: Path) -> None:
    told = method(report_of(tmp_path, stop_clock={"looks_every_s": INTERVAL_S}))["Resolution of the clocks."]
    assert "0.1\u202fs after each answer" in told
    assert "the same pause in every arm of every experiment" in told
    assert "not recorded" in method(report_of(tmp_path / "old"))["Resolution of the clocks."]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"order_drawn": COMPLETE}, "Completely randomised: all trials of all arms were shuffled at once"),
        ({}, "Random in rounds, from seed 7: each round held each arm once; tests and intervals take the order as"),
        ({"order_seed": None}, "Trials came in an order whose seed was not recorded."),
    ],
)
def test_it_says_how_the_order_was_drawn(tmp_path: Path, record: dict[str, Any], told: str) -> None:
    assert method(report_of(tmp_path, **record))["Order."].startswith(told)


def test_it_says_that_hosts_do_not_drain_as_pods_do(tmp_path: Path) -> None:
    """The figures are those with which services are started, there and here."""
    told = method(report_of(tmp_path))["What a swap loses."]
    (seconds,) = re.findall(r'"drain", (\d+)\*time.Second', data("mock_services", "main.go").read_text())
    assert f"until no new connection has come for {seconds} s" in told
    assert "--drain" not in data("argocd", "repository", "service", "deployment.yaml").read_text()
    started = [data("mock_services", "legacy", "entrypoint.sh"), data("scripts", "on_host.sh")]
    drains = {found for path in started for found in re.findall(r"--drain \w+", path.read_text())}
    assert drains == {"--drain 0s"}
    assert "(--drain 0s)" in told


@pytest.mark.parametrize(
    ("seconds", "lead"),
    [
        (6.0, "No gain in machine time per deployment, beside a good script."),
        (300.0, "Less machine time per deployment, beside a good script."),
    ],
)
def test_page_one_says_where_a_script_is_quicker_and_what_it_does_not_do(
    tmp_path: Path, seconds: float, lead: str
) -> None:
    order = simulated.plan(trials=MANY, pairs=WAYS)
    path = simulated.save(tmp_path, order=order, medians={("deploy", "scripted"): seconds})
    (columns,) = (b for b in build(read_run(path)).chapters[0].blocks if isinstance(b, Columns))
    follows = [item for block in columns.left if isinstance(block, Bullets) for item in block.items]
    assert lead in [found for found, _ in follows]
    no = dict(item for block in columns.right if isinstance(block, Bullets) for item in block.items)
    assert "does not tell what is changed by hand afterwards, or who did it" in no["No platform in a script."]


def test_a_report_without_a_script_speaks_of_none(tmp_path: Path) -> None:
    (columns,) = (b for b in report_of(tmp_path).chapters[0].blocks if isinstance(b, Columns))
    assert "No platform in a script." not in str(columns.right)


def test_the_checks_of_each_arm_are_told_alike_ones_once(tmp_path: Path) -> None:
    order = [
        {"experiment": name, "arm": arm, "trial": 1} for name in ("deploy", "rotate") for arm in ("automated", "manual")
    ]
    told = [{"details": {"checks": text}} for text in ("readiness page", "a page by SSH", "readiness page", "its log")]
    changes = {"order": order, "sample_changes": dict(enumerate(told, 1))}
    report = build(read_run(simulated.save(tmp_path, **changes)))
    assert "how an arm itself makes sure that a service is fit stands in the table below" in method(report)["Arms."]
    (table,) = (b for one in report.chapters if one.id == "method" for b in one.blocks if isinstance(b, Table))
    assert table.rows == (
        ("Automated", "deployment and rotation", "readiness page"),
        ("Runbook by machine", "deployment", "a page by SSH"),
        ("Runbook by machine", "rotation", "its log"),
    )
    assert "was not recorded" in method(report_of(tmp_path / "old"))["Arms."]


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    report = report_of(tmp_path, left_out=["the placebo is left out: no edge", "rotate: 2 of 3 trials fit the budget"])
    (chapter,) = (one for one in report.chapters if one.id == "method")
    told = [block.text for block in chapter.blocks if isinstance(block, Text) and block.text.startswith("Left out")]
    assert told == [
        "Left out before the first trial: the placebo is left out: no edge; rotate: 2 of 3 trials fit the budget."
    ]


def test_where_what_ran_was_not_what_the_scenario_says_it_stands_beside_the_scenarios_figures(tmp_path: Path) -> None:
    more = ["staging: certificates live 2h, the scenario says 24h", "Argo CD 3.1 runs, the bundle has argocd 3.2"]
    (chapter,) = (one for one in report_of(tmp_path, differences=more).chapters if one.id == "machine")
    (told,) = (block for block in chapter.blocks if isinstance(block, Callout))
    assert told.text == f"{more[0]}; {more[1]}."
    (chapter,) = (one for one in report_of(tmp_path / "none", differences=[]).chapters if one.id == "machine")
    assert not [block for block in chapter.blocks if isinstance(block, Callout)]
