"""Every raw sample as a mark, in the order it ran; medians and ranges below."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.results import Experiment
from pov.measure.summary import comparisons
from pov.model.catalogue import Words
from pov.reporting import wording
from pov.reporting.blocks import Block, Dots, Heading, Table, Text, marks
from pov.reporting.facts import Facts
from pov.reporting.numbers import nice_axis, seconds
from pov.reporting.section import Section
from pov.reporting.wording import numbers


def build(facts: Facts) -> Iterator[Block]:
    """A plot and a table for each experiment."""
    for experiment in facts.experiments:
        if not experiment.arms:
            continue
        words = facts.words.experiment(experiment.name)
        yield Heading(words.title)
        yield Text(f"The clock starts when {words.starts}. It stops when {words.stops}.", "note")
        yield plot(experiment, facts.words)
        yield _table(experiment, facts.words)
        yield from _comparisons(facts, experiment)


SECTION = Section("trials", "Every sample", build, opens_page=True)


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


def _comparisons(facts: Facts, experiment: Experiment) -> Iterator[Block]:
    found = comparisons(facts.results, experiment)
    if not found:
        yield Text("Arms are not compared: two of them need a successful trial each.", "note")
    for one in found:
        if one.few:
            yield Text(f"{wording.lead(one, facts.words)} {wording.sentence(one, facts.words)}", "note")
            continue
        base, other = (facts.words.arm(arm.name).said for arm in (one.base, one.other))
        test = f"Exact two-sided p {one.p_value:.2g}" if one.p_value is not None else f"No p: {one.why_no_p}"
        yield Text(f"Ratio of medians, {other} to {base}, in machine time: {one.ratio:.2f}. {test}; no interval.")
