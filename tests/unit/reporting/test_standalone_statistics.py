"""What the verifier computes of order, rare failures and coverage: as the report's own code does, by another way."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pov.measure import coverage, inference
from pov.measure.coverage import simulated as simulations
from pov.measure.order import COMPLETE, shuffled
from pov.reporting.model import build
from pov.reporting.standalone import coverage as coverage_room
from pov.reporting.standalone import inference as inference_room
from pov.reporting.standalone.coverage import QUOTED, SHORT, SIZES, WITHIN, nearest, rank
from pov.reporting.standalone.inference import ordered
from pov.reporting.standalone.known import ALWAYS, SIMULATED
from pov.reporting.standalone.verifier import Verifier
from pov.state.runs import read_run
from pov.workflows.report import attachments
from tests.unit.reporting import simulated
from tests.unit.workflows.test_verify import Given, change_line, rewrite

PAIRS = [("deploy", "automated"), ("deploy", "manual"), ("rotate", "automated"), ("rotate", "manual")]
SEED = 11
SLOTS = [vars(slot) for slot in shuffled(dict.fromkeys(PAIRS, 4), SEED)]


def attached(folder: Path, slots: Any = SLOTS, times: Mapping[str, Any] | None = None, **record: Any) -> Path:
    """What the report of a run carries whose order was drawn from a seed; `times` by arm, alike in each experiment."""
    changes = {}
    if times:
        left = {(slot["experiment"], slot["arm"]): list(times[slot["arm"]]) for slot in slots}
        for n, slot in enumerate(slots, 1):
            changes[n] = {"seconds": left[slot["experiment"], slot["arm"]].pop(0), "steps": []}
    environment = {"simulated": False, "order_seed": SEED, "order_drawn": COMPLETE, **record}
    path = simulated.save(
        folder / "runs", order=slots, control=False, environment_changes=environment, sample_changes=changes
    )
    out = folder / "out"
    out.mkdir()
    for name, content in attachments(read_run(path), report=build(read_run(path))).items():
        (out / name).write_bytes(content)
    return out


def verified(folder: Path) -> Verifier:
    verifier = Verifier(folder)
    verifier.run()
    return verifier


def test_an_order_that_its_seed_gives_and_that_trials_kept_matches(tmp_path: Path) -> None:
    verifier = verified(attached(tmp_path))
    assert verifier.wrong == []
    assert not [note for note in verifier.notes if "order of trials" in note and "section" not in note]


def test_a_run_that_ended_early_kept_the_order_as_far_as_it_went(tmp_path: Path) -> None:
    path = simulated.save(
        tmp_path / "runs", order=SLOTS, control=False, stop_after=5, finish=False,
        environment_changes={"simulated": False, "order_seed": SEED, "order_drawn": COMPLETE},
    )  # fmt: skip
    saved = read_run(path)
    for name, content in attachments(saved, report=build(saved)).items():
        (tmp_path / name).write_bytes(content)
    assert verified(tmp_path).wrong == []


def swapped() -> list[dict[str, Any]]:
    """The plan with a trial of the one arm put before that of the other: an order that no seed gave."""
    at = next(n for n in range(len(SLOTS) - 1) if SLOTS[n]["arm"] != SLOTS[n + 1]["arm"])
    return [*SLOTS[:at], SLOTS[at + 1], SLOTS[at], *SLOTS[at + 2 :]]


def test_a_plan_that_was_put_into_another_order_before_the_first_trial_is_found(tmp_path: Path) -> None:
    """Its chain is whole, and its samples follow it: the seed alone tells."""
    (line,) = verified(attached(tmp_path, swapped())).wrong
    assert line.startswith(f"environment.json: the plan is the order that seed {SEED} gives")


def in_rounds() -> list[dict[str, Any]]:
    """As earlier versions drew it: each round of one trial an arm shuffled by itself."""
    draw, slots = random.Random(SEED), []
    for trial in range(1, 5):
        members = [{"experiment": experiment, "arm": arm, "trial": trial} for experiment, arm in sorted(PAIRS)]
        draw.shuffle(members)
        slots += members
    return slots


def test_a_run_of_before_is_checked_by_the_rounds_that_it_was_drawn_in(tmp_path: Path) -> None:
    verifier = verified(attached(tmp_path, in_rounds(), order_drawn=None))
    assert verifier.wrong == []
    told = json.dumps(verifier.report, ensure_ascii=False)
    assert "each round held each arm once; tests and intervals take the order as completely random" in told


@pytest.mark.parametrize(("slots", "how"), [(in_rounds(), COMPLETE), (SLOTS, None)], ids=["rounds", "complete"])
def test_an_order_that_was_drawn_in_another_way_than_recorded_is_found(
    tmp_path: Path, slots: list[dict[str, Any]], how: str | None
) -> None:
    assert "the plan is the order that seed" in verified(attached(tmp_path, slots, order_drawn=how)).wrong[0]


def test_another_seed_is_found(tmp_path: Path) -> None:
    assert "the order that seed 12 gives" in verified(attached(tmp_path, order_seed=12)).wrong[0]


ORDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a trial that was none of the plan's": (
        lambda folder: change_line(folder, 3, lambda s: s.update(trial=9)),
        "samples.jsonl:3: trial by the plan: it says",
    ),
    "a trial of the other arm": (
        lambda folder: change_line(folder, 2, lambda s: s.update(arm={"manual": "automated"}.get(s["arm"], "manual"))),
        "samples.jsonl:2: trial by the plan: it says",
    ),
    "a plan that is shorter than what came": (
        lambda folder: rewrite(folder, "environment.json", lambda d: d.update(plan=d["plan"][:-1])),
        f"samples.jsonl:{len(SLOTS)}: trial by the plan: it says 'deploy",
    ),
}


@pytest.mark.parametrize("kind", ORDERS)
def test_trials_that_left_the_order_are_named_by_their_line(tmp_path: Path, kind: str) -> None:
    folder, (tamper, told) = attached(tmp_path), ORDERS[kind]
    tamper(folder)
    wrong = verified(folder).wrong
    assert [line for line in wrong if line.startswith(told.partition(" 'deploy")[0])], wrong


@pytest.mark.parametrize(
    ("record", "note"),
    [({"order_seed": None}, "no seed was recorded"), ({"plan": []}, "no plan that says it"),
     ({"plan": [{"experiment": "deploy", "arm": "manual", "trials": 4}]}, "no plan that says it"),
     ({"simulated": True}, "its generator drew it")],
)  # fmt: skip
def test_an_order_that_cannot_be_computed_is_said_to_be_unchecked(
    tmp_path: Path, record: dict[str, Any], note: str
) -> None:
    assert any(
        line.startswith("the order of trials") and note in line for line in verified(attached(tmp_path, **record)).notes
    )


@pytest.mark.parametrize(
    ("events", "of"),
    [
        (0, 1),
        (1, 1),
        (0, 7),
        (1, 7),
        (3, 10),
        (7, 7),
        (58, 1000),
        (999, 1000),
        (1, 250_000),
        (0, 10**6),
        (40_000, 10**6),
    ],
)
def test_bounds_are_those_of_the_reports_own_code(events: int, of: int) -> None:
    assert inference_room.at_most(events, of) == pytest.approx(inference.bound(events, of).at_most, rel=1e-7)


@pytest.mark.parametrize(
    ("base", "other"),
    [
        ([1.0, 2.0, 3.0, 4.5], [5.0, 6.0, 7.0, 8.0]), ([1.0, 6.5, 3.0, 4.5], [5.0, 6.0, 7.0, 2.0, 9.0]),
        ([1.0, 2.0, 2.0, 4.0], [2.0, 6.0, 7.0, 8.0]), ([5.0] * 4, [5.0] * 4), ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
        ([1.0], [2.0]), ([3.0, 1.0, 2.0, 9.0, 5.5], [2.0, 4.0, 9.0, 9.0, 6.0]), ([float(n) for n in range(1, 10)],
        [n + 0.5 for n in range(3, 12)]),
    ],
)  # fmt: skip
def test_p_is_that_of_the_reports_own_code(base: list[float], other: list[float]) -> None:
    told = inference.order_test(base, other)
    p, how = ordered(base, other)
    assert how == (told.method or told.why_none)
    assert p == (None if told.p is None else pytest.approx(told.p, rel=1e-9))


def test_what_numpy_draws_is_not_said_to_be_computed() -> None:
    equal = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert ordered(equal, equal) == (None, inference.order_test(equal, equal).method)
    many = [float(n) for n in range(101)]
    assert ordered(many, [n + 0.5 for n in many]) == (None, "normal approximation")


def test_holms_correction_is_that_of_the_reports_own_code() -> None:
    draw = random.Random(3)
    for _ in range(20):
        p = [draw.choice([0.001, 0.02, draw.random(), 1.0]) for _ in range(draw.randrange(1, 7))]
        told = inference.holm({str(at): value for at, value in enumerate(p)})
        assert inference_room.holm(p) == pytest.approx([told[str(at)] for at in range(len(p))])


@pytest.mark.parametrize(("one", "other"), [(3, 3), (4, 4), (3, 6), (6, 6), (10, 10), (9, 18), (30, 30)])
def test_intervals_begin_at_the_same_rank(one: int, other: int) -> None:
    assert rank(one, other) == inference._rank(one, other)[0]


def test_simulated_coverage_is_near_that_of_the_simulations_that_the_report_quotes() -> None:
    cases = {(c["n"], c["sizes"], c["spread"], c["shape"]): c["coverage"] for c in simulations()["cases"]}
    for n, sizes, m, first, second in (
        (5, "equal", 5, 4.0, 1.0), (4, "half spreads more", 8, 8.0, 1.0), (6, "half spreads less", 12, 1.0, 4.0),
    ):  # fmt: skip
        spread = max(first, second)
        quoted = min(cases[n, sizes, spread, "even"], cases[n, sizes, spread, "skewed"])
        assert 100 * abs(coverage_room.simulated(n, m, first, second) - quoted) < WITHIN / 2


def places(document: Any, section: str) -> list[tuple[Any, ...]]:
    """Every cell with a figure in the tables of a section."""
    at = next(n for n, one in enumerate(document["sections"]) if one["id"] == section)
    return [
        ("sections", at, "blocks", block, "rows", row, cell)
        for block, told in enumerate(document["sections"][at]["blocks"]) if told["kind"] == "table"
        for row, cells in enumerate(told["rows"])
        for cell, text in enumerate(cells) if re.search(r"\d", text)
    ]  # fmt: skip


FAST = {
    "automated": [9.0, 8.0, 7.0, 6.0],
    "manual": [20.0, 21.0, 22.0, 23.0],
}
EQUAL = {"automated": [9.0] * 4, "manual": [9.0, 21.0, 22.0, 23.0]}


@pytest.mark.parametrize("times", [FAST, EQUAL], ids=["apart", "equal values"])
@pytest.mark.parametrize("section", ["rare", "order"])
def test_any_figure_of_these_tables_that_is_changed_is_found(tmp_path: Path, section: str, times: Any) -> None:
    folder = attached(tmp_path, times=times)
    document = json.loads((folder / "report.json").read_text())
    whole = Given(folder, document, None)
    whole.run()
    assert whole.wrong == []
    found = places(document, section)
    assert len(found) >= (6 if section == "order" else 30)
    for path in random.Random(1).sample(found, min(len(found), 20)):
        other = json.loads(json.dumps(document))
        row = other["sections"][path[1]]["blocks"][path[3]]["rows"][path[5]]
        before = row[path[6]]
        row[path[6]] = re.sub(r"\d", lambda digit: str((int(digit[0]) + 3) % 10), before, count=1)
        verifier = Given(folder, other, whole.given)
        verifier.run()
        assert any(line.startswith(section) for line in verifier.wrong), before


def test_a_row_of_bounds_that_was_left_out_is_found(tmp_path: Path) -> None:
    folder = attached(tmp_path)

    def leave_out(document: Any) -> None:
        rare = next(one for one in document["sections"] if one["id"] == "rare")
        next(b for b in rare["blocks"] if b["kind"] == "table")["rows"].pop()

    rewrite(folder, "report.json", leave_out)
    assert any(line.startswith("rare: ") for line in verified(folder).wrong)


@pytest.mark.parametrize("whole", [True, False])
def test_bounds_of_an_experiment_that_were_left_out_are_found(tmp_path: Path, whole: bool) -> None:
    folder = attached(tmp_path)

    def leave_out(document: Any) -> None:
        rare = next(one for one in document["sections"] if one["id"] == "rare")
        rare["blocks"] = [] if whole else rare["blocks"][2:]

    rewrite(folder, "report.json", leave_out)
    (line,) = verified(folder).wrong
    assert line.startswith("rare: experiments with bounds")


UNEQUAL = {"automated": [10.0, 10.01, 10.02, 10.03], "manual": [12.0, 60.0, 25.0, 140.0]}
_TIMES = [10.0, 10.5, 11.0, 11.6]
NEARLY = {"automated": _TIMES, "manual": [value**4 / 500 for value in _TIMES]}
"""The one arm spreads four times as much: 94.09 % in simulation, not much less."""


def test_quoted_coverages_are_those_that_reports_quote() -> None:
    """Which interval falls short is told by one table: at its edge no other simulation could tell it."""
    names = {"equal": "equal", "half spreads more": "fewer", "half spreads less": "more"}
    found: dict[tuple[str, float], dict[int, int]] = {}
    for case in simulations()["cases"]:
        sizes = found.setdefault((names[case["sizes"]], case["spread"]), dict.fromkeys(SIZES, 0))
        if case["coverage"] is not None:
            told = round(10_000 * case["coverage"])
            sizes[case["n"]] = min(told, sizes[case["n"]] or told)
    assert {key: tuple(of.values()) for key, of in found.items()} == QUOTED
    edge = round(10_000 * (coverage._WANTED - coverage.TOLERANCE))
    assert edge == SHORT


def test_the_case_that_is_quoted_is_the_one_that_the_report_takes() -> None:
    draw = random.Random(8)
    for _ in range(200):
        n = draw.choice((4, 5, 6, 8, 11, 16))
        base = [draw.lognormvariate(0, draw.choice((0.1, 0.5))) for _ in range(n)]
        other = [draw.lognormvariate(0, draw.choice((0.0, 0.1, 0.9))) for _ in range(draw.choice((n, n + 1, 2 * n)))]
        told, here = coverage.shortfall(base, other), coverage_room.quoted(nearest(base, other))
        assert told == (here / 10_000 if here < SHORT else None)


@pytest.mark.parametrize("times", [UNEQUAL, NEARLY], ids=["far short", "hardly short"])
@pytest.mark.parametrize(("change", "found"), [(None, False), (0.1, True), (3.0, True), (-20.0, True)])
def test_the_coverage_that_intervals_print_is_simulated_again(
    tmp_path: Path, times: Any, change: float | None, found: bool
) -> None:
    folder = attached(tmp_path, times=times)
    text = (folder / "report.json").read_text()
    told = re.search(rf"{SIMULATED} ([\d.]+)", text)
    assert told is not None
    if change is not None:
        (folder / "report.json").write_text(
            text.replace(told[0], told[0].replace(told[1], f"{float(told[1]) + change:.1f}"))
        )
    verifier = verified(folder)
    assert all(SIMULATED in line for line in verifier.wrong)
    assert bool(verifier.wrong) is found
    assert not [note for note in verifier.notes if "coverage" in note], "nothing of it is left unchecked"


def test_the_coverage_of_arms_that_nobody_knows_is_found(tmp_path: Path) -> None:
    folder = attached(tmp_path, times=UNEQUAL)
    text = (folder / "report.json").read_text()
    other = re.sub(r"[\w ]+ to ([\w ]+): the arms spread unequally", r"a wizard to \1: the arms spread unequally", text)
    assert other != text
    (folder / "report.json").write_text(other)
    assert any("it says 'a wizard to " in line for line in verified(folder).wrong)


@pytest.mark.parametrize("times", [UNEQUAL, NEARLY], ids=["far short", "hardly short"])
@pytest.mark.parametrize("of", [("Deploy",), ("Renew",), ("Deploy", "Renew")], ids=["first", "second", "both"])
def test_a_coverage_that_falls_short_and_is_not_told_is_found(tmp_path: Path, times: Any, of: tuple[str, ...]) -> None:
    """Also one that is hardly short, and one whose like stands under another experiment."""
    folder = attached(tmp_path, times=times)

    def leave_out(document: Any) -> None:
        section = next(one for one in document["sections"] if one["id"] == "experiments")
        kept, under = [], ""
        for b in section["blocks"]:
            under = b["text"] if b["kind"] == "heading" else under
            if not (under.startswith(of) and SIMULATED in b.get("text", "")):
                kept.append(b)
        assert len(kept) == len(section["blocks"]) - len(of)
        section["blocks"] = kept

    rewrite(folder, "report.json", leave_out)
    wrong = verified(folder).wrong
    assert len(wrong) == len(of)
    assert all(line.startswith("experiments: ") and "it does not say " in line for line in wrong)
    assert all(SIMULATED in line for line in wrong)


@pytest.mark.parametrize("whole", [True, False], ids=["every row", "one row"])
def test_a_comparison_that_was_left_out_is_found(tmp_path: Path, whole: bool) -> None:
    folder = three_ways(tmp_path)

    def leave_out(document: Any) -> None:
        section = next(one for one in document["sections"] if one["id"] == "experiments")
        ratios = next(b for b in section["blocks"] if b["kind"] == "ratios")
        ratios["rows"].pop()
        if whole:
            section["blocks"].remove(ratios)

    rewrite(folder, "report.json", leave_out)
    assert any("what is compared" in line for line in verified(folder).wrong)


AGAINST = [
    {"id": "x", "title": "X", "experiment": "deploy", "arm": "manual", "metric": "median_seconds", "at_most": 99,
     "primary_against": "automated-poll"}
]  # fmt: skip


def three_ways(folder: Path, **record: Any) -> Path:
    """A run in three arms, one of which is the same way as another."""
    ways = [("deploy", arm) for arm in ("automated", "manual", "automated-poll")]
    slots = [vars(slot) for slot in shuffled(dict.fromkeys(ways, 4), SEED)]
    return attached(folder, slots, **record)


@pytest.mark.parametrize("record", [{}, {"criteria": AGAINST}], ids=["by itself", "named"])
def test_which_comparison_is_primary_is_computed(tmp_path: Path, record: dict[str, Any]) -> None:
    folder = three_ways(tmp_path, **record)
    assert verified(folder).wrong == []
    text = (folder / "report.json").read_text()
    named = "by polling alone to the runbook" if record else "the runbook to automated"
    other = "automated to by polling alone" if record else "by polling alone to automated"
    assert f"{named} (primary)" in text
    swapped = text.replace(f'"{named} (primary)"', f'"{named}"').replace(
        f'"name": "{other}"', f'"name": "{other} (primary)"'
    )
    (folder / "report.json").write_text(swapped)
    assert any("primary" in line for line in verified(folder).wrong)


@pytest.mark.parametrize("whole_page", [True, False])
def test_a_primary_comparison_that_was_left_out_is_found(tmp_path: Path, whole_page: bool) -> None:
    folder = attached(tmp_path)

    def leave_out(document: Any) -> None:
        order = next(one for one in document["sections"] if one["id"] == "order")
        next(b for b in order["blocks"] if b["kind"] == "table")["rows"].pop()
        if whole_page:
            document["sections"].remove(order)

    rewrite(folder, "report.json", leave_out)
    assert any("primary comparisons" in line for line in verified(folder).wrong)


def test_what_is_not_computed_is_told_with_the_reason(tmp_path: Path) -> None:
    verifier = verified(attached(tmp_path))
    told = [note for note in verifier.notes if note.startswith("section ")]
    assert any(
        note.startswith("section “Versions and machine”: versions and machine are what the run recorded")
        for note in told
    )
    titles = {"What the order of trials says", "Rare failures, as bounds", "Where the time goes"}
    assert not [note for note in told if any(title in note for title in titles)]


@pytest.mark.parametrize("name", [*ALWAYS, "experiments", "traffic", "steps"])
def test_a_section_that_was_left_out_is_found(tmp_path: Path, name: str) -> None:
    folder = attached(tmp_path)

    def leave_out(document: Any) -> None:
        kept = [one for one in document["sections"] if one["id"] != name]
        assert len(kept) == len(document["sections"]) - 1
        document["sections"] = kept

    rewrite(folder, "report.json", leave_out)
    assert any(f"there is a section “{name}”: it says False" in line for line in verified(folder).wrong)
