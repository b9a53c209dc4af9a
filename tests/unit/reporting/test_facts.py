from __future__ import annotations

import json
from pathlib import Path

import pytest

from pov.measure.scoring import criteria
from pov.measure.summary import summarise
from pov.model.reading import read_sample
from pov.reporting.facts import gather
from pov.reporting.model import build
from pov.reporting.numbers import NARROW, nice_axis, seconds, span
from pov.state.runs import HEAD, read_run
from tests.unit.reporting import simulated


def test_statistics_stand_on_successful_trials_alone(tmp_path: Path) -> None:
    order = [{"experiment": "deploy", "arm": "automated", "trial": i} for i in (1, 2, 3, 4)]
    changes = {1: {"seconds": 10.0}, 2: {"seconds": 20.0}, 3: {"seconds": 300.0, "ok": False}, 4: {"seconds": 40.0}}
    facts = gather(read_run(simulated.save(tmp_path, order=order, sample_changes=changes)))
    arm = facts.experiments[0].arms[0]
    assert (arm.n, arm.median, arm.least, arm.greatest) == (3, 20.0, 10.0, 40.0)
    assert [trial.n for trial in arm.failed] == [3]


def test_what_no_version_wrote_into_a_run_is_not_read(tmp_path: Path) -> None:
    """Keys that nothing ever wrote would be a second way to say the same, which only somebody by hand could take."""
    stated = simulated.environment([])["baseline"]
    changes = {
        "baseline": [],
        "engagement": {"customer_name": "Somebody", "baseline": stated},
        "runbook": {"origin": "customer", "path": "x", "digest": "x", "by": "x"},
    }
    facts = gather(read_run(simulated.save(tmp_path, environment_changes=changes)))
    assert (facts.customer, facts.stated, facts.from_customer("deploy")) == ("", (), False)


def test_the_negative_control_is_in_no_arm(tmp_path: Path) -> None:
    facts = gather(read_run(simulated.save(tmp_path)))
    rotate = facts.results.experiment("rotate")
    assert rotate is not None
    assert [arm.name for arm in rotate.arms] == ["automated", "manual"]
    assert rotate.negative is not None
    assert rotate.negative.counts is not None
    assert rotate.negative.counts.hard == 37
    assert facts.results.sight.shown is True


def test_a_quiet_control_is_in_no_arm_and_in_no_count(tmp_path: Path) -> None:
    order = [*simulated.plan(), {"experiment": "rotate", "arm": "placebo", "trial": 1}]
    facts = gather(read_run(simulated.save(tmp_path, order=order)))
    rotate = facts.results.experiment("rotate")
    assert rotate is not None
    assert rotate.placebo is not None
    assert [arm.name for arm in rotate.arms] == ["automated", "manual"]
    assert facts.saved == 15
    assert facts.planned is not None
    assert len(facts.planned) == 15


def test_a_summary_that_scores_otherwise_than_the_samples_is_told_off(tmp_path: Path) -> None:
    path = simulated.save(tmp_path)
    summary = json.loads((path / "summary.json").read_text())
    summary["criteria"] = [{"id": "deploy-time", "outcome": "fail"}, {"id": "rotation-disruption", "outcome": "pass"}]
    (path / "summary.json").write_text(json.dumps(summary))
    assert [p for p in build(read_run(path)).facts.problems if "scored as fail, the samples say pass" in p]


def test_the_summary_of_measuring_agrees_with_the_report(tmp_path: Path) -> None:
    order = [*simulated.plan(), {"experiment": "rotate", "arm": "placebo", "trial": 1}]
    changes = {2: {"ok": False}, 5: {"seconds": 900.0}}
    path = simulated.save(tmp_path, order=order, sample_changes=changes, control=False)
    saved = read_run(path)
    planned = [{"experiment": name, "arm": arm, "trials": 3} for name, arm in simulated.MEDIANS]
    wanted = criteria(saved.environment["criteria"], [])
    samples = [read_sample(item, n, []) for n, item in enumerate(saved.samples, 1)]
    summary = summarise({"id": saved.environment["run"], "planned": planned}, samples, wanted)
    (path / "summary.json").write_text(json.dumps({**saved.summary, **summary}))
    (path / HEAD).unlink()
    assert build(read_run(path)).facts.problems == ()


def test_human_time_never_shares_an_arm_with_machine_time(tmp_path: Path) -> None:
    changes = {1: {"origin": "person", "arm": "manual"}}
    facts = gather(read_run(simulated.save(tmp_path, sample_changes=changes)))
    for experiment in facts.experiments:
        for arm in (*experiment.arms, *experiment.people):
            assert len({trial.origin for trial in arm.trials}) == 1
    assert "manual-person" in {arm.name for experiment in facts.experiments for arm in experiment.people}


@pytest.mark.parametrize("seconds_", [None, float("nan"), -1.0, "12", True])
def test_a_success_without_a_time_is_a_failure_that_is_told(tmp_path: Path, seconds_: object) -> None:
    path = simulated.save(tmp_path)
    lines = (path / "samples.jsonl").read_text().splitlines()
    first = {**json.loads(lines[0]), "seconds": seconds_}
    (path / "samples.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    facts = gather(read_run(path))
    assert not facts.trials[0].ok
    assert any("without a time" in problem for problem in facts.problems)


def test_a_summary_that_tells_other_medians_is_told_off(tmp_path: Path) -> None:
    path = simulated.save(tmp_path)
    summary = json.loads((path / "summary.json").read_text())
    summary["experiments"] = [{"name": "deploy", "arms": [{"name": "automated", "median": 1.0}]}]
    (path / "summary.json").write_text(json.dumps(summary))
    assert any("deploy / automated" in problem for problem in gather(read_run(path)).problems)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "pass"),
        ({i: {"seconds": 200.0} for i in range(1, 16)}, "fail"),
        ({i: {"ok": False} for i in range(1, 16)}, "not shown"),
    ],
)
def test_a_criterion_passes_fails_or_is_not_shown(
    tmp_path: Path, changes: dict[int, dict[str, object]], outcome: str
) -> None:
    facts = gather(read_run(simulated.save(tmp_path, sample_changes=changes)))
    assert facts.scores[0].outcome == outcome


def test_one_failed_trial_turns_no_criterion_into_a_pass(tmp_path: Path) -> None:
    order = [{"experiment": "deploy", "arm": "automated", "trial": i} for i in (1, 2, 3)]
    facts = gather(read_run(simulated.save(tmp_path, order=order, sample_changes={2: {"ok": False}})))
    found = facts.scores[0]
    assert found.outcome == "not shown"
    assert "1 of 3 trials failed" in found.reason


@pytest.mark.parametrize(("manual", "gain"), [(61.0, True), (14.0, False), (24.0, None)])
def test_a_gain_is_claimed_only_when_the_ranges_are_apart(tmp_path: Path, manual: float, gain: bool | None) -> None:
    facts = gather(read_run(simulated.save(tmp_path, medians={("deploy", "manual"): manual})))
    (found, poll) = facts.comparisons["deploy"]
    assert poll.other.name == "automated-poll"
    assert found.shorter is gain


def test_figures_read_well() -> None:
    assert seconds(0.1234) == f"0.12{NARROW}s"
    assert seconds(24.31) == f"24.3{NARROW}s"
    assert seconds(2700) == f"45{NARROW}min"
    assert span(590, 1400) == f"590{NARROW}s – 23.3{NARROW}min"
    assert span(36.1, 41) == f"36.1 – 41.0{NARROW}s"
    assert nice_axis(141.7) == (0, 50, 100, 150)
    assert nice_axis(0) == (0.0, 1.0)
