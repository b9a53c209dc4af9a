"""What was measured, on page one: large figures where there is room, and else one table of every experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pov.measure.results import Arm, Experiment
from pov.measure.warnings import BUSY, began_busy
from pov.model.kinds import Metric
from pov.reporting import wording
from pov.reporting.blocks import Block, KeyFigures, Overview, Text, experiment_anchor, look, marks
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, count, nice_axis, plain, plural, seconds, seconds_parts, span
from pov.reporting.wording import numbers

_IN_LARGE = 2
"""So many experiments have large figures on page one; more of them share a table."""
_ARMS = 3
"""So many arms stand in that table."""


def measured(facts: Facts) -> Iterator[Block]:
    """The arms of every experiment, the smallest difference that this machine can tell, and whether it was busy."""
    ran = [experiment for experiment in facts.experiments if experiment.arms]
    if not ran:
        by_hand = any(experiment.people for experiment in facts.experiments)
        yield Text("People alone: see the page on people." if by_hand else "Nothing: no trial of this run was saved.")
        yield from _busy(facts)
        return
    if len(ran) <= _IN_LARGE:
        yield from (key_figures(facts, experiment) for experiment in ran)
    else:
        yield overview(facts, ran)
    yield Text(f"Smallest difference that this machine can tell. {_itself(facts, ran)}", "note")
    yield from _busy(facts)


def _busy(facts: Facts) -> Iterator[Block]:
    """How many trials of any kind began on a busy machine; nothing where none did."""
    busy = sum(map(began_busy, facts.trials))
    if busy:
        began = (
            f"{count(busy)} of {plural(len(facts.trials), 'trial')} began with more than {BUSY:g} runnable tasks a core"
        )
        yield Text(f"A busy machine. {began} in the minute before: one with less to do may take other times.", "note")


def _itself(facts: Facts, ran: Sequence[Experiment]) -> str:
    """What the proposed arm against itself says, experiment by experiment; once if none was tried."""
    tried = [e for e in ran if e.again is not None and e.again.trials]
    arm = facts.words.proposed().said
    if not tried:
        return f"Not measured: no trial of the {arm} arm against itself (A/A) was planned."
    if len(tried) <= _IN_LARGE:
        return " ".join(_sentence(facts, experiment) for experiment in tried)
    told = [f"{facts.words.experiment(e.name).noun} {wording.itself_in_short(facts.same(e))}" for e in tried]
    return f"The {arm} arm against itself (A/A) leaves ratios open of up to: {'; '.join(told)}."


def _sentence(facts: Facts, experiment: Experiment) -> str:
    noun, again = facts.words.experiment(experiment.name).noun, experiment.again
    found = wording.itself(facts.same(experiment), facts.words)
    lost = f" Its requests: {wording.failures(again)}." if again and again.counts and again.counts.failed else ""
    return f"{noun.capitalize()}: {found}{lost}"


def overview(facts: Facts, ran: Sequence[Experiment]) -> Overview:
    """A row for each experiment, a column for each of the arms that the run is about."""
    names = _columns(facts, ran)
    arms = tuple({"label": facts.words.arm(name).label, "look": look(name, facts.words)} for name in names)
    return Overview(arms, tuple(_row(facts, experiment, names) for experiment in ran))


def _columns(facts: Facts, ran: Sequence[Experiment]) -> tuple[str, ...]:
    """What is proposed and today's way first, then others by the number of experiments that have them."""
    found = Counter(arm.name for experiment in ran for arm in experiment.ways if not facts.words.arm(arm.name).against)
    first = [name for name in found if facts.words.arm(name).proposed or facts.words.arm(name).reference]
    rest = sorted((name for name in found if name not in first), key=lambda name: (-found[name], name))
    return tuple([*sorted(first, key=lambda name: not facts.words.arm(name).proposed), *rest][:_ARMS])


def _row(facts: Facts, experiment: Experiment, names: Sequence[str]) -> dict[str, Any]:
    data = facts.words.experiment(experiment.name)
    metric = facts.words.metric(data.judged_by) if data.judged_by else None
    left = sum(1 for arm in experiment.ways if arm.name not in names)
    return {
        "name": experiment.name,
        "title": data.title,
        "note": metric.label if metric else "",
        "anchor": experiment_anchor(experiment.name),
        "cells": tuple(_small(experiment.arm(name), metric) for name in names),
        "more": plural(left, "further arm") if left else "",
    }


def _small(arm: Arm | None, metric: Metric | None) -> dict[str, Any]:
    """An arm in a cell of the table: its median, n, and the requests that failed."""
    if arm is None:
        return {"figure": "–", "trials": "", "loss": "", "lost": False}
    figure = seconds(arm.median) if arm.n else "–"
    if metric is not None:
        value = arm.observe(metric)
        figure = "–" if value is None else f"{plain(value)} {metric.unit}".strip()
    return {"figure": figure, "trials": _trials(arm), "loss": _lost(arm), "lost": bool(arm.counts and arm.counts.hard)}


def _lost(arm: Arm) -> str:
    counts = arm.counts
    if counts is None:
        return "requests not recorded"
    if not counts.failed:
        return f"none of {count(counts.requests)} failed"
    if not arm.told_apart:
        return f"{count(counts.failed)} of {count(counts.requests)} failed"
    return f"{count(counts.hard)} hard, {count(counts.late)} late of {count(counts.requests)}"


def _trials(arm: Arm) -> str:
    return f"n{NARROW}={NARROW}{arm.n}" + (f", {len(arm.failed)} failed" if arm.failed else "")


def key_figures(facts: Facts, experiment: Experiment) -> KeyFigures:
    """Large medians with range and n for each arm, and every trial on one axis."""
    data = facts.words.experiment(experiment.name)
    highest = max((time for arm in experiment.ways for time in arm.times), default=0.0)
    if data.judged_by:
        return _judged(facts, experiment, facts.words.metric(data.judged_by))
    cells = tuple(_cell(facts, experiment.name, arm) for arm in experiment.ways)
    alt = "; ".join(f"{cell['label']}: {cell['figure']} {cell['unit']}, {cell['range']}" for cell in cells)
    return KeyFigures(data.title, wording.subject(facts, experiment.name), cells, nice_axis(highest), f"Medians. {alt}")


def _cell(facts: Facts, experiment: str, arm: Arm) -> dict[str, Any]:
    figure, unit = seconds_parts(arm.median) if arm.n else ("–", "")
    counts = arm.counts
    data = facts.words.arm(arm.name)
    return {
        **marks(arm, facts.words),
        "label": data.label,
        "note": facts.words.experiment(experiment).note(data),
        "figure": figure,
        "unit": unit,
        "range": _range(arm),
        "trials": _trials(arm),
        "loss": wording.failures(arm),
        "lost": counts is not None and counts.hard > 0,
        "samples": numbers(arm),
    }


def _judged(facts: Facts, experiment: Experiment, metric: Metric) -> KeyFigures:
    """The figure that counts in large, without marks: an axis of seconds would say nothing of it."""
    data = facts.words.experiment(experiment.name)
    cells = []
    for arm in experiment.ways:
        value = arm.observe(metric)
        figure, unit = (plain(value), metric.unit) if value is not None else ("–", "")
        cells.append({**_cell(facts, experiment.name, arm), "figure": figure, "unit": unit, "range": metric.label})
    alt = "; ".join(f"{cell['label']}: {cell['figure']} {cell['unit']}" for cell in cells)
    return KeyFigures(data.title, wording.subject(facts, experiment.name), tuple(cells), (), f"{metric.label}. {alt}")


def _range(arm: Arm) -> str:
    if arm.n > 1:
        return span(arm.least, arm.greatest)
    return "one trial" if arm.n else "no successful trial"
