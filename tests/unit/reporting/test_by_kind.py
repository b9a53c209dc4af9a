"""Hard and late failures are never one figure where somebody reads them: an effect is not noise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pov.cli.main import main
from pov.measure.results import Kinds
from pov.measure.summary import summarise
from pov.model.catalogue import METRICS
from pov.reporting import one_file, wording
from pov.reporting.model import Report, build
from pov.state.runs import read_run
from tests.unit.reporting import simulated
from tests.unit.workflows.test_verify import Given, attached

PAIR = [{"experiment": "rotate", "arm": arm, "trial": 1} for arm in ("automated", "manual")]
LOST: dict[int, dict[str, Any]] = {
    1: {"traffic": simulated.traffic(900, hard=4, late=6, excused=3)},
    2: {"traffic": simulated.traffic(900)},
}
LIVE = {"figures": {"live_seconds": 31.0, "failed_live": 64.0}, "details": {"failed_live_hard": 50}}


STALLED = {**LIVE, "details": {**LIVE["details"], "failed_live_excused": 10}}
UNTIL_GOOD = {
    "figures": {"hard_until_good": 2.0, "late_until_good": 3.0}, "details": {"late_until_good_excused": 3},
}  # fmt: skip
TWICE = [{"experiment": "rollback", "arm": arm, "trial": 1} for arm in ("automated", "manual")]
KILLED = [{**one, "experiment": "interrupted"} for one in TWICE]


def judged(metric: str, experiment: str = "rotate", bound: int = 0) -> dict[str, Any]:
    one = {"id": "kept", "title": "Kept", "experiment": experiment, "arm": "automated", "metric": metric}
    return {"criteria": [{**one, "at_most": bound}]}


def saved(folder: Path, **more: Any) -> Path:
    given = {"order": PAIR, "sample_changes": LOST, "environment_changes": judged("failed_requests"), **more}
    return simulated.save(folder / ".pov" / "one" / "runs", **given)


def words(report: Report, chapter: str) -> str:
    found = next(one for one in report.chapters if one.id == chapter)
    return json.dumps([block.as_json() for block in found.blocks], ensure_ascii=False)


SEEN = [
    ("failed_requests", 64.0, Kinds(50, 1400), "50 hard, 1\u202f400 late"),
    ("failed_requests", 0.0, Kinds(0, 0), "0"),
    ("failed_requests", 9.0, None, "9, not told apart"),
    ("failed_handshakes", 9.0, None, "9, not told apart"),
    ("failed_requests", 0.0, None, "0"),
    ("failed_requests", None, None, "–"),
    ("hard_failures", 9.0, None, "9"),
]


@pytest.mark.parametrize(("metric", "figure", "kinds", "told"), SEEN)
def test_an_observed_sum_is_printed_as_both(metric: str, figure: float | None, kinds: Kinds | None, told: str) -> None:
    assert wording.seen(METRICS[metric], figure, kinds) == told


EXCUSED = "3 of the late ones excused, over 1 trial"
CRITERIA = [
    (judged("failed_requests"), "4 hard, 6 late", f"failed requests 4 hard, 6 late, at most 0; {EXCUSED}"),
    (judged("failed_requests", bound=8), "4 hard, 6 late", "at most 8; this machine stalled: 3 of 6 late may be"),
    (judged("failed_handshakes"), "2 hard, 3 late", f"failed handshakes 2 hard, 3 late, at most 0; {EXCUSED}"),
    (judged("hard_failures"), "4", "failed hard 4, at most 0; 4 hard, 6 late (3 of them excused), over 1 trial"),
]


@pytest.mark.parametrize(("criteria", "figure", "told"), CRITERIA)
def test_a_criterion_says_both_wherever_its_value_stands(
    tmp_path: Path, criteria: dict[str, Any], figure: str, told: str
) -> None:
    report = build(read_run(saved(tmp_path, environment_changes=criteria)))
    assert told in report.verdict[0]
    for chapter in ("decision", "criteria"):
        assert f'"{figure}"' in words(report, chapter)


def test_todays_way_is_told_by_kind_on_paper_and_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved(tmp_path, sample_changes={1: LOST[2], 2: {"traffic": simulated.traffic(900, hard=9)}})
    report = build(read_run(run))
    assert "(failed requests 0, at most 0; the runbook fails it (9 hard, 0 late))" in report.verdict[0]
    assert '"today": "9 hard, 0 late"' in words(report, "decision")
    assert '"9 hard, 0 late; fail"' in words(report, "criteria")
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "show", run.name]) == 0
    assert re.search(r"kept +0 +0 +pass +all of 1 trial +fail \(9 hard, 0 late\)", capsys.readouterr().out)


def test_the_terminal_tells_why_without_saying_the_kinds_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "show", run.name]) == 0
    told = capsys.readouterr().out
    assert re.search(r"kept +0 +4 hard, 6 late +fail +3 of the late ones excused, over 1 trial +pass \(0\)", told)


def test_handshakes_are_told_by_kind_trial_by_trial(tmp_path: Path) -> None:
    report = build(read_run(saved(tmp_path)))
    table = next(
        block.as_json() for one in report.chapters if one.id == "traffic" for block in one.blocks
        if block.kind == "table"
    )  # fmt: skip
    at = table["head"].index("Hard + late")
    assert table["head"][at - 1] == "Handshakes"
    assert [row[at] for row in table["rows"]] == ["2 + 3", "2 + 3", "0 + 0", "0 + 0"]


def test_what_failed_while_a_bad_version_was_live_is_told_by_kind(tmp_path: Path) -> None:
    more = {"order": TWICE, "sample_changes": {1: LIVE, 2: LIVE}}
    report = build(read_run(saved(tmp_path, **more, environment_changes=judged("failed_live", "rollback"))))
    assert '"sum", "50 hard, 14 late", "50 hard, 14 late"' in words(report, "figures")
    assert "live 50 hard, 14 late, at most 0; over 1 trial" in report.verdict[0]


def test_what_was_seen_to_fail_without_a_negative_control_is_told_by_kind(tmp_path: Path) -> None:
    report = build(read_run(saved(tmp_path, control=False)))
    assert "No trial was made to fail on purpose. It did see failures: 4 hard, 6 late." in words(report, "decision")


VERIFIED: dict[str, dict[str, Any]] = {
    "requests": {"order": PAIR, "sample_changes": LOST, "environment_changes": judged("failed_requests")},
    "stalled": {"order": PAIR, "sample_changes": LOST, "environment_changes": judged("failed_requests", bound=8)},
    "handshakes": {"order": PAIR, "sample_changes": LOST, "environment_changes": judged("failed_handshakes")},
    "one kind": {"order": PAIR, "sample_changes": LOST, "environment_changes": judged("late_failures")},
    "while it was live": {
        "order": TWICE, "sample_changes": {1: LIVE, 2: LIVE}, "environment_changes": judged("failed_live", "rollback"),
    },
    "while it was live, some excused": {
        "order": TWICE, "sample_changes": {1: STALLED, 2: STALLED},
        "environment_changes": judged("failed_live", "rollback"),
    },
    "while it was live, excused above the bound": {
        "order": TWICE, "sample_changes": {1: STALLED, 2: STALLED},
        "environment_changes": judged("failed_live", "rollback", bound=55),
    },
    "until all was good, excused": {
        "order": KILLED, "sample_changes": {1: UNTIL_GOOD, 2: UNTIL_GOOD},
        "environment_changes": judged("late_until_good", "interrupted"),
    },
    "until all was good, some excused": {
        "order": KILLED, "sample_changes": {1: {**UNTIL_GOOD, "details": {"late_until_good_excused": 1}}},
        "environment_changes": judged("late_until_good", "interrupted"),
    },
    "until all was good, hard ones": {
        "order": KILLED, "sample_changes": {1: UNTIL_GOOD, 2: UNTIL_GOOD},
        "environment_changes": judged("hard_until_good", "interrupted"),
    },
    "no control": {
        "order": PAIR, "sample_changes": LOST, "environment_changes": judged("failed_requests"), "control": False,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", VERIFIED)
def test_the_verifier_computes_both(tmp_path: Path, case: str) -> None:
    folder = attached(tmp_path, VERIFIED[case])
    document = json.loads((folder / "report.json").read_text())
    verifier = Given(folder, document, None)
    verifier.run()
    assert verifier.wrong == []


WHY = "3 of the late ones excused, over 1 trial", "4 hard, 6 late (3 of them excused), over 1 trial"
DID_SEE = "It did see failures: 4 hard, 6 late.", "It did see 10 fail."


def as_before(document: dict[str, Any], figure: str) -> None:
    """Have a report say what versions of before said, with hard and late ones in one figure."""
    (told,) = document["verdict"]
    document["verdict"] = [told.replace("4 hard, 6 late", "10").replace(*WHY)]
    page = next(one for one in document["sections"] if one["id"] == "decision")
    (row,) = next(b["rows"] for b in page["blocks"] if b["kind"] == "outcomes")
    row |= {"observed": figure, "reason": row["reason"].replace(*WHY)}
    (limits,) = next(b["right"] for b in page["blocks"] if b["kind"] == "columns")
    limits["items"] = [[lead, text.replace(*DID_SEE)] for lead, text in limits["items"]]


@pytest.mark.parametrize(("figure", "wrong"), [("10", 0), ("11", 1)], ids=["its sum", "another figure"])
def test_a_report_of_before_that_pooled_them_is_held_to_its_sum(tmp_path: Path, figure: str, wrong: int) -> None:
    """One that this version drew has to say both."""
    folder = attached(tmp_path, VERIFIED["no control"])
    document = json.loads((folder / "report.json").read_text())
    as_before(document, figure)
    for mark, expected in ((b"", 4), (b"# of before\n", wrong)):
        (folder / "verify.py").write_bytes(one_file.verifier() + mark)
        verifier = Given(folder, document, None)
        verifier.run()
        assert len(verifier.wrong) == expected, verifier.wrong
    assert sum("in one figure" in note for note in verifier.notes) == 4 - wrong


def test_a_part_that_was_changed_in_the_summary_is_found(tmp_path: Path) -> None:
    folder = attached(tmp_path, VERIFIED["requests"])
    document = json.loads((folder / "report.json").read_text())
    verifier = Given(folder, document, None)
    verifier.run()
    told = {"criteria": [{"id": "kept", "observed": 10.0, "outcome": "fail", "excused": 3, "hard": 4, "late": 6}]}
    verifier.of_summary(told)
    assert verifier.wrong == []
    told["criteria"][0] |= {"hard": 0, "late": 10}
    verifier.of_summary(told)
    assert [line.split(":")[1].strip() for line in verifier.wrong] == ["kept, hard", "kept, late"]


def test_handshakes_of_a_kind_that_were_changed_in_the_summary_are_found(tmp_path: Path) -> None:
    folder = attached(tmp_path, VERIFIED["handshakes"])
    verifier = Given(folder, json.loads((folder / "report.json").read_text()), None)
    verifier.run()
    saved = build(read_run(next((tmp_path / ".pov" / "one" / "runs").iterdir())))
    summary = summarise({}, saved.facts.trials, [])
    verifier.of_summary(summary)
    assert verifier.wrong == []
    (arm,) = (arm for e in summary["experiments"] for arm in e["arms"] if arm["hard_handshakes"])
    assert arm["failed_handshakes"] == arm["hard_handshakes"] + arm["late_handshakes"]
    arm |= {"hard_handshakes": 0, "late_handshakes": arm["failed_handshakes"]}
    verifier.of_summary(summary)
    assert [re.findall(r"\w+_handshakes", line) for line in verifier.wrong] == [
        ["hard_handshakes"],
        ["late_handshakes"],
    ]
    verifier.wrong.clear()
    del arm["hard_handshakes"], arm["late_handshakes"]
    verifier.of_summary(summary)
    assert verifier.wrong == [], "a summary of before has none"


@pytest.mark.parametrize(("more", "told"), [(1, "1 rarer cause"), (3, "3 rarer causes")])
def test_causes_beyond_those_shown_are_counted_and_the_verifier_counts_them(
    tmp_path: Path, more: int, told: str
) -> None:
    causes = [simulated.cause("a → b", "hard", f"refused in way {n:02}", 30 - n) for n in range(8 + more)]
    lost = simulated.traffic(900, hard=sum(one["count"] for one in causes), causes=causes)
    folder = attached(tmp_path, {"order": PAIR, "sample_changes": {2: {"traffic": lost}}})
    verifier = Given(folder, json.loads((folder / "report.json").read_text()), None)
    verifier.run()
    assert verifier.wrong == []
    report = build(read_run(next((tmp_path / ".pov" / "one" / "runs").iterdir())))
    assert f'"{told}"' in words(report, "experiments")
