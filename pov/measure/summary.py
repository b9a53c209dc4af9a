"""`summary.json` (`pov.dev/summary/v2`): a pure function of what was saved, so that anybody can compute it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pov.measure.bounds import bounds
from pov.measure.footprint import footprint
from pov.measure.people import as_json
from pov.measure.results import Arm, Experiment, Results, gathered, loads_the_machine
from pov.measure.scoring import Criterion, scored
from pov.measure.statistics import METHOD, Comparison, Same, comparisons, same
from pov.measure.warnings import RULES, look
from pov.model.sample import Counts, Sample
from pov.model.words import Words

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
    wanted = tuple(criteria)
    compared, taken = comparisons(results, wanted), footprint(samples, results.words)
    return {
        "schema": SCHEMA,
        "run": dict(run),
        "experiments": [_experiment(results, name, compared.get(name, ())) for name in names],
        "criteria": [score.as_json() for score in scored(results, wanted)],
        "prober_sees": results.sight.shown,
        "footprint": taken.as_json() if taken is not None else None,
        "interruptions": [asdict(one) for sample in samples for one in sample.resumed],
    }


def _experiment(results: Results, name: str, compared: Sequence[Comparison]) -> dict[str, Any]:
    found = results.experiment(name) or Experiment(name, ())
    ran = {arm.name: arm for arm in found.arms}
    names = dict.fromkeys([*(arm for exp, arm in results.planned if exp == name), *ran])
    arms = [ran.get(arm, Arm(arm, ())) for arm in names if not results.words.arm(arm).apart]
    return {
        "name": name,
        "arms": [_arm(results, found, arm) for arm in arms],
        "people": [as_json(arm) for arm in found.people],
        "placebo": _windows(found.placebo, "the same load, with nothing being done"),
        "negative_control": _windows(
            found.negative, "a service whose certificate runs out while reloading is off: the prober has to see it fail"
        ),
        "comparisons": [_comparison(comparison) for comparison in compared],
        "against_itself": _same(same(results, found)),
        "warned_by": RULES,
        "warnings": look(found),
    }


def _arm(results: Results, experiment: Experiment, arm: Arm) -> dict[str, Any]:
    known = arm.n > 0
    whole, _ = results.tried(experiment.name, arm.name)
    return {
        "name": arm.name,
        "planned": results.planned.get((experiment.name, arm.name), 0),
        "trials": [_trial(trial) for trial in arm.trials],
        "n": arm.n,
        "failed": len(arm.failed),
        "median": round(arm.median, 3) if known else None,
        "minimum": arm.least if known else None,
        "maximum": arm.greatest if known else None,
        **_counted(arm.counts),
        "bounds": [rare.as_json() for rare in bounds(whole)],
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
            (
                "requests", "failed_requests", "hard", "late", "excused", "handshakes", "failed_handshakes",
                "hard_handshakes", "late_handshakes",
            )
        )  # fmt: skip
    return {
        "requests": counts.requests,
        "failed_requests": counts.failed,
        "hard": counts.hard,
        "late": counts.late,
        "excused": counts.excused,
        "handshakes": counts.handshakes,
        "failed_handshakes": counts.failed_handshakes,
        "hard_handshakes": counts.hard_handshakes,
        "late_handshakes": counts.late_handshakes,
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    interval = found.ratio.interval
    return {
        "arms": [found.other.name, found.base.name],
        "n": [found.other.n, found.base.n],
        "primary": found.primary,
        "ratio": round(found.ratio.value, 4),
        "interval": None if interval is None else [round(interval.low, 4), round(interval.high, 4)],
        "coverage": None if interval is None else round(interval.coverage, 4),
        "why_no_interval": found.ratio.why_none,
        "falls_short": found.falls_short,
        "method": METHOD,
        "p_value": found.test.p,
        "p_adjusted": found.adjusted,
        "p_method": found.test.method,
        "why_no_p": found.test.why_none,
        "shorter": found.shorter,
    }


def _same(found: Same | None) -> dict[str, Any] | None:
    """What the proposed arm against itself tells; its comparison is descriptive."""
    if found is None:
        return None
    told = _comparison(found.comparison)
    kept = ("arms", "n", "ratio", "interval", "coverage", "why_no_interval")
    smallest = None if found.smallest is None else round(found.smallest, 4)
    return {**{key: told[key] for key in kept}, "smallest_ratio": smallest, "apart": found.apart}


def _windows(windows: Arm | None, what: str) -> dict[str, Any] | None:
    if windows is None:
        return None
    rows = [{"estate": trial.details.get("estate"), **_trial(trial)} for trial in windows.trials]
    return {"what": what, "windows": rows, **_counted(windows.counts)}
