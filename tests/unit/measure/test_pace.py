from __future__ import annotations

import random

import pytest

from pov.measure.pace import AROUND_S, Cost, Key, costs, fit, learnt, total

AUTOMATED, MANUAL, POLL = ("deploy", "automated"), ("deploy", "manual"), ("deploy", "automated-poll")
EACH = {AUTOMATED: Cost(30, 4), MANUAL: Cost(20, 4), POLL: Cost(130, 1)}


def sample(key: Key, whole: object) -> dict[str, object]:
    return {"experiment": key[0], "arm": key[1], "details": {"whole_seconds": whole}}


def never(key: Key) -> bool:
    return False


def polled(key: Key) -> bool:
    return key == POLL


def test_times_are_learnt_from_the_newest_trials() -> None:
    runs = [[sample(AUTOMATED, 500)] * 30, [sample(AUTOMATED, s) for s in range(20, 30)]]
    assert learnt(runs) == {AUTOMATED: Cost(24.5, 10)}


@pytest.mark.parametrize("whole", [None, "soon", float("nan"), {}])
def test_what_was_not_recorded_teaches_nothing(whole: object) -> None:
    assert learnt([[sample(AUTOMATED, whole), {"experiment": "deploy"}, {"details": 3}]]) == {}


def test_where_nothing_was_timed_the_cost_is_a_guess() -> None:
    each = costs({AUTOMATED: 3, MANUAL: 3}, {AUTOMATED: Cost(31, 6)}, lambda _: 10.0)
    assert each == {AUTOMATED: Cost(31, 6), MANUAL: Cost(10 + AROUND_S, 0)}


@pytest.mark.parametrize(
    ("plan", "budget_s", "kept", "reasons"),
    [
        ({AUTOMATED: 3, MANUAL: 3}, 150, {AUTOMATED: 3, MANUAL: 3}, []),
        ({AUTOMATED: 3, MANUAL: 3}, 149, {AUTOMATED: 2, MANUAL: 2}, ["the budget holds 2 of 3 rounds"]),
        ({AUTOMATED: 6, MANUAL: 2}, 129, {AUTOMATED: 2, MANUAL: 2}, ["the budget holds 2 of 6 rounds"]),
        ({AUTOMATED: 3, MANUAL: 3, POLL: 1}, 280, {AUTOMATED: 3, MANUAL: 3, POLL: 1}, []),
        (
            {AUTOMATED: 9, MANUAL: 9, POLL: 1},
            280,
            {AUTOMATED: 3, MANUAL: 3, POLL: 1},
            ["the budget holds 3 of 9 rounds"],
        ),
        (
            {AUTOMATED: 2, MANUAL: 2, POLL: 1},
            110,
            {AUTOMATED: 2, MANUAL: 2},
            ["deploy automated-poll is left out: one trial takes about 130 s"],
        ),
        ({AUTOMATED: 3, MANUAL: 3}, 49, {}, []),
        ({}, 100, {}, []),
    ],
)
def test_a_budget_cuts_all_arms_alike(
    plan: dict[Key, int], budget_s: float, kept: dict[Key, int], reasons: list[str]
) -> None:
    assert fit(plan, EACH, budget_s, polled) == (kept, reasons)


def test_what_is_kept_fits_and_is_never_more_than_was_planned() -> None:
    draw = random.Random(3)
    for _ in range(200):
        plan = {key: draw.randint(1, 8) for key in EACH}
        budget_s = draw.uniform(1, 1500)
        kept, _reasons = fit(plan, EACH, budget_s, never)
        assert total(kept, EACH) <= budget_s
        assert all(1 <= kept[key] <= plan[key] for key in kept)
        assert set(kept) in ({*plan}, set())
