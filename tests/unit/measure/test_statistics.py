from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest

from pov.measure.bounds import CONNECTION, FAILED, HARD, LATE, REQUEST, TRIAL, bounds
from pov.measure.coverage import shortfall, simulated
from pov.measure.results import Arm, gathered
from pov.measure.schema import summary_schema
from pov.measure.scoring import Criterion, scored
from pov.measure.statistics import DESCRIPTIVE, Comparison, comparisons, same
from pov.measure.summary import summarise
from pov.model.sample import Counts, Sample, Step, Traffic
from pov.model.words import Words
from tests.benchmarks.coverage import Case
from tests.unit.reporting.simulated import footprint

SIX = (10.0, 10.4, 10.9, 11.3, 11.8, 12.1)


def trials(experiment: str, arm: str, times: Sequence[float | None], **changes: Any) -> list[Sample]:
    return [
        Sample(experiment, arm, n, seconds=seconds, ok=seconds is not None, **changes)
        for n, seconds in enumerate(times, 1)
    ]


def compared(*samples: list[Sample], criteria: Sequence[Criterion] = ()) -> dict[str, list[Comparison]]:
    return comparisons(gathered([one for each in samples for one in each], {}, Words()), criteria)


def times(factor: float) -> list[float]:
    return [factor * seconds for seconds in SIX]


def test_one_comparison_an_experiment_is_primary_and_the_others_have_no_p() -> None:
    found = compared(
        trials("deploy", "automated", SIX),
        trials("deploy", "manual", times(2.03)),
        trials("deploy", "automated-poll", times(3.01)),
        trials("rotate", "automated", SIX),
        trials("rotate", "manual", times(1.01)),
    )
    (manual, poll), (rotate,) = found["deploy"], found["rotate"]
    assert [one.primary for one in (manual, poll, rotate)] == [True, False, True]
    assert manual.test.p == pytest.approx(2 / 924)
    assert manual.adjusted == pytest.approx(4 / 924)
    assert rotate.adjusted == rotate.test.p
    assert (poll.test.p, poll.adjusted, poll.test.why_none) == (None, None, DESCRIPTIVE)
    assert poll.ratio.interval is not None
    assert (manual.shorter, poll.shorter, rotate.shorter) == (True, True, None)


def test_the_criteria_name_the_primary_comparison() -> None:
    wanted = Criterion("c", "C", "deploy", "manual", "median_seconds", 9, primary_against="automated-poll")
    found = compared(
        trials("deploy", "automated", SIX),
        trials("deploy", "manual", times(2.03)),
        trials("deploy", "automated-poll", times(3.01)),
        criteria=[wanted],
    )["deploy"]
    pairs = [(one.base.name, one.other.name, one.primary) for one in found]
    assert pairs == [
        ("manual", "automated-poll", True),
        ("automated", "automated-poll", False),
        ("automated", "manual", False),
    ]


def test_a_difference_that_is_not_in_every_trial_stands_on_interval_and_corrected_p() -> None:
    base, other = [1.0, 1.1, 1.2, 1.3, 1.4, 2.05], [2.0, 2.1, 2.2, 2.3, 2.4, 2.5]
    (alone,) = compared(trials("deploy", "automated", base), trials("deploy", "manual", other))["deploy"]
    assert (alone.wholly, alone.apart, alone.shorter) == (False, True, True)
    nine = [trials(f"e{n}", arm, SIX) for n in range(12) for arm in ("automated", "manual")]
    (among,) = compared(trials("deploy", "automated", base), trials("deploy", "manual", other), *nine)["deploy"]
    assert among.adjusted is not None
    assert (among.by_chance, among.shorter) == (True, None)


@pytest.mark.parametrize(
    ("again", "smallest", "apart", "shorter"),
    [
        ([10.1, 10.5, 10.8, 11.2, 11.9, 12.0], 1.12, False, True),
        ([9.0, 10.5, 15.8, 11.2, 11.9, 16.0], 1.45, False, None),
        (times(1.5), 1.67, True, None),
        ([10.1, 10.5, 10.8], 1.17, False, True),
        ([10.1, 10.5], None, False, True),
        ([], None, False, True),
    ],
)
def test_an_arm_against_itself_tells_what_this_machine_can_tell(
    again: list[float], smallest: float | None, apart: bool, shorter: bool | None
) -> None:
    samples = [*trials("deploy", "automated", SIX), *trials("deploy", "manual", times(1.25))]
    samples += trials("deploy", "automated-again", again)
    results = gathered(samples, {}, Words())
    found = same(results, results.experiments[0])
    assert (found is not None) == bool(again)
    if found is not None:
        assert (found.smallest and round(found.smallest, 2), found.apart) == (smallest, apart)
    (manual,) = comparisons(results)["deploy"]
    assert (manual.smallest and round(manual.smallest, 2), manual.shorter) == (smallest, shorter)


def test_a_failure_against_itself_counts_for_the_arm() -> None:
    counts = Counts(requests=100, hard=1, handshakes=50, hard_handshakes=1)
    samples = trials("rotate", "automated", SIX[:2], traffic=Traffic(1.0, Counts(100), None, Counts()))
    samples += trials("rotate", "automated-again", SIX[:1], traffic=Traffic(1.0, counts, None, Counts()))
    plan = {("rotate", "automated"): 2, ("rotate", "automated-again"): 2}
    results = gathered(samples, plan, Words())
    (failed,) = scored(results, [Criterion("c", "C", "rotate", "automated", "failed_requests", 0)])
    assert (failed.outcome, failed.observed) == ("fail", 1.0)
    (kept,) = scored(results, [Criterion("c", "C", "rotate", "automated", "failed_requests", 1)])
    assert (kept.outcome, kept.reason) == ("not shown", "3 of 4 trials planned ran")
    (time,) = scored(results, [Criterion("c", "C", "rotate", "automated", "max_seconds", 10.4)])
    assert time.outcome == "pass"


def test_rare_failures_are_bounded_by_trial_by_connection_and_by_request() -> None:
    clean = Traffic(1.0, Counts(requests=100, handshakes=40), None, Counts())
    lost = Traffic(
        1.0, Counts(100, hard=3, late=2, handshakes=40, hard_handshakes=2, late_handshakes=1), None, Counts()
    )
    samples = [
        *trials("rotate", "manual", (1.0, None), traffic=lost),
        *trials("rotate", "manual", (1.0,), traffic=clean),
    ]
    found = {
        (rare.per, rare.kind): (rare.bound.events, rare.bound.of) for rare in bounds(Arm("manual", tuple(samples)))
    }
    assert list(found.items()) == [
        ((TRIAL, FAILED), (1, 3)),
        ((TRIAL, HARD), (2, 3)),
        ((TRIAL, LATE), (2, 3)),
        ((CONNECTION, HARD), (4, 120)),
        ((CONNECTION, LATE), (2, 120)),
        ((REQUEST, HARD), (6, 300)),
        ((REQUEST, LATE), (4, 300)),
    ]
    assert bounds(Arm("manual", ())) == ()
    (only,) = bounds(Arm("manual", tuple(trials("rotate", "manual", (1.0,)))))
    assert (only.per, only.kind, only.bound.rule_of_three) == (TRIAL, FAILED, 1.0)


@pytest.mark.parametrize(
    ("one", "other", "short"),
    [
        (SIX, [2 * seconds for seconds in SIX], False),
        (SIX, [seconds**9 for seconds in SIX], False),
        (SIX, [*(seconds**9 for seconds in SIX), *(seconds**9 for seconds in SIX)], False),
        ([seconds**9 for seconds in SIX], [*SIX, *SIX], True),
        (SIX[:4], [seconds**9 for seconds in SIX[:4]], True),
        (SIX[:4], [5.0] * 4, True),
        ([5.0] * 4, [5.0] * 4, True),
    ],
)
def test_it_is_told_where_intervals_fall_short(one: list[float], other: list[float], short: bool) -> None:
    assert (shortfall(one, other) is not None) is short


@pytest.mark.parametrize(
    "case",
    [
        Case("equal", 1, "even", 4),
        Case("equal", 8, "skewed", 4),
        Case("half spreads more", 8, "even", 3),
        Case("half spreads less", 4, "skewed", 5),
    ],
)
def test_the_simulated_coverage_that_the_report_quotes_is_found_again(case: Case) -> None:
    wanted = {(c["sizes"], c["spread"], c["shape"], c["n"]): c["coverage"] for c in simulated()["cases"]}
    assert case.coverage(1500, seed=2) == pytest.approx(wanted[case.sizes, case.spread, case.shape, case.n], abs=0.03)
    assert Case("equal", 1, "even", 3).coverage(10, seed=2) is None


def test_the_summary_holds_all_of_it() -> None:
    samples = [
        *trials("rotate", "automated", SIX, traffic=Traffic(1.0, Counts(100, handshakes=40), None, Counts())),
        *trials("rotate", "manual", times(2.03)),
        *trials("rotate", "automated-again", times(1.01)),
    ]
    (experiment,) = summarise({"planned": []}, samples, [])["experiments"]
    (one,) = experiment["comparisons"]
    assert (one["primary"], one["p_value"]) == (True, pytest.approx(2 / 924))
    assert one["p_adjusted"] == one["p_value"]
    assert one["interval"][0] < one["ratio"] < one["interval"][1]
    assert one["coverage"] == 0.9589
    assert experiment["against_itself"]["smallest_ratio"] > 1
    assert experiment["arms"][0]["bounds"][1] == {
        "per": "trial",
        "kind": "hard",
        "events": 0,
        "of": 6,
        "rule_of_three": 0.5,
        "at_most": pytest.approx(1 - 0.05 ** (1 / 6)),
        "assumes": "trials fail independently of each other",
    }


WINDOW = Traffic(1.0, Counts(100, handshakes=40), Counts(10), Counts())
SUMMED = [
    *trials("rotate", "automated", (*SIX, None), traffic=WINDOW, steps=(Step("commit", 1.0),), figures={"found": 2.0}),
    *trials("rotate", "manual", times(2.03), error="no"),
    *trials("rotate", "automated-again", times(1.01), traffic=WINDOW),
    *trials("rotate", "placebo", SIX[:1], traffic=WINDOW, details={"estate": "legacy", "footprint": footprint(1)}),
    *trials("rotate", "negative-control", SIX[:1], traffic=WINDOW),
    *trials("deploy", "automated", SIX[:2]),
    *trials("deploy", "manual", SIX[:1], origin="person", traffic=WINDOW, details={"by": "jo"}),
]


def test_every_sum_of_failures_has_its_parts_beside_it() -> None:
    counts = Counts(100, hard=3, late=2, handshakes=40, hard_handshakes=2, late_handshakes=1)
    summary = summarise({}, trials("rotate", "automated", SIX[:1], traffic=Traffic(1.0, counts, None, Counts())), [])
    (arm,) = summary["experiments"][0]["arms"]
    for row in (arm, *arm["trials"]):
        assert (row["failed_requests"], row["hard"], row["late"]) == (5, 3, 2)
        assert (row["failed_handshakes"], row["hard_handshakes"], row["late_handshakes"]) == (3, 2, 1)


@pytest.mark.parametrize("samples", [SUMMED, SUMMED[:1], []])
def test_every_summary_fits_the_published_schema(samples: list[Sample]) -> None:
    schema = summary_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    planned = [{"experiment": "rotate", "arm": "manual", "trials": 6}]
    wanted = [Criterion("c", "C", "rotate", "automated", "failed_requests", 0)]
    document = json.loads(json.dumps(summarise({"planned": planned}, samples, wanted)))
    jsonschema.validate(document, schema)
    for damage in ({"extra": 1}, {"schema": "pov.dev/summary/v1"}, {"criteria": [{}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, **damage}, schema)
