"""Rare failures as bounds: what no failure, or few, in these trials leaves open."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.bounds import ASSUMED, CONNECTION, FAILED, HARD, LATE, REQUEST, TRIAL, Rare, bounds
from pov.measure.results import Arm
from pov.model.words import Words
from pov.reporting.blocks import Block, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, percent
from pov.reporting.section import Section

_HEAD = ("Arm", "Per", "Tried", "Hard", "at most", "Late", "at most", "Not done", "at most")
_EVENTS = {TRIAL: "trial with any", CONNECTION: "new connection", REQUEST: "request"}


def build(facts: Facts) -> Iterator[Block]:
    """A table for each experiment: per trial, then per new connection, then per request."""
    shown = False
    for experiment in facts.experiments:
        rows = [
            row
            for arm in experiment.ways
            for row in _rows(facts.results.tried(experiment.name, arm.name)[0], facts.words)
        ]
        if rows:
            shown = True
            yield Heading(facts.words.experiment(experiment.name).title)
            caption = "What failed, and the share that it leaves open at 95 %; in brackets 3/n, where nothing failed."
            yield Table(caption, _HEAD, tuple(rows), "llrrrrrrr")
    if shown:
        yield Text(
            "Bounds are exact (Clopper and Pearson, one-sided). Failures come in heaps, trial by trial: the bound per "
            f"trial assumes only that {ASSUMED[TRIAL]}, and is the one to quote. The next assume more: "
            f"{ASSUMED[CONNECTION]}; {ASSUMED[REQUEST]}. Late ones that may be excused count as late here. Not done: "
            "trials that failed, or whose outcome was not verified.",
            "note",
        )


SECTION = Section("rare", "Rare failures, as bounds", build)


def _rows(arm: Arm, words: Words) -> Iterator[tuple[str, ...]]:
    found = {(rare.per, rare.kind): rare for rare in bounds(arm)}
    for per in (TRIAL, CONNECTION, REQUEST):
        cells = [found.get((per, kind)) for kind in (HARD, LATE, FAILED)]
        known = next((cell for cell in cells if cell is not None), None)
        if known is not None:
            told = [text for cell in cells for text in _cells(cell)]
            yield (words.arm(arm.name).label, _EVENTS[per], count(known.bound.of), *told)


def _cells(rare: Rare | None) -> tuple[str, str]:
    if rare is None:
        return "", ""
    three = rare.bound.rule_of_three
    simple = "" if three is None else f" ({percent(three)})"
    return count(rare.bound.events), f"{percent(rare.bound.at_most)}{simple}"
