"""What the services' callers saw meanwhile: hard and late failures, the control beside them, the negative control."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.results import Arm, Experiment, added
from pov.model.sample import Counts
from pov.reporting import wording
from pov.reporting.blocks import Block, Callout, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import count
from pov.reporting.section import Section
from pov.reporting.wording import numbers

_HEAD = ("Sample", "Arm", "Requests", "Hard", "Late", "Excused", "Handshakes", "Hard + late", "Control late")


def build(facts: Facts) -> Iterator[Block]:
    """A row for each sample, a sum for each arm; placebos and the negative control apart."""
    recorded = [e for e in facts.experiments if any(arm.counts for arm in e.arms)]
    if not recorded and any(experiment.arms for experiment in facts.experiments):
        yield Text("No trial of this run recorded requests.")
    if recorded:
        yield Text(
            "The prober sends on a fixed schedule, whatever the answers do (open loop), and never tries again. Hard: "
            "refused, cut off, answered wrongly. Late: answered after its time or never, or not sent in time. "
            "Handshakes are counted on new connections, and those that failed by kind behind them. Control: edges "
            "outside the change, in the same window."
        )
    for experiment in recorded:
        data = facts.words.experiment(experiment.name)
        yield Heading(data.title)
        rows: list[tuple[str, ...]] = []
        sums: list[int] = []
        for arm in experiment.arms:
            label = facts.words.arm(arm.name).label
            pairs = [(t.traffic.operation, t.traffic.control) if t.traffic else (None, None) for t in arm.trials]
            for trial, (seen, control) in zip(arm.trials, pairs, strict=True):
                rows.append((f"{trial.n}", label, *_cells(seen, control, arm.told_apart)))
            sums.append(len(rows))
            beside = added(c for _, c in pairs if c is not None)
            rows.append(("all", label, *_cells(arm.counts, beside, arm.told_apart)))
        yield Table(f"Requests while each {data.noun} ran.", _HEAD, tuple(rows), "llrrrrrrr", strong=tuple(sums))
    for experiment in facts.experiments:
        yield from _placebo(facts, experiment)
    yield from _negative(facts)


SECTION = Section("traffic", "Requests that failed", build)


def _cells(seen: Counts | None, control: Counts | None, told_apart: bool) -> tuple[str, ...]:
    if seen is None:
        return ("–",) * 7
    of = "none" if control is None else f"{count(control.late)} of {count(control.requests)}"
    kinds = count(seen.hard), count(seen.late)
    shaken = f"{count(seen.hard_handshakes)} + {count(seen.late_handshakes)}"
    if not told_apart:
        kinds, shaken = (f"{count(seen.failed)} in all", "–"), f"{count(seen.failed_handshakes)} in all"
    return (count(seen.requests), *kinds, count(seen.excused), count(seen.handshakes), shaken, of)


def _placebo(facts: Facts, experiment: Experiment) -> Iterator[Block]:
    placebo = experiment.placebo
    if placebo is None or placebo.counts is None:
        return
    of = f"{facts.words.experiment(experiment.name).noun}, samples {numbers(placebo)}"
    seen = f"While nothing was done: {wording.failures(placebo)}"
    if placebo.counts.failed:
        rest = "As many may fail in a trial without the operation's doing."
        yield Callout(f"Placebo ({of}): failures", f"{seen}. {rest}", "warning")
    else:
        yield Callout(f"Placebo ({of})", f"{seen}.")


def _negative(facts: Facts) -> Iterator[Block]:
    sight = facts.results.sight
    if sight.shown is None:
        if any(experiment.arms for experiment in facts.experiments):
            text = "No trial was made to fail on purpose, so how well the prober sees failures is not shown."
            yield Callout("No negative control", text)
        return
    what = "a service whose certificate runs out while reloading is off, same code, same load"
    for trial in sight.windows:
        if trial in sight.blind:
            why = sight.why(trial)
            text = f"Sample {trial.n}, {what}: {why}. Few or no failed requests prove nothing until this is understood."
            yield Callout("Negative control: blind", text, "warning")
        else:
            seen = wording.failures(Arm(trial.arm, (trial,)))
            text = f"Sample {trial.n}, {what}: {seen}, as they must. The prober can see what it looks for."
            yield Callout("Negative control: failures seen", text)
