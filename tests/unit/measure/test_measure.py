from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pov.config.scenario import Criterion
from pov.measure import warnings
from pov.measure.criteria import score
from pov.measure.order import interleave, new_seed
from pov.measure.statistics import ratio_of_medians, smallest_p, spread, why_no_interval
from pov.measure.summary import summarise


def test_trials_are_interleaved_in_rounds_and_the_seed_repeats_them() -> None:
    plan = {("deploy", "automated"): 3, ("deploy", "manual"): 3, ("rotate", "automated"): 1}
    slots = interleave(plan, 7)
    assert slots == interleave(plan, 7)
    assert slots != interleave(plan, 8)
    assert Counter((s.experiment, s.arm) for s in slots) == Counter(plan)
    assert [s.trial for s in slots] == [1, 1, 1, 2, 2, 3, 3]
    assert new_seed() < 2**32


def test_statistics_know_what_they_cannot_say() -> None:
    assert spread([]) is None
    found = spread([3.0, 1.0, 2.0])
    assert found is not None
    assert (found.n, found.median, found.minimum, found.maximum) == (3, 2.0, 1.0, 3.0)
    with pytest.raises(ValueError, match="finite"):
        spread([float("nan")])
    assert ratio_of_medians([4.0], [2.0]) == 2.0
    assert ratio_of_medians([4.0], []) is None
    assert smallest_p(3, 3) == pytest.approx(0.1)
    assert "0.1;" in why_no_interval(3, 3)
    assert why_no_interval(0, 3) == "an arm has no successful trial"


def sample(arm: str, trial: int, seconds: float | None, **changes: Any) -> dict[str, Any]:
    return {
        "experiment": "rotate",
        "arm": arm,
        "trial": trial,
        "origin": "executed",
        "started": f"2026-03-09T00:00:{trial:02d}Z",
        "seconds": seconds,
        "ok": seconds is not None,
        "error": None if seconds is not None else "no",
        "steps": [],
        "requests": 100,
        "failed_requests": 0,
        "handshakes": 50,
        "failed_handshakes": 0,
        "details": {"estate": "staging"},
        **changes,
    }


def criterion(**changes: Any) -> Criterion:
    document = {"id": "c", "title": "C", "experiment": "rotate", "metric": "failed_requests", "atMost": 0}
    return Criterion.model_validate({**document, **changes})


@pytest.mark.parametrize(
    ("samples", "planned", "changes", "outcome"),
    [
        ([sample("automated", 1, 2.0)], 1, {}, "pass"),
        ([sample("automated", 1, 2.0, failed_requests=1)], 1, {}, "fail"),
        ([sample("automated", 1, None, failed_requests=1)], 1, {}, "fail"),
        ([sample("automated", 1, 2.0), sample("automated", 2, None)], 2, {}, "not shown"),
        ([sample("automated", 1, 2.0)], 3, {}, "not shown"),
        ([], 3, {}, "not shown"),
        ([], 0, {}, "not shown"),
        ([sample("automated", 1, 2.0, requests=0)], 1, {}, "not shown"),
        ([sample("automated", 1, 2.0)], 1, {"metric": "max_seconds", "atMost": 2}, "pass"),
        ([sample("automated", 1, 2.5)], 1, {"metric": "max_seconds", "atMost": 2}, "fail"),
        ([sample("automated", 1, 2.5)], 1, {"metric": "failed_handshakes"}, "pass"),
    ],
)
def test_a_criterion_passes_on_every_planned_trial_or_not_at_all(
    samples: list[dict[str, Any]], planned: int, changes: dict[str, Any], outcome: str
) -> None:
    assert score(criterion(**changes), samples, planned).outcome == outcome


def test_controls_enter_no_statistic() -> None:
    samples = [
        sample("automated", 1, 2.0),
        sample("manual", 1, 8.0),
        sample("automated-poll", 1, 100.0),
        sample("placebo", 1, 12.0),
        sample("negative-control", 1, 15.0, failed_requests=9),
    ]
    planned = [{"experiment": "rotate", "arm": arm, "trials": 1} for arm in ("automated", "manual", "automated-poll")]
    (experiment,) = summarise({"planned": planned}, samples, [])["experiments"]
    assert [arm["name"] for arm in experiment["arms"]] == ["automated", "manual", "automated-poll"]
    assert [(c["arms"], c["ratio"]) for c in experiment["comparisons"]] == [(["manual", "automated"], 4.0)]
    assert experiment["placebo"]["failed_requests"] == 0
    assert experiment["negative_control"]["failed_requests"] == 9
    assert experiment["negative_control"]["windows"][0]["seconds"] == 15.0


def test_warnings_come_with_a_remedy() -> None:
    busy = {"estate": "staging", "load_per_core": 3.0, "traffic": {"late": 2}}
    samples = [
        sample("automated", 1, 1.0, details=busy),
        sample("automated", 2, 1.1),
        sample("automated", 3, 9.0),
        sample("automated", 4, None),
    ]
    told = " ".join(warnings.look("rotate", samples))
    for words in (
        "1 of 4 trials failed",
        "trial 3 is more than 2 times off",
        "2 requests were sent late",
        "tasks a core",
    ):
        assert words in told
    drifting = [sample("manual", n, 1.0 + n) for n in range(1, 4)]
    assert "a drift?" in " ".join(warnings.look("rotate", drifting))
    assert warnings.look("rotate", [sample("manual", n, 1.0) for n in range(1, 4)]) == []
