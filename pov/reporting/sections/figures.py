"""Figures that one experiment's trials alone have, beside their seconds."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.results import FIGURES, Experiment
from pov.model.kinds import Metric
from pov.model.words import Words
from pov.reporting import wording
from pov.reporting.blocks import Block, Heading, Table
from pov.reporting.facts import Facts
from pov.reporting.section import Section

_HOW = {"median": "median", "max": "greatest", "min": "least", "sum": "sum"}


def build(facts: Facts) -> Iterator[Block]:
    """A table for each experiment whose trials recorded such figures: a row a figure, a column an arm."""
    for experiment in facts.experiments:
        data = facts.words.experiment(experiment.name)
        metrics = [facts.words.metric(name) for name in data.metrics]
        rows = tuple(_row(experiment, metric, facts.words) for metric in metrics if _is_recorded(experiment, metric))
        if not rows:
            continue
        yield Heading(data.title)
        head = ("Figure", "Over the trials", *(facts.words.arm(arm.name).label for arm in experiment.arms))
        caption = "Measured in each trial beside its seconds; what an arm did not record is a dash."
        yield Table(caption, head, rows, "ll" + "r" * len(experiment.arms), (1, 0, *(0,) * len(experiment.arms)))


SECTION = Section("figures", "Further figures", build)


def _is_recorded(experiment: Experiment, metric: Metric) -> bool:
    """Whether a trial has it, and it is none of those that stand among the requests already."""
    return metric.figure not in FIGURES and any(arm.observe(metric) is not None for arm in experiment.arms)


def _row(experiment: Experiment, metric: Metric, words: Words) -> tuple[str, ...]:
    values = (wording.seen(metric, arm.observe(metric), arm.kinds(metric)) for arm in experiment.arms)
    return (metric.label, _HOW.get(metric.aggregation, metric.aggregation), *values)
