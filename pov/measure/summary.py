"""`summary.json` (`pov.dev/summary/v1`): a pure function of what was saved, so that anybody can compute it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pov.config.scenario import Criterion
from pov.measure.criteria import score
from pov.measure.statistics import ratio_of_medians, spread, why_no_interval
from pov.measure.warnings import look

SCHEMA = "pov.dev/summary/v1"
REFERENCE = "automated"
_TRIAL_KEYS = (
    "trial", "origin", "started", "seconds", "ok", "error", "steps",
    "requests", "failed_requests", "handshakes", "failed_handshakes",
)  # fmt: skip
_NEVER_COMPARED = {"automated-poll"}
PLACEBO = "placebo"
"""The arm of placebo windows: the load alone, nothing is done. Like the negative control it enters no statistic."""
NEGATIVE = "negative-control"
"""The arm of trials that must show failures: they prove that the prober can see one."""


def summarise(
    run: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], criteria: Sequence[Criterion]
) -> dict[str, Any]:
    """The summary of one run.

    `run` is what is recorded of the run as a whole: `id`, `started`, `finished`, `interrupted`, `planned` (a list of
    `{"experiment", "arm", "trials"}`) and whatever else describes it. `samples` are the saved ones, in their order.
    """
    planned = {(str(p["experiment"]), str(p["arm"])): int(p["trials"]) for p in run.get("planned", ())}
    names = dict.fromkeys([*(name for name, _ in planned), *(str(s["experiment"]) for s in samples)])
    return {
        "schema": SCHEMA,
        "run": dict(run),
        "experiments": [_experiment(name, samples, planned) for name in names],
        "criteria": [score(c, samples, planned.get((c.experiment, c.arm), 0)).as_json() for c in criteria],
    }


def _experiment(
    name: str, all_samples: Sequence[Mapping[str, Any]], planned: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    mine = [s for s in all_samples if s["experiment"] == name]
    placebos, negative = ([s for s in mine if s["arm"] == arm] for arm in (PLACEBO, NEGATIVE))
    samples = [s for s in mine if s["arm"] not in {PLACEBO, NEGATIVE}]
    arms = dict.fromkeys([*(arm for exp, arm in planned if exp == name), *(str(s["arm"]) for s in samples)])
    return {
        "name": name,
        "arms": [_arm(arm, [s for s in samples if s["arm"] == arm], planned.get((name, arm), 0)) for arm in arms],
        "placebo": _windows(
            placebos, "the same load on the estates of this experiment at once, with nothing being done"
        ),
        "negative_control": _windows(
            negative, "a service whose certificate runs out while reloading is off: the prober has to see it fail"
        ),
        "comparisons": [_comparison(arm, samples) for arm in arms if arm != REFERENCE and arm not in _NEVER_COMPARED],
        "warnings": look(name, samples),
    }


def _arm(arm: str, mine: Sequence[Mapping[str, Any]], planned: int) -> dict[str, Any]:
    good = [float(s["seconds"]) for s in mine if s["ok"]]
    found = spread(good)
    return {
        "name": arm,
        "planned": planned,
        "trials": [{key: s[key] for key in _TRIAL_KEYS} for s in mine],
        "n": len(good),
        "failed": len(mine) - len(good),
        "median": None if found is None else round(found.median, 3),
        "minimum": None if found is None else found.minimum,
        "maximum": None if found is None else found.maximum,
        "interval": None,
        **{key: _total(mine, key) for key in ("requests", "failed_requests", "handshakes", "failed_handshakes")},
    }


def _total(mine: Sequence[Mapping[str, Any]], key: str) -> int | None:
    counted = [int(s[key]) for s in mine if s[key] is not None]
    return sum(counted) if counted else None


def _comparison(arm: str, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    one, other = ([float(s["seconds"]) for s in samples if s["arm"] == name and s["ok"]] for name in (arm, REFERENCE))
    ratio = ratio_of_medians(one, other)
    return {
        "arms": [arm, REFERENCE],
        "n": [len(one), len(other)],
        "ratio": None if ratio is None else round(ratio, 3),
        "method": "ratio of medians of the successful trials' seconds",
        "shift": None,
        "interval": None,
        "p_value": None,
        "why_not": why_no_interval(len(one), len(other)),
    }


def _windows(windows: Sequence[Mapping[str, Any]], what: str) -> dict[str, Any] | None:
    if not windows:
        return None
    return {
        "what": what,
        "windows": [
            {
                "estate": s["details"].get("estate"),
                "seconds": s["seconds"],
                **{
                    key: s[key]
                    for key in ("ok", "error", "requests", "failed_requests", "handshakes", "failed_handshakes")
                },
            }
            for s in windows
        ],
        **{key: _total(windows, key) for key in ("requests", "failed_requests", "handshakes", "failed_handshakes")},
    }
