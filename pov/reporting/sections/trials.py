"""Every raw sample as a mark, in the order it ran; medians and ranges below."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting import wording
from pov.reporting.blocks import Block, Dots, Heading, Table, Text, marks
from pov.reporting.facts import Experiment, Facts
from pov.reporting.judge import INTERVAL_FROM, compare, numbers
from pov.reporting.numbers import nice_axis, plural, seconds
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """A plot and a table for each experiment."""
    for experiment in facts.experiments:
        if not experiment.arms:
            continue
        words = wording.experiment(experiment.name)
        yield Heading(words.title)
        yield Text(f"The clock starts when {words.starts}. It stops when {words.stops}.", "note")
        yield plot(experiment)
        yield _table(experiment)
        yield from _comparison(experiment)


SECTION = Section("trials", "Every sample", build, opens_page=True)


def plot(experiment: Experiment) -> Dots:
    """Panels side by side on one axis; marks carry their sample number, failed trials stand below the axis."""
    highest = max((time for arm in experiment.arms for time in arm.times), default=0.0)
    panels = tuple({**marks(arm), "label": wording.arm(arm.name)} for arm in experiment.arms)
    said = []
    for arm in experiment.arms:
        values = ", ".join(f"sample {t.n} {seconds(t.seconds) if t.ok else 'failed'}" for t in arm.trials[:40])
        said.append(f"{wording.arm(arm.name)}: {values}")
    caption = "Seconds for each trial in the order they ran; the number is the sample's. Line: median. Band: range."
    return Dots(caption, ". ".join(said), panels, nice_axis(highest))


def _table(experiment: Experiment) -> Table:
    rows = tuple(
        (
            wording.arm(arm.name),
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


def _comparison(experiment: Experiment) -> Iterator[Block]:
    found = compare(experiment)
    if found is None:
        yield Text("Arms are not compared: automated and runbook need a successful trial each.", "note")
        return
    if found.few:
        yield Text(f"{found.lead} {found.sentence}", "note")
        return
    smallest = min(found.automated.n, found.manual.n)
    ratio = f"Ratio of medians, runbook to automated, in machine time: {found.ratio:.2f}."
    if smallest < INTERVAL_FROM:
        ratio += f" No interval at {plural(smallest, 'trial')} an arm."
    yield Text(ratio)
