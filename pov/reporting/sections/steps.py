"""Where the time goes: each trial as a bar of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pov.measure.parts import taken, typical_steps
from pov.measure.results import Arm
from pov.model.sample import Sample
from pov.model.words import Words
from pov.reporting.blocks import Bars, Block, Heading, Text, look
from pov.reporting.facts import Facts
from pov.reporting.numbers import nice_axis, seconds
from pov.reporting.section import Section

_LARGEST = 7
"""Steps drawn on their own; the smaller ones are drawn as one, and named in the legend."""
_LETTERS = "abcdefghij"


def build(facts: Facts) -> Iterator[Block]:
    """A chart for each arm whose trials recorded steps, on one axis within an experiment."""
    for experiment in facts.experiments:
        arms = [arm for arm in experiment.arms if any(trial.steps for trial in arm.trials)]
        if not arms:
            continue
        yield Heading(facts.words.experiment(experiment.name).title)
        axis = nice_axis(max(_length(trial) for arm in arms for trial in arm.trials))
        for arm in arms:
            yield bars(arm, axis, facts.words)
    if any(_overlap(trial) for e in facts.experiments for arm in e.arms for trial in arm.trials):
        yield Text(
            "Steps that ran side by side sum to more than their trial took; the tick marks the trial's time.", "note"
        )


SECTION = Section("steps", "Where the time goes", build)


def bars(arm: Arm, axis: tuple[float, ...], words: Words) -> Bars:
    """One arm's trials. Steps of the same name (one a host) are summed, the largest drawn on their own.

    The legend gives each step's median over successful trials: on a shared axis a short bar cannot be read.
    """
    names = dict.fromkeys(name for trial in arm.trials for name, _ in _named(trial))
    totals = {name: math.fsum(taken(trial, (name,)) for trial in arm.trials) for name in names}
    largest = sorted(totals, key=lambda name: -totals[name])[:_LARGEST]
    drawn = [name for name in totals if name in largest]
    others = [name for name in totals if name not in largest]
    legend = [
        {"letter": letter, "name": _times(arm, name), "median": _median(arm, [name])}
        for letter, name in zip(_LETTERS, drawn, strict=False)
    ]
    rest = _LETTERS[len(drawn)]
    if others:
        few = "1 shorter step" if len(others) == 1 else f"{len(others)} shorter steps"
        legend.append({"letter": rest, "name": few, "median": _median(arm, others)})
    letters = dict(zip(drawn, _LETTERS, strict=False))
    rows = tuple(_row(trial, letters, rest) for trial in arm.trials)
    said = "; ".join(f"sample {row['n']}: {row['said']}" for row in rows[:20])
    caption = (
        f"{words.arm(arm.name).label}: seconds by step, a bar for each trial with its sample's number. Key: medians."
    )
    return Bars(caption, said, look(arm.name, words), rows, tuple(legend), axis)


def _named(trial: Sample) -> list[tuple[str, float]]:
    return [(step.name, step.seconds) for step in trial.steps]


def _times(arm: Arm, name: str) -> str:
    most = max(sum(1 for step, _ in _named(trial) if step == name) for trial in arm.trials)
    return f"{name} ×{most}" if most > 1 else name


def _median(arm: Arm, names: list[str]) -> str:
    found = typical_steps(arm, names)
    return "" if found is None else seconds(found)


def _row(trial: Sample, letters: dict[str, str], rest: str) -> dict[str, Any]:
    others = {name for name, _ in _named(trial)} - set(letters)
    sums = {name: taken(trial, (name,)) for name in letters} | {"": taken(trial, others)}
    parts = [{"letter": letters.get(name, rest), "seconds": value} for name, value in sums.items() if value > 0]
    said = ", ".join(f"{name or 'other steps'} {seconds(value)}" for name, value in sums.items() if value > 0)
    return {
        "n": trial.n,
        "ok": trial.ok,
        "seconds": trial.seconds,
        "total": seconds(trial.seconds) if trial.ok else "failed",
        "parts": parts,
        "said": said or "no step recorded",
    }


def _length(trial: Sample) -> float:
    return max(_whole(trial), trial.seconds or 0.0)


def _overlap(trial: Sample) -> bool:
    return trial.seconds is not None and _whole(trial) > trial.seconds * 1.02 + 0.05


def _whole(trial: Sample) -> float:
    return math.fsum(value for _, value in _named(trial))
