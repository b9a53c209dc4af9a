"""What of a run's record has to be the same for it to go on, and where it is not: place by place, in words.

Of the catalogue, criteria, runbooks and arms that were brought, what the run's own plan uses counts and nothing else:
another version of pov may know more experiments, and word what it knows in another way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from pov.experiments.runbook import SEEN_LIMIT_S
from pov.model import catalogue
from pov.model.kinds import Arm, Experiment, Metric
from pov.model.reading import items, mapping, text
from pov.workflows.running import without_trials
from pov.workflows.runs import ALIKE, differences

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Pairs = Collection[tuple[str, str]]
"""Experiments and arms of a plan."""
_SAME = (
    *(key for key in ALIKE if key != "traffic"),
    *("environment_name", "cluster", "images_kind", "bundle", "edges", "under_proof", "stage", "estates"),
    *("legacy_hosts", "catalogue", "own_arms", "runbooks"),
)
# What decides of an entry what is measured, compared and scored; how it is called and drawn is as the run recorded it.
_OF_EXPERIMENT = ("starts", "stops", "judged_by")
_OF_ARM = ("kind", "reference", "proposed", "compared", "against", "legacy")
_OF_METRIC = ("figure", "unit", "direction", "aggregation", "counts")
_LONGEST = 120
_SILENT = "did not say"


def comparable(record: Mapping[str, Any], mock: str, plan: Pairs) -> dict[str, Any]:
    """A record without what comes and goes, and without what the `plan` does not use.

    What comes and goes are versions that trials deployed of the image `mock`.
    """
    versions = {str(name): str(told) for name, told in mapping(record.get("versions")).items()}
    experiments, arms = {experiment for experiment, _ in plan}, {arm for _, arm in plan}
    wanted = [one for one in map(mapping, items(record.get("criteria"))) if text(one.get("experiment")) in experiments]
    metrics = {text(one.get("metric")) for one in wanted}
    told = mapping(record.get("catalogue"))
    runbooks = mapping(record.get("runbooks"))
    # Some do another one's work, by its runbook.
    books = experiments | {known.work_of for name in experiments if (known := catalogue.EXPERIMENTS.get(name))}
    return {
        **record,
        "versions": without_trials(versions, mock),
        "criteria": {text(one.get("id")): _said(one) for one in wanted},
        "catalogue": {
            "experiment": _entries(told.get("experiments"), Experiment, _OF_EXPERIMENT, experiments),
            "arm": _entries(told.get("arms"), Arm, _OF_ARM, arms),
            "metric": _entries(told.get("metrics"), Metric, _OF_METRIC, metrics),
        },
        "runbooks": {name: runbooks[name] for name in sorted(books & set(runbooks))},
        "own_arms": {
            # Of earlier versions each had two minutes.
            text(one.get("name")): _arm(one, experiments)
            for one in map(mapping, items(record.get("own_arms")))
            if text(one.get("name")) in arms
        },
    }


def _arm(recorded: Mapping[str, Any], experiments: Collection[str]) -> dict[str, Any]:
    """An arm that was brought, with those of its experiments that were planned: a later version may know more."""
    found = {**recorded, "seen_within_s": recorded.get("seen_within_s", SEEN_LIMIT_S)}
    if "experiments" in recorded:
        found["experiments"] = [name for name in items(recorded["experiments"]) if name in experiments]
    return found


def unlike(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Where what is recorded and what is there now are not the same, in words: first recorded, then now.

    What did not say its version then cannot be compared.
    """
    unsaid = {name for name, told in mapping(recorded.get("versions")).items() if _SILENT in str(told)}
    first, second = (
        {**one, "versions": {name: told for name, told in mapping(one.get("versions")).items() if name not in unsaid}}
        for one in (recorded, now)
    )
    for key in _SAME:
        yield from apart(key.replace("_", " "), first.get(key), second.get(key))
    yield from differences(first, second, ())


def apart(what: str, first: object, second: object) -> Iterator[str]:
    """Each place at which two documents differ, with what stands there in both."""
    if first == second:
        return
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys((*first, *second)):
            yield from apart(f"{what}, {key}", first.get(key), second.get(key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True), 1):
            yield from apart(f"{what}, {number}", one, other)
    else:
        yield f"{what}: {_shown(first)} and {_shown(second)}"


def _entries(
    told: object, kind: type[DataclassInstance], wanted: tuple[str, ...], names: Collection[str]
) -> dict[str, Any]:
    """What matters of each named entry of a catalogue; what a version did not know yet is as if it had its default."""
    usual = {one.name: one.default for one in fields(kind) if one.default is not MISSING}
    found = {text(one.get("name")): one for one in map(mapping, items(told))}
    there = sorted(set(names) & set(found))
    return {name: {key: found[name].get(key, usual.get(key)) for key in wanted} for name in there}


def _said(criterion: Mapping[str, Any]) -> dict[str, Any]:
    """What a criterion says: what it leaves open is as if it were not there, so that a version may ask for more."""
    return {str(key): value for key, value in criterion.items() if value is not None and value != ""}


def _shown(value: object) -> str:
    if value is None:
        return "not recorded"
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"
