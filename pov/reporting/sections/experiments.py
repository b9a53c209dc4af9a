"""A page an experiment: how it was measured, every raw sample, ratios with intervals, failures by cause."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pov.measure.results import Arm, Experiment
from pov.measure.statistics import Comparison
from pov.model.words import Words
from pov.reporting import wording
from pov.reporting.blocks import (
    Block,
    Bullets,
    Dots,
    Heading,
    NewPage,
    Ratios,
    Table,
    Text,
    experiment_anchor,
    look,
    marks,
)
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, listing, nice_axis, plural, seconds, share
from pov.reporting.section import Section
from pov.reporting.wording import numbers

_CAUSES = 8
_RATIO = (
    "Ratio of times by Hodges and Lehmann on logarithms, interval by inverting the exact rank test with the coverage "
    "that it attains; {primary}. Failed trials are counted, and in no time."
)
_TICKS = (1, 2, 5)


def build(facts: Facts) -> Iterator[Block]:
    """A page for each experiment of which an arm ran."""
    for position, experiment in enumerate(e for e in facts.experiments if e.arms):
        if position:
            yield NewPage()
        yield Heading(facts.words.experiment(experiment.name).title, experiment_anchor(experiment.name))
        yield Bullets(tuple(_method(facts, experiment)))
        yield plot(experiment, facts.words)
        yield _table(experiment, facts.words)
        yield from _compared(facts, experiment)
        yield from _failures(facts, experiment)


SECTION = Section("experiments", "Experiment by experiment", build, opens_page=True)


def _method(facts: Facts, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """The method in three lines."""
    words = facts.words.experiment(experiment.name)
    yield "Clock.", wording.clock(words)
    ran = [f"{len(arm.trials)} {facts.words.arm(arm.name).said}" for arm in experiment.arms]
    placebos = len(experiment.placebo.trials) if experiment.placebo else 0
    beside = f", and {plural(placebos, 'placebo')}" if placebos else ""
    seed = facts.environment.get("order_seed")
    order = "in an order that was not recorded" if seed is None else f"in a random order from seed {seed}"
    yield "Trials.", f"{listing(ran)}{beside}, {order}; failures are counted on the edges that the change touches."
    primary = next((one for one in facts.comparisons[experiment.name] if one.primary), None)
    told = "no primary comparison could be made"
    if primary is not None:
        base, other = (facts.words.arm(arm.name).said for arm in (primary.base, primary.other))
        told = f"primary comparison: {other} against {base}, the others are descriptive"
    yield "Statistics.", _RATIO.format(primary=told)


def plot(experiment: Experiment, words: Words) -> Dots:
    """Panels side by side on one axis; marks carry their sample number, failed trials stand below the axis."""
    highest = max((time for arm in experiment.arms for time in arm.times), default=0.0)
    panels = tuple({**marks(arm, words), "label": words.arm(arm.name).label} for arm in experiment.arms)
    said = []
    for arm in experiment.arms:
        values = ", ".join(f"sample {t.n} {seconds(t.seconds) if t.ok else 'failed'}" for t in arm.trials[:40])
        said.append(f"{words.arm(arm.name).label}: {values}")
    caption = "Seconds for each trial in the order they ran; the number is the sample's. Line: median. Band: range."
    return Dots(caption, ". ".join(said), panels, nice_axis(highest))


def _table(experiment: Experiment, words: Words) -> Table:
    rows = tuple(
        (
            words.arm(arm.name).label,
            str(arm.n),
            str(len(arm.failed)),
            seconds(arm.median) if arm.n else "–",
            seconds(arm.least) if arm.n else "–",
            seconds(arm.greatest) if arm.n else "–",
            numbers(arm),
        )
        for arm in experiment.arms
    )
    head = ("Arm", "n", "Failed trials", "Median", "Least", "Greatest", "Samples")
    return Table("Medians with range over successful trials.", head, rows, "lrrrrrl")


def _compared(facts: Facts, experiment: Experiment) -> Iterator[Block]:
    by = facts.words.experiment(experiment.name).judged_by
    if by:
        yield Text(f"Arms are not compared by their seconds: what counts is {facts.words.metric(by).label}.", "note")
        return
    found = list(facts.comparisons[experiment.name])
    same = facts.same(experiment)
    drawn = [*found, same.comparison] if same else found
    if drawn:
        yield ratios(drawn, facts.words)
    else:
        yield Text("Arms are not compared: two of them need a successful trial each.", "note")
    yield Text(f"Smallest difference that this machine can tell: {wording.itself(same, facts.words)}", "note")
    for one in found:
        if one.ratio.interval is None:
            yield Text(f"No interval for {_name(one, facts.words)}: {one.ratio.why_none}, less than 95 %.", "note")
        elif one.falls_short is not None:
            told = (
                f"{_name(one, facts.words)}: the arms spread unequally. In simulation, intervals of this kind covered"
            )
            yield Text(f"{told} {share(one.falls_short)} there, less than the 95 % that they promise.", "note")


def ratios(found: Sequence[Comparison], words: Words) -> Ratios:
    """A row for each comparison, on one logarithmic axis that holds 1."""
    ends = [one.ratio.value for one in found]
    for one in found:
        if one.ratio.interval is not None:
            ends += [one.ratio.interval.low, one.ratio.interval.high]
    axis = log_axis(min(1.0, *ends), max(1.0, *ends))
    rows = tuple(
        {
            "name": _name(one, words) + (" (primary)" if one.primary else ""),
            "look": look(one.other.name, words),
            "value": one.ratio.value,
            "low": None if one.ratio.interval is None else one.ratio.interval.low,
            "high": None if one.ratio.interval is None else one.ratio.interval.high,
            "told": wording.ratio(one) + ("" if one.ratio.interval else ", no interval"),
        }
        for one in found
    )
    alt = "; ".join(f"{row['name']}: {row['told']}" for row in rows)
    caption = (
        "How many times as long, with the interval of the ratio and the coverage that it attains. Logarithmic axis."
    )
    return Ratios(caption, alt, rows, axis)


def log_axis(low: float, high: float) -> tuple[float, ...]:
    """Ticks of a logarithmic axis that holds both ends: steps of 1, 2 and 5, of tens alone over many decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = _TICKS if last - first <= 3 else (1,)
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    begin = max(tick for tick in ticks if tick <= low * (1 + 1e-9))
    end = next((tick for tick in ticks if tick >= high * (1 - 1e-9) and tick > begin), 10.0 ** (last + 1))
    return tuple(tick for tick in (*ticks, 10.0 ** (last + 1)) if begin <= tick <= end)


def _name(one: Comparison, words: Words) -> str:
    base, other = (words.arm(arm.name).said for arm in (one.base, one.other))
    return f"{other} to {base}"


def _failures(facts: Facts, experiment: Experiment) -> Iterator[Block]:
    recorded = [arm for arm in experiment.arms if arm.counts is not None]
    if not recorded:
        yield Text("No trial of this experiment recorded requests.", "note")
        return
    rows = [row for arm in recorded for row in _causes(arm, facts.words)]
    if rows:
        head = ("Arm", "Kind", "Cause", "Edges", "Trials", "Requests")
        yield Table("Failures by cause, hard ones first.", head, tuple(rows), "llmrrr", (0, 0, 1, 0, 0, 0))
    clean = [facts.words.arm(arm.name).said for arm in recorded if arm.counts and not arm.counts.failed]
    if clean:
        yield Text(f"No request failed: {listing(clean)}.", "note")


def _causes(arm: Arm, words: Words) -> list[tuple[str, ...]]:
    """An arm's causes by kind and text: on how many edges, in how many trials, how many requests."""
    edges: dict[tuple[str, str], set[str]] = defaultdict(set)
    trials: dict[tuple[str, str], set[int]] = defaultdict(set)
    requests: dict[tuple[str, str], int] = defaultdict(int)
    for trial in arm.trials:
        for cause in trial.traffic.causes if trial.traffic else ():
            key = (cause.kind, cause.text)
            edges[key].add(cause.edge)
            trials[key].add(trial.n)
            requests[key] += cause.count
    ranked = sorted(requests, key=lambda key: (key[0], -requests[key], key[1]))
    of = f" of {len(arm.trials)}"
    rows: list[tuple[str, ...]] = [
        (words.arm(arm.name).label, *key, count(len(edges[key])), f"{len(trials[key])}{of}", count(requests[key]))
        for key in ranked[:_CAUSES]
    ]
    rest = ranked[_CAUSES:]
    if rest:
        left = sum(requests[key] for key in rest)
        rows.append((words.arm(arm.name).label, "", plural(len(rest), "rarer cause"), "", "", count(left)))
    return rows
