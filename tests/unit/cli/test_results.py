from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from pov.cli import down, measure, status, up
from pov.cli import open as open_command
from pov.cli.app import Settings, cli
from pov.measure.pace import Cost
from pov.workflows.planning import Paced


@pytest.fixture
def settings() -> Iterator[Settings]:
    chosen = Settings(name="demo")
    with click.Context(cli, obj=chosen):
        yield chosen


def test_up_tells_addresses_and_the_next_commands(settings: Settings) -> None:
    addresses = {"argocd": "https://127.0.0.1:40001"}
    result: Any = SimpleNamespace(name="demo", scenario="gitops-35", changed=True, seconds=117.0, addresses=addresses)
    text = up._in_words(result)
    assert "demo is up (gitops-35) after 117.0 s." in text
    assert "https://127.0.0.1:40001" in text
    assert "pov measure --name demo" in text
    assert "no changes" in up._in_words(SimpleNamespace(**{**vars(result), "changed": False}))


def test_down_tells_what_stays(settings: Settings) -> None:
    result: Any = SimpleNamespace(name="demo", removed=("cluster pov-demo",), kept=("/x/runs",), seconds=3.0)
    assert "kept     /x/runs" in down._in_words(result)
    assert "cluster pov-demo" not in down._in_words(result)
    settings.verbose = True
    assert "cluster pov-demo" in down._in_words(result)
    assert "no changes" in down._in_words(SimpleNamespace(**{**vars(result), "removed": ()}))


def service(estate: str, name: str, error: str = "") -> SimpleNamespace:
    end = (datetime.now(UTC) + timedelta(hours=23, minutes=30, seconds=5)).isoformat()
    return SimpleNamespace(estate=estate, name=name, version="v1", serial="1", not_after=end, error=error)


def test_status_shows_each_service_across_the_estates(settings: Settings) -> None:
    result: Any = SimpleNamespace(
        name="demo",
        scenario="gitops-35",
        addresses={"vault": "https://127.0.0.1:40002"},
        applications=({"name": "staging", "sync": "Synced", "health": "Healthy", "revision": "0123456789abcdef"},),
        services=(service("staging", "ledger"), service("prod", "ledger", "refused"), service("staging", "fees")),
        authorities=(SimpleNamespace(name="issuing CA", not_after=service("", "").not_after),),
        engines={"kubernetes": "v1.37.2"},
        problems=("prod/ledger: refused",),
    )
    text = status._in_words(result)
    row = next(line for line in text.splitlines() if line.startswith("ledger"))
    assert "v1, 23 h 30 min" in row
    assert re.search(r"issuing CA, valid for\s+23 h 30 min", text)
    assert "no answer" in row
    assert "0123456789abcdef" not in text
    assert "prod/ledger: refused" in text
    assert "v1.37.2" not in text
    assert "All as it should be" in status._in_words(SimpleNamespace(**{**vars(result), "problems": ()}))
    many = tuple(f"problem {number}" for number in range(14))
    assert "… and 4 more (-v)" in status._in_words(SimpleNamespace(**{**vars(result), "problems": many}))


def test_open_names_the_file_and_prints_the_password_only_when_asked(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "argocd-admin-password").write_text("s3cret-value")
    page = SimpleNamespace(
        title="Argo CD",
        url="https://127.0.0.1:40001/",
        user="admin",
        password_file=tmp_path / "argocd-admin-password",
        note="no web page",
        command="kubectl create token | curl",
    )
    result: Any = SimpleNamespace(pages=(page,), ca=tmp_path / "ca.pem", opened=False)
    text = open_command._in_words(result, show_password=False)
    assert "s3cret-value" not in text
    assert str(page.password_file) in text
    assert "no web page" in text
    assert "    kubectl create token | curl" in text.splitlines()
    assert "pov open --name demo --show-password" in text
    assert "s3cret-value" in open_command._in_words(result, show_password=True)


def measured(*outcomes: str, trials: tuple[bool, ...] = (True, False)) -> dict[str, Any]:
    arm = {"name": "automated", "trials": [{"ok": ok} for ok in trials]}
    criteria = [
        {"id": f"c{number}", "outcome": outcome, "experiment": "deploy", "arm": "automated"}
        for number, outcome in enumerate(outcomes)
    ]
    return {
        "run": {"planned": [{"experiment": "deploy", "arm": "automated", "trials": 2}]},
        "experiments": [{"name": "deploy", "arms": [arm]}],
        "criteria": criteria,
    }


def beside(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """The same with criteria of an experiment that the run was not to measure."""
    more = [{"id": name, "outcome": "not shown", "experiment": "rotate", "arm": "automated"} for name in names]
    return {**document, "criteria": [*document["criteria"], *more]}


ENDINGS: dict[str, tuple[dict[str, Any], int, str]] = {
    "all met": (measured("pass", "pass"), 0, ""),
    "nothing asked": (measured(), 0, ""),
    "one missed": (measured("pass", "fail", "not shown"), 4, "not met: c1"),
    "one not shown": (measured("pass", "not shown"), 5, "not shown: c1"),
    "only others not shown": (
        beside(measured("pass"), "r1", "r2"),
        5,
        "measured and saved; not shown since this run was not to measure that: r1, r2",
    ),
    "some of both": (
        beside(measured("not shown"), "r1"),
        5,
        "measured, saved, and not shown: c0; not shown since this run was not to measure that: r1",
    ),
    "an arm without a success": (measured("fail", trials=(False, False)), 1, "every trial failed: deploy automated"),
    "nothing tried": (measured("not shown", trials=()), 5, "not shown: c0"),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_script_hears_how_a_run_ended(case: str) -> None:
    document, code, message = ENDINGS[case]
    ended = measure._ending(document, "pov report")
    assert (0 if ended is None else ended.exit_code) == code
    assert message in (ended.message if ended is not None else "")


def test_a_plan_tells_its_time_and_where_that_is_known_from(settings: Settings) -> None:
    each = {("deploy", "automated"): Cost(31.0, 6), ("deploy", "manual"): Cost(25.0, 0)}
    plan = Paced(dict.fromkeys(each, 3), each, ("the budget holds 3 of 6 rounds",))
    text = measure._plan_in_words(plan)
    assert "a guess" in text
    assert "31.0 s" in text
    assert "About 3 min" in text
    assert "! the budget holds 3 of 6 rounds" in text
    assert plan.as_json()["seconds"] == pytest.approx(168, abs=25)


def of_people(*oks: bool, origin: str = "person") -> dict[str, Any]:
    """A summary of people alone."""
    trials = [
        {
            "trial": number,
            "by": "sam",
            "origin": origin,
            "seconds": 133.0,
            "ok": ok,
            "error": None if ok else "given up after 133 s",
            "figures": {"hands_on_seconds": 48.0, "failed_commands": 2},
            "hard": 3,
            "late": 1,
        }
        for number, ok in enumerate(oks, 1)
    ]
    people = [{"name": "person", "trials": trials}]
    return {"run": {"id": "one"}, "experiments": [{"name": "deploy", "arms": [], "people": people}], "criteria": []}


def test_people_are_told_one_by_one_and_no_table_of_machines_stands_beside_them() -> None:
    text = measure.in_words(SimpleNamespace(as_json=lambda: of_people(True, False)))
    for wanted in ("sam", "2 min 13 s", "48.0 s", "given up after 133 s", "3 hard, 1 late"):
        assert wanted in text
    assert "median" not in text
    assert "sam (a script)" in measure.in_words(SimpleNamespace(as_json=lambda: of_people(True, origin="simulated")))


def test_of_two_persons_both_are_named() -> None:
    summary = of_people(True, origin="simulated")
    summary["experiments"][0]["people"][0]["trials"][0]["reviewer"] = "kim"
    assert "sam, kim (a script)" in measure.in_words(SimpleNamespace(as_json=lambda: summary))


@pytest.mark.parametrize(("oks", "code"), [((True,), 0), ((True, False), 0), ((False, False), 1)])
def test_a_run_in_which_no_person_succeeded_has_failed(oks: tuple[bool, ...], code: int) -> None:
    ended = measure._ending(of_people(*oks), "pov report")
    assert (0 if ended is None else ended.exit_code) == code
