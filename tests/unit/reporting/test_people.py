"""People's section: every point, no statistic below six persons, nothing beside what machines did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pov.measure.people import MEDIAN_FROM, persons
from pov.measure.summary import summarise
from pov.model.reading import read_sample
from pov.reporting.model import Report, build
from pov.state.runs import read_run
from tests.unit.reporting import simulated

FIGURES = {
    "hands_on_seconds": 48.0, "paused_seconds": 30.0, "failed_commands": 2, "failed_checks": 1, "recoveries": 1,
    "recovery_seconds": 12.0,
}  # fmt: skip


def person(by: str, seconds: float, **changes: Any) -> dict[str, Any]:
    details = {
        "by": by,
        "experience": "never",
        "person": {"idle_limit_s": 10.0, "notes": [{"at": 3.0, "text": "waited for a colleague"}]},
        "recording": {"file": f"{by}.cast", "sha256": "ab" * 32},
    }
    steps = [{"name": "ledger on legacy-1", "seconds": 40.0}]
    return {"origin": "person", "seconds": seconds, "figures": FIGURES, "details": details, "steps": steps, **changes}


def report(folder: Path, *people: dict[str, Any]) -> Report:
    machines = simulated.plan(pairs=[("deploy", "automated"), ("deploy", "manual")])
    order = [*machines, *({"experiment": "deploy", "arm": "person", "trial": n} for n, _ in enumerate(people, 1))]
    changes = {len(machines) + n: one for n, one in enumerate(people, 1)}
    path = simulated.save(
        folder, order=order, sample_changes=changes, control=False, environment_changes={"simulated": False}
    )
    return build(read_run(path))


def words(found: Report, chapter: str) -> str:
    blocks = [block.as_json() for c in found.chapters if c.id == chapter for block in c.blocks]
    return json.dumps(blocks, ensure_ascii=False).replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_few_persons_are_points_and_nothing_else(tmp_path: Path) -> None:
    found = report(tmp_path, person("sam", 133.0), person("kim", 240.0), person("kim", 180.0))
    told = words(found, "people")
    assert "n = 2: fewer than 6 persons" in told
    assert "median elapsed" not in told
    assert '"median": null' in told
    for wanted in (
        "waited for a colleague",
        "ledger on legacy-1",
        "a gap of more than 10.0 s",
        "1 (12.0 s)",
        "Failed checks",
    ):
        assert wanted in told
    assert not found.simulated
    assert found.band == ""


def test_six_persons_have_a_median_of_persons_and_not_of_trials(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    assert len(names) == MEDIAN_FROM
    often = [person("a", 1000.0) for _ in range(5)]
    found = report(tmp_path, *often, *(person(name, 100.0) for name in names[1:]))
    assert "n = 6 persons: median elapsed 100" in words(found, "people")


def test_people_enter_nothing_that_machines_are_in(tmp_path: Path) -> None:
    alone = report(tmp_path / "alone")
    found = report(tmp_path / "with", person("sam", 1.0))
    for chapter in ("trials", "steps", "traffic", "criteria"):
        assert words(found, chapter) == words(alone, chapter)
    (experiment,) = found.facts.experiments
    assert [arm.name for arm in experiment.arms] == ["automated", "manual"]
    assert [arm.name for arm in experiment.people] == ["person"]
    assert "1 person timed," in words(found, "decision")


def test_a_script_in_a_persons_place_marks_every_page_and_is_no_person(tmp_path: Path) -> None:
    found = report(tmp_path, person("sam", 133.0), person("kim", 9.0, origin="simulated"))
    assert found.simulated
    people = {arm.name: len(arm.trials) for e in found.facts.experiments for arm in e.people}
    assert people == {"person": 1, "person-simulated": 1}
    assert "Nothing here is a person" in words(found, "people")
    assert "A script is no person: n = 0" in words(found, "people")
    assert found.band.startswith("Simulated in part")


@pytest.mark.parametrize("origin", ["executed", "stopwatch"])
def test_what_claims_to_be_a_persons_and_is_of_another_origin_stays_apart(tmp_path: Path, origin: str) -> None:
    found = report(tmp_path, person("sam", 133.0), person("kim", 9.0, origin=origin))
    arms = [arm for e in found.facts.experiments for arm in (*e.arms, *e.people)]
    assert all(len({trial.origin for trial in arm.trials}) == 1 for arm in arms)


def test_where_the_clock_of_an_arm_starts_is_said_beside_it(tmp_path: Path) -> None:
    told = words(report(tmp_path, person("sam", 133.0, arm="person-commits")), "people")
    clock = "the clock starts before the edit; review and approval are not in it."
    assert f"A person, automated: edits, commits, pushes; {clock}" in told


def test_a_failed_trial_is_kept_and_counts_no_person(tmp_path: Path) -> None:
    failed = person("sam", 20.0, ok=False, error="given up after 20 s")
    found = report(tmp_path, failed)
    assert "n = 0" in words(found, "people")
    assert "1 person timed," in words(found, "decision")


def test_what_was_not_recorded_is_said_so(tmp_path: Path) -> None:
    bare = person("sam", 133.0, details={}, figures={}, steps=[], traffic=None)
    told = words(report(tmp_path, bare), "people")
    for wanted in ("not recorded", "not asked", "none: the trial ended before"):
        assert wanted in told


def test_the_summary_tells_people_apart(tmp_path: Path) -> None:
    run = read_run(report_path(tmp_path))
    samples = [read_sample(item, n, []) for n, item in enumerate(run.samples, 1)]
    (experiment,) = summarise({"id": "x"}, samples, ())["experiments"]
    assert [arm["name"] for arm in experiment["arms"]] == ["automated", "manual"]
    (people,) = experiment["people"]
    assert (people["name"], people["persons"], people["median"]) == ("person", 1, None)
    assert people["trials"][0]["figures"]["hands_on_seconds"] == 48.0


def report_path(folder: Path) -> Path:
    report(folder, person("sam", 133.0))
    return next(folder.glob("*/environment.json")).parent


REVIEWS = [
    {"stage": "staging", "seconds": {"asked": 0.5, "approved": 0.25, "merged": 0.25}},
    {"stage": "prod", "seconds": {"asked": 1.0, "approved": 1.0, "merged": 1.0}},
    {"stage": "prod", "pull": 3},
]
STATED = {
    **simulated.environment([])["baseline"][0], "id": "review", "figure": "from asked to approved", "value": 4,
    "unit": "h", "experiment": "promote", "example": False, "by": "E. Muster", "when": "2026-10-01",
}  # fmt: skip


def review_told(folder: Path, *, reviews: list[Any] | None = None, baseline: list[Any] | None = None) -> str:
    order = [
        {"experiment": "deploy", "arm": "automated", "trial": 1},
        {"experiment": "promote", "arm": "automated", "trial": 1},
        {"experiment": "deploy", "arm": "person-commits", "trial": 1},
    ]
    changes = {2: {"details": {"reviews": reviews or []}}, 3: person("sam", 90.0)}
    told = {"simulated": False, "baseline": baseline or []}
    path = simulated.save(folder, order=order, sample_changes=changes, control=False, environment_changes=told)
    return words(build(read_run(path)), "people")


def test_what_a_review_takes_by_machine_is_a_floor_beside_the_persons_commit(tmp_path: Path) -> None:
    told = review_told(tmp_path, reviews=REVIEWS, baseline=[STATED])
    assert "machine alone: 2.0 s at the median of 2 reviews in this run (1.0 s to 3.0 s)" in told
    assert "A person's time to read and decide: from asked to approved: 4 h, stated by E. Muster, 2026-10-01." in told


@pytest.mark.parametrize(
    ("baseline", "said"),
    [([], "not stated, and nobody was timed"), ([{**STATED, "example": True}], "EXAMPLE, stated by nobody")],
)
def test_what_nobody_measured_or_stated_of_reviews_is_told(tmp_path: Path, baseline: list[Any], said: str) -> None:
    told = review_told(tmp_path, baseline=baseline)
    assert "machine alone: not measured in this run (`promote` does)" in told
    assert said in told


def test_at_the_hosts_nobody_reviews(tmp_path: Path) -> None:
    assert "Review and approval by machine" not in words(report(tmp_path, person("sam", 133.0)), "people")


def pair(by: str, reviewer: str, seconds: float, **changes: Any) -> dict[str, Any]:
    """A trial of two persons, as the arm `person-reviewed` saves it."""
    rows = [
        {
            "role": role, "by": who, "waited_s": waited, "at": waited, "seconds": 40.0, "hands_on_seconds": hands,
            "ended": ended, "person": {"idle_limit_s": 10.0, "notes": [{"at": 1.0, "text": f"note of {who}"}]},
            "recording": {"file": f"{by}-{role}.cast", "sha256": "cd" * 32},
        }
        for role, who, waited, hands, ended in (
            ("author", by, 0.0, 31.0, "pull request 3 is there"),
            ("reviewer", reviewer, 25.0, 12.0, "merged, and seen everywhere"),
        )
    ]  # fmt: skip
    figures = {
        **FIGURES, "hands_on_seconds": 43.0, "author_hands_on_seconds": 31.0, "reviewer_hands_on_seconds": 12.0,
        "waiting_seconds": 25.0, "review_rounds": 1,
    }  # fmt: skip
    experience = {"experience": "never", "reviewer_experience": "often"}
    details = {"by": by, "reviewer": reviewer, **experience, "sittings": rows}
    steps = [{"name": "waiting for the reviewer", "seconds": 25.0}]
    told = {"arm": "person-reviewed", "origin": "person", "seconds": seconds, "figures": figures, "steps": steps}
    return {**told, "details": details, **changes}


def test_of_two_persons_hands_on_time_is_told_apart_and_waiting_too(tmp_path: Path) -> None:
    found = report(tmp_path, pair("sam", "kim", 133.0))
    told = words(found, "people")
    for wanted in (
        "Two persons, automated: one asks by a pull request, another one reviews, approves and merges",
        '"sam, kim", "never, often", "133 s", "31.0 s + 12.0 s", "25.0 s"',
        '"reviewer", "kim", "25.0 s", "40.0 s", "12.0 s", "merged, and seen everywhere"',
        "n = 1: fewer than 6 pairs, so points are all there is",
        '"kim", "note of kim"',
        '"sam", "note of sam"',
        "sam-author.cast",
        "sam-reviewer.cast",
        "Whose turn it was, one after the other.",
        "a gap of more than 10.0 s",
    ):
        assert wanted in told, wanted
    assert "Review and approval by machine alone" not in told
    assert "2 persons timed," in words(found, "decision")
    assert not found.simulated


def test_what_a_review_takes_of_a_person_is_named_beside_the_commit_that_has_none(tmp_path: Path) -> None:
    told = words(report(tmp_path, pair("sam", "kim", 133.0), person("ann", 90.0, arm="person-commits")), "people")
    assert "A person's time to read and decide: see Two persons, automated." in told


PAIRS = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"), ("i", "j"), ("k", "l")]


@pytest.mark.parametrize(
    ("who", "n"),
    [
        ([("sam", "kim")], 1),
        ([("sam", "kim"), ("kim", "sam")], 1),
        ([("sam", "kim"), ("ann", "kim"), ("lee", "kim")], 1),
        ([("sam", "kim"), ("sam", "lee"), ("sam", "ann")], 1),
        ([("sam", "kim"), ("ann", "lee")], 2),
        (PAIRS, 6),
        ([(author, "z") for author, _ in PAIRS], 1),
    ],
)
def test_n_counts_pairs_of_which_nobody_sits_in_two(tmp_path: Path, who: list[tuple[str, str]], n: int) -> None:
    found = report(tmp_path, *(pair(*both, 100.0 + at) for at, both in enumerate(who)))
    (arm,) = found.facts.experiments[0].people
    assert persons(arm) == n
    told = words(found, "people")
    assert f"n = {n}" in told
    assert ("n = 6 pairs: median elapsed 102 s, hands-on 43.0 s (author 31.0 s, reviewer 12.0 s)" in told) is (n == 6)


def test_a_pair_that_was_not_done_counts_for_nothing_and_says_what_happened(tmp_path: Path) -> None:
    refused = pair("sam", "kim", 70.0, ok=False, error="kim would rather not")
    refused["details"]["sittings"][1] |= {"ended": "kim would rather not", "seconds": 0.0, "recording": {}}
    told = words(report(tmp_path, refused), "people")
    assert "n = 0: fewer than 6 pairs" in told
    assert '"kim would rather not"' in told
    assert "none: the trial ended before" in told


def test_scripts_in_two_persons_place_mark_every_page(tmp_path: Path) -> None:
    found = report(tmp_path, pair("sam", "kim", 70.0, origin="simulated"))
    assert found.band.startswith("Simulated in part")
    assert "A script in two persons' place" in words(found, "people")
    assert "A script is no person: n = 0" in words(found, "people")
    assert "persons timed" not in words(found, "decision")


DAMAGED: dict[str, Any] = {
    "no sittings": {"sittings": None},
    "of another kind": {"sittings": ["x", 1, None, {"role": 1, "seconds": "long", "person": [], "recording": "x"}]},
    "nobody named": {"sittings": [{}], "reviewer": ["kim"], "reviewer_experience": None},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_of_sittings_stops_no_report(tmp_path: Path, name: str) -> None:
    one = pair("sam", "kim", 70.0)
    one["details"] |= DAMAGED[name]
    assert "sam" in words(report(tmp_path, one), "people")


def test_the_summary_names_both(tmp_path: Path) -> None:
    report(tmp_path, pair("sam", "kim", 133.0), person("ann", 90.0))
    run = read_run(next(tmp_path.glob("*/environment.json")).parent)
    samples = [read_sample(item, n, []) for n, item in enumerate(run.samples, 1)]
    (experiment,) = summarise({"id": "x"}, samples, ())["experiments"]
    told = {arm["name"]: [(t["by"], t["reviewer"]) for t in arm["trials"]] for arm in experiment["people"]}
    assert told == {"person": [("ann", "")], "person-reviewed": [("sam", "kim")]}
