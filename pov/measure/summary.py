"""`summary.json` (`pov.dev/summary/v2`): a pure function of what was saved, so that anybody can compute it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pov.measure.results import Arm, Experiment, Results, gathered, loads_the_machine
from pov.measure.scoring import Criterion, scored
from pov.measure.statistics import Comparison, compare
from pov.measure.warnings import look
from pov.model.catalogue import Words
from pov.model.sample import Counts, Sample

SCHEMA = "pov.dev/summary/v2"


def summarise(
    run: Mapping[str, Any], samples: Sequence[Sample], criteria: Iterable[Criterion], words: Words | None = None
) -> dict[str, Any]:
    """The summary of one run.

    `run` is what is recorded of the run as a whole: `id`, `started`, `finished`, `interrupted`, `planned` (a list of
    `{"experiment", "arm", "trials"}`) and whatever else describes it. `samples` are the saved ones, in their order.
    """
    planned = {(str(p["experiment"]), str(p["arm"])): int(p["trials"]) for p in run.get("planned", ())}
    results = gathered(samples, planned, words or Words())
    names = dict.fromkeys([*(name for name, _ in planned), *(e.name for e in results.experiments)])
    return {
        "schema": SCHEMA,
        "run": dict(run),
        "experiments": [_experiment(results, name) for name in names],
        "criteria": [score.as_json() for score in scored(results, criteria)],
        "prober_sees": results.sight.shown,
    }


def comparisons(results: Results, experiment: Experiment) -> list[Comparison]:
    """Each compared arm against the proposed one, and each variant against the arm that it is one of."""
    base = next((arm.name for arm in results.words.arms.values() if arm.proposed), "")
    found = []
    for arm in experiment.arms:
        data = results.words.arm(arm.name)
        against = data.against or (base if data.compared else "")
        if against and against != arm.name:
            found.append(compare(experiment.name, experiment.arm(against), arm))
    return [comparison for comparison in found if comparison is not None]


def _experiment(results: Results, name: str) -> dict[str, Any]:
    found = results.experiment(name) or Experiment(name, ())
    ran = {arm.name: arm for arm in found.arms}
    names = dict.fromkeys([*(arm for exp, arm in results.planned if exp == name), *ran])
    arms = [ran.get(arm, Arm(arm, ())) for arm in names if not results.words.arm(arm).window]
    return {
        "name": name,
        "arms": [_arm(found, arm, results.planned.get((name, arm.name), 0)) for arm in arms],
        "placebo": _windows(found.placebo, "the same load, with nothing being done"),
        "negative_control": _windows(
            found.negative, "a service whose certificate runs out while reloading is off: the prober has to see it fail"
        ),
        "comparisons": [_comparison(comparison) for comparison in comparisons(results, found)],
        "warnings": look(found),
    }


def _arm(experiment: Experiment, arm: Arm, planned: int) -> dict[str, Any]:
    known = arm.n > 0
    return {
        "name": arm.name,
        "planned": planned,
        "trials": [_trial(trial) for trial in arm.trials],
        "n": arm.n,
        "failed": len(arm.failed),
        "median": round(arm.median, 3) if known else None,
        "minimum": arm.least if known else None,
        "maximum": arm.greatest if known else None,
        **_counted(arm.counts),
        "loads_the_machine": loads_the_machine(experiment, arm),
    }


def _trial(trial: Sample) -> dict[str, Any]:
    kept = ("trial", "origin", "started", "seconds", "ok", "error")
    return {
        **{name: getattr(trial, name) for name in kept},
        "steps": [asdict(step) for step in trial.steps],
        "figures": dict(trial.figures),
        **_counted(None if trial.traffic is None else trial.traffic.operation),
    }


def _counted(counts: Counts | None) -> dict[str, int | None]:
    if counts is None:
        return dict.fromkeys(
            ("requests", "failed_requests", "hard", "late", "excused", "handshakes", "failed_handshakes")
        )
    return {
        "requests": counts.requests,
        "failed_requests": counts.failed,
        "hard": counts.hard,
        "late": counts.late,
        "excused": counts.excused,
        "handshakes": counts.handshakes,
        "failed_handshakes": counts.failed_handshakes,
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "arms": [found.other.name, found.base.name],
        "n": [found.other.n, found.base.n],
        "ratio": round(found.ratio, 3),
        "method": "ratio of medians of the successful trials' seconds; exact two-sided Mann–Whitney test",
        "p_value": found.p_value,
        "why_no_p": found.why_no_p,
    }


def _windows(windows: Arm | None, what: str) -> dict[str, Any] | None:
    if windows is None:
        return None
    rows = [{"estate": trial.details.get("estate"), **_trial(trial)} for trial in windows.trials]
    return {"what": what, "windows": rows, **_counted(windows.counts)}
