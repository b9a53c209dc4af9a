"""What a careful reader would object to, found first; each with a remedy."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from pov.measure.results import Arm, Experiment, loads_the_machine
from pov.measure.statistics import drift_from
from pov.model.reading import number
from pov.model.sample import Sample

_FAR = 2.0
RULES = "3"
"""Of what is warned and how it is said: a run tells by which rules it was warned, and is compared by the same alone."""
BUSY = 2.0
"""Runnable tasks a core, mean of the minute before a trial, above which it began on a busy machine."""


def look(experiment: Experiment) -> list[str]:
    """Warnings on the samples of one experiment, arm by arm."""
    found: list[str] = []
    every = [arm for arm in (*experiment.arms, experiment.placebo, experiment.negative) if arm is not None]
    for arm in every:
        found += [f"{experiment.name}, {arm.name}: {text}" for text in _of_arm(arm)]
    found += _busy(experiment.name, every)
    for arm in experiment.arms:
        if loads_the_machine(experiment, arm) and experiment.placebo is not None:
            found.append(
                f"{experiment.name}, {arm.name}: the operation loads this machine: requests that it does not touch "
                f"came late in {len(arm.stalled())} of {len(arm.trials)} trials, in none of "
                f"{len(experiment.placebo.trials)} placebos; measure on a machine with more cores"
            )
    return found


def _of_arm(arm: Arm) -> list[str]:
    found = []
    if arm.failed:
        first = arm.failed[0]
        found.append(
            f"{len(arm.failed)} of {len(arm.trials)} trials failed (first, trial {first.trial}: {first.error}); they "
            "are counted and not part of the median: find the cause and run again"
        )
    found += _odd_times(arm)
    counts = arm.counts
    if counts is not None and counts.late:
        found.append(
            f"{counts.late} requests came late, {counts.excused} of them while this machine stood still: compare with "
            "the placebos, or measure on a machine with more cores"
        )
    return found + _cut(arm)


def _cut(arm: Arm) -> list[str]:
    """Trials of which the prober did not keep all: their counts are whole all the same."""
    seen = [trial.traffic.details for trial in arm.trials if trial.traffic is not None]
    cut = sum(1 for told in seen if told.get("failures_cut") is True or told.get("heartbeat_cut") is True)
    if not cut:
        return []
    many = f"in {cut} of {len(arm.trials)} trials there were more failures or stalls than the prober keeps: they are"
    return [f"{many} counted, but causes are told of the first ones alone, and fewer are excused than might be"]


def began_busy(trial: Sample) -> bool:
    """Whether a trial began on a busy machine; False where its load was not recorded."""
    return (number(trial.details.get("load_per_core")) or 0) > BUSY


def _busy(experiment: str, arms: Sequence[Arm]) -> list[str]:
    """One line for all arms: the load is the machine's, and what the toolkit did a minute before is part of it."""
    busy = {arm.name: count for arm in arms if (count := sum(map(began_busy, arm.trials)))}
    if not busy:
        return []
    trials = sum(len(arm.trials) for arm in arms)
    told = ", ".join(f"{arm} {count}" for arm, count in busy.items())
    many = f"{experiment}: {sum(busy.values())} of {trials} trials ({told}) began with more than {BUSY:g}"
    when = "runnable tasks a core over the minute before, what the toolkit itself had done then among them"
    return [f"{many} {when}: close what else runs on this machine, or give it more cores"]


def _odd_times(arm: Arm) -> list[str]:
    good = sorted(arm.good, key=lambda trial: trial.started)
    times = [trial.seconds for trial in good if trial.seconds is not None]
    if len(times) < 3:
        return []
    middle = statistics.median(times)
    far = [trial for trial in good if not middle / _FAR <= (trial.seconds or 0.0) <= _FAR * middle]
    if far:
        trials = ", ".join(str(trial.trial) for trial in far)
        return [f"trial {trials} is more than {_FAR:g} times off the median: look at its steps, add trials"]
    one_way = times in (sorted(times), sorted(times, reverse=True)) and len(set(times)) == len(times)
    if one_way and len(times) >= drift_from() and max(times) > 1.25 * min(times):
        by_chance = math.factorial(len(times)) // 2
        told = f"each of {len(times)} trials differs from the one before in the same direction, by chance in 1 of"
        return [f"{told} {by_chance} runs: a drift? Run again with more trials"]
    return []
