from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from pov.measure import warnings
from pov.measure.order import new_seed, shuffled
from pov.measure.results import Arm, Kinds, gathered
from pov.measure.scoring import BLIND, STALLED, Criterion, scored
from pov.measure.statistics import compare, drift_from
from pov.measure.summary import summarise
from pov.model.kinds import Arm as CatalogueArm
from pov.model.reading import TOLD_APART
from pov.model.sample import Counts, Sample, Stalls, Traffic
from pov.model.words import Words


def test_trials_are_completely_randomised_and_the_seed_repeats_them() -> None:
    plan = {("deploy", "automated"): 3, ("deploy", "manual"): 3, ("rotate", "automated"): 1}
    slots = shuffled(plan, 7)
    assert slots == shuffled(plan, 7)
    assert slots != shuffled(plan, 8)
    assert Counter((s.experiment, s.arm) for s in slots) == Counter(plan)
    for key, trials in plan.items():
        assert [s.trial for s in slots if (s.experiment, s.arm) == key] == list(range(1, trials + 1))
    assert new_seed() < 2**32


def test_every_order_of_two_arms_is_as_likely_as_any_other() -> None:
    """Rounds of one trial an arm can give 4 of these 6 orders alone: the exact test counts all of them."""
    plan = {("deploy", "automated"): 2, ("deploy", "manual"): 2}
    found = Counter("".join(slot.arm[0] for slot in shuffled(plan, seed)) for seed in range(6000))
    assert sorted(found) == ["aamm", "amam", "amma", "maam", "mama", "mmaa"]
    assert all(850 < times < 1150 for times in found.values()), found


def test_a_drift_needs_five_trials() -> None:
    assert drift_from() == 5


def traffic(hard: int = 0, late: int = 0, excused: int = 0, *, requests: int = 100, stalls: int = 0) -> Traffic:
    counts = Counts(requests, hard, late, excused, requests // 2, hard // 2, late // 2)
    stood = Stalls(800.0 * bool(stalls), 800.0 * stalls, stalls)
    return Traffic(10.0, counts, Counts(50, 0, stalls), Counts(), heartbeat=stood, control_stalls=stood)


def sample(arm: str, trial: int, seconds: float | None, **changes: Any) -> Sample:
    made = Sample(
        experiment="rotate",
        arm=arm,
        trial=trial,
        started=f"2026-03-09T00:00:{trial:02d}Z",
        seconds=seconds,
        ok=seconds is not None,
        error=None if seconds is not None else "no",
        traffic=traffic(),
    )
    return replace(made, **changes)


def criterion(metric: str = "failed_requests", bound: float = 0, arm: str = "automated") -> Criterion:
    return Criterion("c", "C", "rotate", arm, metric, bound)


SAW = {"service": "ledger", "seen": {"edge": "fees → ledger", "kind": "hard", "cause": "expired"}}
SEEING = sample("negative-control", 1, 9.0, traffic=traffic(hard=5), details=SAW)
ONE = sample("automated", 1, 2.0)


def shaken(excused_handshakes: int | None, *, excused: int = 2, late_handshakes: int = 2) -> list[Sample]:
    """A trial with four late requests, two of them handshakes; two of the four are excused."""
    counts = Counts(100, 0, 4, excused, 50, 0, late_handshakes, excused_handshakes)
    return [replace(ONE, traffic=Traffic(10.0, counts, None, Counts()))]


SCORES: dict[str, tuple[list[Sample], int, Criterion, str, str]] = {
    "nothing failed": ([ONE], 1, criterion(), "pass", "all of 1 trial"),
    "one hard": ([replace(ONE, traffic=traffic(1))], 1, criterion(), "fail", "1 hard, 0 late"),
    "one late": ([replace(ONE, traffic=traffic(0, 1))], 1, criterion(), "fail", "0 hard, 1 late"),
    "late, all excused": ([replace(ONE, traffic=traffic(0, 4, 4))], 1, criterion(), "not shown", STALLED),
    "late, some excused": ([replace(ONE, traffic=traffic(0, 4, 3))], 1, criterion(), "fail", "3 of them excused"),
    "hard beside excused": ([replace(ONE, traffic=traffic(1, 4, 4))], 1, criterion(), "fail", "1 hard"),
    "excused above the bound": ([replace(ONE, traffic=traffic(2, 4, 4))], 1, criterion(bound=2), "not shown", STALLED),
    "within the bound": ([replace(ONE, traffic=traffic(2, 4, 4))], 1, criterion(bound=6), "pass", ""),
    "hard ones alone": ([replace(ONE, traffic=traffic(0, 4))], 1, criterion("hard_failures"), "pass", ""),
    "late ones alone": ([replace(ONE, traffic=traffic(0, 4))], 1, criterion("late_failures"), "fail", ""),
    "a failed trial's count": ([sample("automated", 1, None, traffic=traffic(1))], 1, criterion(), "fail", ""),
    "a failed trial": ([ONE, sample("automated", 2, None)], 2, criterion(), "not shown", "1 of 2 trials failed"),
    "too few": ([ONE], 3, criterion(), "not shown", "1 of 3 trials planned"),
    "none": ([], 3, criterion(), "not shown", "no trial"),
    "nothing sent": ([replace(ONE, traffic=traffic(requests=0))], 1, criterion(), "not shown", "not recorded"),
    "no load": ([replace(ONE, traffic=None)], 1, criterion(), "not shown", "not recorded"),
    "time kept": ([ONE], 1, criterion("max_seconds", 2), "pass", ""),
    "time not kept": ([sample("automated", 1, 2.5)], 1, criterion("max_seconds", 2), "fail", ""),
    "every trial failed": ([sample("automated", 1, None)], 1, criterion("max_seconds", 2), "not shown", "every trial"),
    "handshakes": ([replace(ONE, traffic=traffic(2))], 1, criterion("failed_handshakes"), "fail", ""),
    "late handshakes, excused": (shaken(2), 1, criterion("failed_handshakes"), "not shown", "2 of 2 may be excused"),
    "late handshakes, one excused": (shaken(1), 1, criterion("failed_handshakes"), "fail", ""),
    "other requests excused": (shaken(0), 1, criterion("failed_handshakes"), "fail", ""),
    "not told apart": (shaken(None), 1, criterion("failed_handshakes"), "not shown", "2 of 2 may be excused"),
    "not told apart, over both trials": (
        [*shaken(None, late_handshakes=0), *shaken(None, excused=0)],
        1, criterion("failed_handshakes"), "not shown", "2 of 2 may be excused",
    ),
    "told apart in one of two": (
        [*shaken(0), replace(shaken(None)[0], trial=2)], 2, criterion("failed_handshakes"), "not shown", "4 of 4",
    ),
    "a figure": ([replace(ONE, figures={"copied": 3.0})], 1, criterion("copied", 2), "fail", ""),
    "no such figure": ([ONE], 1, criterion("copied", 2), "not shown", "not recorded"),
    "the prober sees": ([ONE, SEEING], 1, criterion(), "pass", ""),
    "the prober is blind": ([ONE, replace(SEEING, traffic=traffic())], 1, criterion(), "not shown", BLIND),
    "the control failed": ([ONE, replace(SEEING, ok=False)], 1, criterion(), "not shown", BLIND),
    "seen elsewhere": (
        [ONE, replace(SEEING, details={**SAW, "service": "gateway"})], 1, criterion(), "not shown", BLIND,
    ),
    "seen late": (
        [ONE, replace(SEEING, details={**SAW, "seen": {"edge": "fees → ledger", "kind": "late"}})],
        1, criterion(), "not shown", BLIND,
    ),
    "blind, but it failed": (
        [replace(ONE, traffic=traffic(1)), replace(SEEING, traffic=traffic())], 1, criterion(), "fail", "",
    ),
    "blind, and about time": ([ONE, replace(SEEING, ok=False)], 1, criterion("max_seconds", 2), "pass", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORES)
def test_a_criterion_passes_fails_or_is_not_shown_and_says_why(case: str) -> None:
    samples, planned, wanted, outcome, reason = SCORES[case]
    (score,) = scored(gathered(samples, {("rotate", "automated"): planned}, Words()), [wanted])
    assert (score.outcome, reason in score.reason) == (outcome, True), score.reason


LIVE: dict[str, Any] = {"figures": {"failed_live": 7.0}, "details": {"failed_live_hard": 5}}
EXCUSED: dict[str, Any] = {**LIVE, "details": {"failed_live_hard": 5, "failed_live_excused": 2}}
LATE_3: dict[str, Any] = {"figures": {"late_until_good": 3.0}, "details": {"late_until_good_excused": 3}}
BY_KIND: dict[str, tuple[list[Sample], Criterion, Kinds | None, str]] = {
    "hard alone": ([replace(ONE, traffic=traffic(9))], criterion(), Kinds(9, 0), "over 1 trial"),
    "none": ([ONE], criterion(), Kinds(0, 0), "all of 1 trial"),
    "excused": (
        [replace(ONE, traffic=traffic(1, 4, 3))], criterion(), Kinds(1, 4), "3 of the late ones excused, over 1 trial",
    ),
    "excused above the bound": (
        [replace(ONE, traffic=traffic(1, 4, 4))], criterion(bound=2), Kinds(1, 4),
        f"{STALLED}: 4 of 4 late may be excused",
    ),
    "another reason": ([ONE, sample("automated", 2, None)], criterion(), Kinds(0, 0), "1 of 2 trials failed"),
    "handshakes": (shaken(1), criterion("failed_handshakes"), Kinds(0, 2), "1 of the late ones excused, over 1 trial"),
    "nothing sent": ([replace(ONE, traffic=traffic(requests=0))], criterion(), None, "not recorded"),
    "one kind": (
        [replace(ONE, traffic=traffic(1, 4))], criterion("hard_failures"), None,
        "1 hard, 4 late (0 of them excused), over 1 trial",
    ),
    "a time": ([sample("automated", 1, 2.5)], criterion("max_seconds", 2), None, "over 1 trial"),
    "a figure of its own": ([replace(ONE, **LIVE)], criterion("failed_live"), Kinds(5, 2), "over 1 trial"),
    "a figure of its own, twice": (
        [replace(ONE, **LIVE), replace(ONE, trial=2, **LIVE)], criterion("failed_live"), Kinds(10, 4), "over 2 trials",
    ),
    "told in one of two": (
        [replace(ONE, **LIVE), replace(ONE, trial=2, figures={"failed_live": 1.0})], criterion("failed_live"), None,
        "over 2 trials",
    ),
    "damaged": (
        [replace(ONE, figures={"failed_live": 7.0}, details={"failed_live_hard": 9})], criterion("failed_live"), None,
        "over 1 trial",
    ),
    "a figure of its own, some excused": (
        [replace(ONE, **EXCUSED)], criterion("failed_live"), Kinds(5, 2), "2 of the late ones excused, over 1 trial",
    ),
    "a figure of its own, excused above the bound": (
        [replace(ONE, **EXCUSED)], criterion("failed_live", 5), Kinds(5, 2), f"{STALLED}: 2 of 2 late may be excused",
    ),
    "a figure of late ones, excused above the bound": (
        [replace(ONE, **LATE_3)], criterion("late_until_good"), None, f"{STALLED}: 3 of 3 may be excused",
    ),
    "a figure of late ones, some excused": (
        [replace(ONE, **LATE_3), replace(ONE, trial=2, figures={"late_until_good": 1.0})],
        criterion("late_until_good"), None, "3 of them excused, over 2 trials",
    ),
    "a figure of hard ones beside them": (
        [replace(ONE, figures={"hard_until_good": 2.0, **LATE_3["figures"]}, details=LATE_3["details"])],
        criterion("hard_until_good"), None, "over 1 trial",
    ),
    "never told apart": (
        [replace(ONE, traffic=replace(traffic(3), details={TOLD_APART: False}))], criterion(), None, "over 1 trial",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_KIND)
def test_a_sum_of_hard_and_late_failures_is_told_as_both_and_judged_as_a_sum(case: str) -> None:
    samples, wanted, kinds, told = BY_KIND[case]
    (score,) = scored(gathered(samples, {}, Words()), [wanted])
    assert (score.kinds, score.why) == (kinds, told)
    kept = score.as_json()
    assert (kept["hard"], kept["late"]) == ((kinds.hard, kinds.late) if kinds else (None, None))
    assert kept["reason"] == score.reason, "as summaries of before have it, or they would not verify"
    if kinds is not None:
        assert score.observed == kinds.hard + kinds.late


def test_todays_way_is_told_by_kind_too() -> None:
    samples = [ONE, replace(sample("manual", 1, 9.0), traffic=traffic(9))]
    (score,) = scored(gathered(samples, {}, Words()), [criterion()])
    assert score.as_json()["today"] == {"arm": "manual", "observed": 9.0, "hard": 9, "late": 0, "outcome": "fail"}


@pytest.mark.parametrize(
    ("own", "today", "apart"),
    [(2.0, 100.0, False), (2.0, 200.0, True), (200.0, 300.0, None), (2.0, None, None)],
)
def test_a_bound_that_both_ways_keep_does_not_tell_them_apart(
    own: float, today: float | None, apart: bool | None
) -> None:
    samples = [sample("automated", 1, own), sample("manual", 1, today)]
    (score,) = scored(gathered(samples, {}, Words()), [criterion("median_seconds", 180)])
    assert score.tells_apart is apart
    assert score.today is not None
    assert score.as_json()["tells_apart"] is apart
    (of_today,) = scored(gathered(samples, {}, Words()), [criterion("median_seconds", 180, "manual")])
    assert of_today.today is None


@pytest.mark.parametrize(
    ("base", "other", "shorter"),
    [
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], True),
        ([4.0, 5.0, 6.0], [1.0, 2.0, 3.0], False),
        ([1.0, 2.0, 5.0], [4.0, 5.5, 6.0], None),
    ],
)
def test_arms_differ_only_where_their_ranges_are_apart(
    base: list[float], other: list[float], shorter: bool | None
) -> None:
    arms = [Arm(name, tuple(sample(name, n, s) for n, s in enumerate(v, 1))) for name, v in (("a", base), ("b", other))]
    found = compare("rotate", *arms)
    assert found is not None
    assert found.shorter is shorter
    few = compare("rotate", *(replace(arm, trials=arm.trials[:2]) for arm in arms))
    assert few is not None
    assert (few.few, few.shorter) == (True, None)


def test_an_arm_is_people_s_by_the_catalogue_and_not_by_its_name() -> None:
    """A line more in the catalogue, and what a person and what a script did under it stay apart."""
    words = Words().with_arms([CatalogueArm("by-phone", "By phone", kind="person", compared=False)])
    samples = [
        sample("by-phone", 1, 90.0, origin="person"),
        sample("by-phone", 2, 9.0, origin="simulated"),
        sample("manual", 1, 20.0, origin="person"),
        ONE,
    ]
    (experiment,) = gathered(samples, {}, words).experiments
    assert [arm.name for arm in experiment.people] == ["manual-person", "by-phone", "by-phone-simulated"]
    assert [arm.name for arm in experiment.arms] == ["automated"]


def test_controls_enter_no_statistic() -> None:
    samples = [
        sample("automated", 1, 2.0),
        sample("manual", 1, 8.0),
        sample("automated-poll", 1, 100.0),
        sample("placebo", 1, 12.0),
        replace(SEEING, seconds=15.0),
    ]
    planned = [{"experiment": "rotate", "arm": arm, "trials": 1} for arm in ("automated", "manual", "automated-poll")]
    summary = summarise({"planned": planned}, samples, [])
    (experiment,) = summary["experiments"]
    assert [arm["name"] for arm in experiment["arms"]] == ["automated", "manual", "automated-poll"]
    told = [(c["arms"], c["ratio"]) for c in experiment["comparisons"]]
    assert told == [(["manual", "automated"], 4.0), (["automated-poll", "automated"], 50.0)]
    assert [c["primary"] for c in experiment["comparisons"]] == [True, False]
    assert experiment["placebo"]["failed_requests"] == 0
    assert experiment["negative_control"]["failed_requests"] == 5
    assert experiment["negative_control"]["windows"][0]["seconds"] == 15.0
    assert summary["prober_sees"] is True


def warned(*samples: Sample) -> str:
    return " ".join(warnings.look(gathered(samples, {}, Words()).experiments[0]))


def test_warnings_come_with_a_remedy() -> None:
    told = warned(
        sample("automated", 1, 1.0, details={"load_per_core": 3.0}, traffic=traffic(0, 2, 1)),
        sample("automated", 2, 1.1),
        sample("automated", 3, 9.0),
        sample("automated", 4, None),
    )
    for words in (
        "1 of 4 trials failed",
        "trial 3 is more than 2 times off",
        "2 requests came late, 1 of them while",
        "tasks a core",
    ):
        assert words in told


def test_a_busy_machine_is_told_once_with_the_arms_that_it_met() -> None:
    samples = [
        sample(arm, n, 1.0, details={"load_per_core": load})
        for arm, loads in {"automated": (6.4, 1.0, 0.8), "manual": (2.1, 2.4, 2.0), "automated-poll": (0.4,)}.items()
        for n, load in enumerate(loads, 1)
    ]
    told = warnings.look(gathered(samples, {}, Words()).experiments[0])
    about = [line for line in told if "runnable tasks a core" in line]
    assert len(about) == 1
    assert about[0].startswith("rotate: 3 of 7 trials (")
    assert "automated 1" in about[0]
    assert "manual 2" in about[0]
    assert "poll" not in about[0]
    assert "what the toolkit itself had done then among them" in about[0]


@pytest.mark.parametrize(("seconds", "drift"), [
    ([2.0, 3.0, 3.5], False), ([2.0, 2.5, 3.0, 3.5], False), ([2.0, 2.4, 2.8, 3.0, 3.5], True),
    ([3.5, 3.0, 2.8, 2.4, 2.0], True), ([2.0, 2.4, 2.3, 3.0, 3.5], False), ([2.0, 2.0, 2.0, 2.0, 2.0], False),
])  # fmt: skip
def test_a_drift_is_told_only_where_chance_makes_one_in_less_than_5_percent(seconds: list[float], drift: bool) -> None:
    told = warned(*(sample("automated", n, value) for n, value in enumerate(seconds, 1)))
    assert ("by chance in 1 of 60 runs: a drift?" in told) is drift


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ([{}, {"failures_cut": False, "heartbeat_cut": False}], ""),
        ([{}, {"failures_cut": True}], "in 1 of 2 trials there were more failures or stalls"),
        ([{"failures_cut": True}, {"heartbeat_cut": True}], "in 2 of 2 trials there were more failures or stalls"),
        ([{"failures_cut": 1}, {"heartbeat_cut": "true"}], ""),
    ],
)
def test_what_the_prober_did_not_keep_is_warned_of(details: list[dict[str, Any]], said: str) -> None:
    trials = [
        sample("automated", n, 2.0, traffic=replace(traffic(), details=told)) for n, told in enumerate(details, 1)
    ]
    assert said in warned(*trials)
    assert bool(said) == bool(warned(*trials))


@pytest.mark.parametrize(
    ("stalled", "placebos", "told"),
    [(3, [0, 0], True), (1, [0, 0], False), (3, [0, 1], False), (3, [], False), (0, [0], False)],
)
def test_an_operation_that_loads_the_machine_is_told(stalled: int, placebos: list[int], told: bool) -> None:
    trials = [sample("automated", n, 2.0, traffic=traffic(stalls=int(n <= stalled))) for n in (1, 2, 3)]
    windows = [sample("placebo", n, 2.0, traffic=traffic(stalls=found)) for n, found in enumerate(placebos, 1)]
    assert ("the operation loads this machine" in warned(*trials, *windows)) is told
