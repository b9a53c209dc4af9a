"""Page one: what was asked, what was measured, what is stated, what follows and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pov.measure.excuse import HARD
from pov.measure.inference import LEVEL, bound, smallest_p
from pov.measure.results import Arm, Experiment
from pov.model.catalogue import Metric
from pov.reporting import wording
from pov.reporting.blocks import (
    Block,
    Bullets,
    Callout,
    Columns,
    Heading,
    KeyFigures,
    Outcomes,
    StatedFigures,
    Text,
    marks,
)
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, count, nice_axis, percent, plain, plural, seconds_parts, span
from pov.reporting.section import Section
from pov.reporting.sections.asked import asked
from pov.reporting.sections.people import in_short
from pov.reporting.wording import numbers

_NOBODY = "set by this toolkit's scenario, agreed by nobody"


def build(facts: Facts) -> Iterator[Block]:
    """The decision page."""
    yield from _caveats(facts)
    yield from asked(facts)
    yield Heading("What was asked")
    if facts.scores:
        yield _outcomes(facts)
        yield Text(wording.attestation(facts.attested, facts.run), "note")
    else:
        yield Text("No criterion was saved with this run: figures are shown, nothing is scored.")
    yield Heading("What was measured")
    if not arms_ran(facts):
        by_hand = any(experiment.people for experiment in facts.experiments)
        yield Text("People alone: see the page on people." if by_hand else "Nothing: no trial of this run was saved.")
    for experiment in facts.experiments:
        if experiment.arms:
            yield key_figures(facts, experiment)
    if arms_ran(facts):
        yield Text(f"Smallest difference that this machine can tell. {' '.join(_itself(facts))}", "note")
    yield Heading("What the customer states")
    yield _stated(facts)
    yield Columns(
        "What follows",
        (Bullets(tuple(_follows(facts)) or (("", "Nothing yet: no arm has a successful trial."),)),),
        "What does not follow",
        (Bullets(tuple(_does_not_follow(facts))),),
    )


SECTION = Section("decision", "The page to decide on", build)


def _caveats(facts: Facts) -> Iterator[Block]:
    if facts.interrupted:
        planned = len(facts.planned) if facts.planned else None
        of = f"{facts.saved} of {plural(planned, 'planned trial')}" if planned else plural(facts.saved, "trial")
        yield Callout("This run did not end by itself", f"{of} saved; what is shown stands on those alone.", "warning")
    if facts.resumptions:
        more = f" In all {len(facts.resumptions)} times, see Method." if len(facts.resumptions) > 1 else ""
        told = f"{wording.resumed(facts.resumptions[0])}{more}"
        yield Callout("This run was interrupted and went on", told, "warning")
    if facts.problems:
        more = f", and {len(facts.problems) - 1} more under Evidence" if len(facts.problems) > 1 else ""
        yield Callout("Something is wrong with this run's files", facts.problems[0] + more, "warning")
    sight = facts.results.sight
    if sight.shown is False:
        why = sight.why(sight.blind[0])
        text = f"Negative control {sight.blind[0].n}: {why}. Few or no failed requests prove nothing here."
        yield Callout("Not shown that the prober sees failures", text, "warning")
    for experiment in facts.experiments:
        arms = wording.control(experiment, facts.words)
        if arms:
            noun = facts.words.experiment(experiment.name).noun
            text = f"{noun.capitalize()}, {arms}: edges outside the change stalled in most trials, in no placebo."
            yield Callout("The operation loads this machine", text, "warning")


def _itself(facts: Facts) -> Iterator[str]:
    """What the proposed arm against itself says, experiment by experiment; once if none was tried."""
    tried = [e for e in facts.experiments if e.again is not None and e.again.trials]
    for experiment in tried:
        noun, again = facts.words.experiment(experiment.name).noun, experiment.again
        found = wording.itself(facts.same(experiment), facts.words)
        lost = f" Its requests: {wording.failures(again)}." if again and again.counts and again.counts.failed else ""
        yield f"{noun.capitalize()}: {found}{lost}"
    if not tried:
        yield "Not measured: no trial of the automated arm against itself (A/A) was planned."


def _outcomes(facts: Facts) -> Outcomes:
    who = {f"agreed by {c.agreed_by}{f', {c.agreed_on}' if c.agreed_on else ''}" if c.agreed else _NOBODY
           for c in (score.criterion for score in facts.scores)}  # fmt: skip
    return Outcomes(
        tuple(
            {
                "title": s.criterion.title,
                "threshold": wording.threshold(s),
                "observed": wording.value(s.metric, s.observed),
                "outcome": wording.outcome(s),
                "reason": wording.standing(s, facts.words)
                + ("" if len(who) == 1 else f" ({s.criterion.agreed_by or _NOBODY})"),
            }
            for s in facts.scores
        ),
        f"Criterion, {next(iter(who))}" if len(who) == 1 else "Criterion",
    )


def key_figures(facts: Facts, experiment: Experiment) -> KeyFigures:
    """Large medians with range and n for each arm, and every trial on one axis."""
    data = facts.words.experiment(experiment.name)
    highest = max((time for arm in experiment.ways for time in arm.times), default=0.0)
    if data.judged_by:
        return _judged(facts, experiment, facts.words.metric(data.judged_by))
    cells = tuple(_cell(facts, arm) for arm in experiment.ways)
    alt = "; ".join(f"{cell['label']}: {cell['figure']} {cell['unit']}, {cell['range']}" for cell in cells)
    return KeyFigures(data.title, wording.subject(facts, experiment.name), cells, nice_axis(highest), f"Medians. {alt}")


def _cell(facts: Facts, arm: Arm) -> dict[str, Any]:
    figure, unit = seconds_parts(arm.median) if arm.n else ("–", "")
    n = f"n{NARROW}={NARROW}{arm.n}"
    if arm.failed:
        n += f", {len(arm.failed)} failed"
    counts = arm.counts
    data = facts.words.arm(arm.name)
    return {
        **marks(arm, facts.words),
        "label": data.label,
        "note": data.note,
        "figure": figure,
        "unit": unit,
        "range": _range(arm),
        "trials": n,
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
        cells.append({**_cell(facts, arm), "figure": figure, "unit": unit, "range": metric.label})
    alt = "; ".join(f"{cell['label']}: {cell['figure']} {cell['unit']}" for cell in cells)
    return KeyFigures(data.title, wording.subject(facts, experiment.name), tuple(cells), (), f"{metric.label}. {alt}")


def _range(arm: Arm) -> str:
    if arm.n > 1:
        return span(arm.least, arm.greatest)
    return "one trial" if arm.n else "no successful trial"


def _stated(facts: Facts) -> Block:
    if not facts.stated:
        return Text("Nothing: the engagement holds no stated figure, or there was no engagement.", "note")
    items = tuple(
        {
            "value": plain(item.value),
            "unit": item.unit,
            "figure": item.figure,
            "source": "EXAMPLE: made up to show the form, stated by nobody"
            if item.example
            else f"stated by {item.by or 'an unnamed person'}, {item.when or 'no date given'}",
        }
        for item in facts.stated
    )
    note = "Stated, not measured. In no statistic of this report."
    if any(item.example for item in facts.stated):
        note = f"EXAMPLE. {note}"
    return StatedFigures(items, note)


def _follows(facts: Facts) -> Iterator[tuple[str, str]]:
    found = [comparison for each in facts.comparisons.values() for comparison in each]
    # Bad news first: a reader who stops after one line must have met it.
    for comparison in sorted(found, key=lambda c: c.shorter is not False):
        yield wording.lead(comparison, facts.words), wording.sentence(comparison, facts.words)
    for experiment in sorted(
        facts.experiments, key=lambda e: not any(arm.counts and arm.counts.hard for arm in e.arms)
    ):
        yield from _losses(facts, experiment)
    yield from in_short(facts)
    failed = sum(len(arm.failed) for experiment in facts.experiments for arm in (*experiment.arms, *experiment.people))
    if failed:
        yield f"{plural(failed, 'trial')} failed.", "Kept and counted, in no median."


def _losses(facts: Facts, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Failures of an experiment's arms by kind, each with its causes and with what this machine did."""
    noun = facts.words.experiment(experiment.name).noun
    arms = [arm for arm in experiment.arms if arm.counts is not None and facts.words.arm(arm.name).compared]
    if not arms:
        return
    told = [f"{facts.words.arm(arm.name).said}, {_loss(arm)}" for arm in arms]
    hard = any(arm.counts and arm.counts.hard for arm in arms)
    failed = any(arm.counts and arm.counts.failed for arm in arms)
    lead = "Hard failures" if hard else "Late requests, none failed hard" if failed else "No request failed"
    if not all(arm.told_apart for arm in arms):
        lead = "Failed requests"
    yield f"{lead}, {noun}s:", "; ".join(told) + "."


def _loss(arm: Arm) -> str:
    counts = arm.counts
    why = wording.causes(arm, HARD) if counts and counts.hard else ""
    stood = wording.stalls(arm.trials) if counts and counts.late else ""
    return ", ".join(part for part in (wording.failures(arm), why, stood) if part)


def _does_not_follow(facts: Facts) -> Iterator[tuple[str, str]]:
    arms = [arm for experiment in facts.experiments for arm in experiment.arms]
    if any(facts.words.arm(arm.name).kind == "manual" for arm in arms):
        which = wording.runbooks(facts)
        told = f"{which[0].upper()}{which[1:]} {'were' if ' and ' in which else 'was'} executed by a machine"
        yield "Nothing about people's time.", f"{told}: no reading, typing or hand-over is in it."
    if any(facts.words.arm(arm.name).kind == "script" for arm in arms):
        yield (
            "No platform in a script.",
            "It works when somebody starts it, and does not tell what is changed by hand afterwards, or who did it.",
        )
    if facts.stated:
        yield (
            "No saving against stated figures.",
            "They were not timed here; subtracting ours from theirs proves nothing.",
        )
    counts = sorted({arm.n for arm in arms if arm.n and facts.words.arm(arm.name).compared})
    if counts and smallest_p(counts[-1], counts[-1]) > LEVEL:
        told = plural(counts[-1], "trial") if len(counts) == 1 else f"{counts[0]} to {plural(counts[-1], 'trial')}"
        yield (
            "No significance.",
            f"With {told} an arm no exact test can tell an order from chance; the medians describe these trials.",
        )
    yield from _bound(facts)
    yield "Not your production.", "Mock services with similar traffic, on one machine; times there will differ."


def _bound(facts: Facts) -> Iterator[tuple[str, str]]:
    for experiment in facts.experiments:
        data = facts.words.experiment(experiment.name)
        for own in experiment.arms if data.bound else ():
            arm, _ = facts.results.tried(experiment.name, own.name)
            if facts.words.arm(arm.name).proposed and arm.n and not arm.failed and arm.counts and not arm.counts.failed:
                told = f"0 failures in {plural(arm.n, data.noun)} rule out, at 95{NARROW}%, only a rate above"
                yield "Not zero disruption.", f"{told} {percent(bound(0, arm.n).at_most)} of them."
    if arms_ran(facts) and facts.results.sight.shown is None:
        lost = sum(arm.counts.failed for e in facts.experiments for arm in e.arms if arm.counts)
        seen = f" It did see {count(lost)} fail." if lost else ""
        yield "Not that the prober sees every failure.", f"No trial was made to fail on purpose.{seen}"


def arms_ran(facts: Facts) -> bool:
    """Whether any trial but placebos, negative controls and people's ran."""
    return any(experiment.arms for experiment in facts.experiments)
