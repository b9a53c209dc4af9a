"""The sentences of experiments' pages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

from pov.reporting.standalone.coverage import SHORT, nearest, quoted
from pov.reporting.standalone.first_page import FirstPage
from pov.reporting.standalone.known import SIMULATED, STATISTICS, N
from pov.reporting.standalone.letters import listing, plural


class Sentences(FirstPage):
    """What has to stand in each place of page one and of the experiments' pages, word by word, from what was saved.

    A place is a heading with the number of the sentence below it. Names are those of the run's catalogue."""

    @cached_property
    def pages(self) -> dict[str, list[str]]:
        """Every sentence of the experiments' pages, by their headings."""
        return {self.title(name): list(self.experiment(name)) for name in self.shown}

    @cached_property
    def steps(self) -> dict[str, list[str]]:
        """What stands below the charts of steps."""
        with_steps = {n: [t for own in by.values() for t in own.trials if t.get("steps")] for n, by in self.ran.items()}
        found: dict[str, list[str]] = {self.title(name): [] for name, trials in with_steps.items() if trials}
        every = [t for by in with_steps.values() for t in by]
        took = [(math.fsum(x["seconds"] for x in t["steps"]), t.get("seconds")) for t in every]
        if found and any(own is not None and steps > own * 1.02 + 0.05 for steps, own in took):
            told = "Steps that ran side by side sum to more than their trial took; the tick marks the trial's time."
            found[list(found)[-1]].append(told)
        return found

    def experiment(self, name: str) -> Iterator[str]:
        """Every sentence of an experiment's page."""
        words, arms = self.of.titles.get(name, {}), self.ran[name]
        clock = [
            words.get("starts") or "the operation starts",
            words.get("stops") or "the operation is seen to be done",
        ]
        review = words.get("review") or ""
        told = f"Clock. Starts when {clock[0]}; stops when {clock[1]}. The same in every arm. {review}"
        yield told.rstrip()
        placebos = [own for arm, own in self.of.experiments[name].items() if self.of.kind(arm) == "placebo"][-1:]
        beside = f", and {plural(len(placebos[0].trials), 'placebo')}" if placebos else ""
        seed = self.environment.get("order_seed")
        order = "in an order that was not recorded" if seed is None else f"in a random order from seed {seed}"
        ran = listing([f"{len(own.trials)} {self.of.spoken(arm)}" for arm, own in arms.items()])
        yield f"Trials. {ran}{beside}, {order}; failures are counted on the edges that the change touches."
        primary = next((pair for pair, first in self.pairs[name] if first), None)
        told = "no primary comparison could be made"
        if primary is not None:
            base, other = map(self.of.spoken, primary.names)
            told = f"primary comparison: {other} against {base}, the others are descriptive"
        yield f"{STATISTICS}; {told}. Failed trials are counted, and in no time."
        yield from self.compared(name, str(words.get("judged_by") or ""))
        recorded = {arm: own for arm, own in arms.items() if own.counts}
        clean = [self.of.spoken(arm) for arm, own in recorded.items() if not own.total("hard", "late")]
        if not recorded:
            yield "No trial of this experiment recorded requests."
        if clean:
            yield f"No request failed: {listing(clean)}."

    def compared(self, name: str, judged: str) -> Iterator[str]:
        """Each ratio in words, the smallest difference, and what an interval lacks."""
        if judged:
            yield f"Arms are not compared by their seconds: what counts is {self.of.named_metric(judged)['label']}."
            return
        pairs, itself = [pair for pair, _ in self.pairs[name]], self.itself[name]
        drawn = [*pairs, itself] if itself else pairs
        if not drawn:
            yield "Arms are not compared: two of them need a successful trial each."
        yield from (f"{pair.told}{'' if pair.low is not None else ', no interval'}" for pair in drawn)
        yield f"Smallest difference that this machine can tell: {self.of_itself(name)}"
        for pair in pairs:
            base, other = map(self.of.spoken, pair.names)
            if pair.low is None:
                n, m = len(pair.base.times), len(pair.other.times)
                why = f"{n} and {m} values: the widest interval would cover {pair.coverage:.0%}"
                yield f"No interval for {other} to {base}: {why}, less than 95 %."
            elif (covers := quoted(nearest(pair.base.times, pair.other.times))) < SHORT:
                told = f"{SIMULATED} {covers / 10_000 * 100:.1f}{N}% there, less than the 95 % that they promise."
                yield f"{other} to {base}: the arms spread unequally. {told}"
