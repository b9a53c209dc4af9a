"""Page one: what was asked, what was measured, what the customer states, what follows and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from pov.reporting.facts import Arm, Experiment, Facts
from pov.reporting.judge import COMPARE_FROM, INTERVAL_FROM, compare, numbers, score
from pov.reporting.numbers import NARROW, count, nice_axis, percent, plain, plural, seconds, seconds_parts, span
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """The decision page."""
    yield from _caveats(facts)
    yield Heading("What was asked")
    scores = [score(facts, criterion) for criterion in facts.criteria]
    if scores:
        yield Outcomes(
            tuple(
                {
                    "title": s.criterion.title,
                    "threshold": s.threshold,
                    "observed": s.observed,
                    "outcome": s.outcome,
                    "reason": s.reason,
                }
                for s in scores
            )
        )
    else:
        yield Text("No criterion was agreed before this run: figures are shown, nothing is scored.")
    yield Heading("What was measured")
    if not arms_ran(facts):
        yield Text("Nothing: no trial of this run was saved.")
    for experiment in facts.experiments:
        if experiment.arms:
            yield key_figures(facts, experiment)
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
    if facts.problems:
        more = f", and {len(facts.problems) - 1} more under Evidence" if len(facts.problems) > 1 else ""
        yield Callout("Something is wrong with this run's files", facts.problems[0] + more, "warning")


def key_figures(facts: Facts, experiment: Experiment) -> KeyFigures:
    """Large medians with range and n for each arm, and every trial on one axis."""
    words = wording.experiment(experiment.name)
    highest = max((time for arm in experiment.arms for time in arm.times), default=0.0)
    cells = tuple(_cell(arm) for arm in experiment.arms)
    alt = "; ".join(f"{cell['label']}: {cell['figure']} {cell['unit']}, {cell['range']}" for cell in cells)
    return KeyFigures(
        words.title, wording.subject(facts, experiment.name), cells, nice_axis(highest), f"Medians. {alt}"
    )


def _cell(arm: Arm) -> dict[str, Any]:
    figure, unit = seconds_parts(arm.median) if arm.n else ("–", "")
    n = f"n{NARROW}={NARROW}{arm.n}"
    if arm.failed:
        n += f", {len(arm.failed)} failed"
    requests, failed = arm.total("requests"), arm.total("failed_requests")
    if failed is None:
        loss, lost = "requests not recorded", False
    else:
        loss, lost = f"{count(failed)} of {plural(requests, 'request') if requests else 'requests'} failed", failed > 0
    return {
        **marks(arm),
        "label": wording.arm(arm.name),
        "note": wording.arm_note(arm.name),
        "figure": figure,
        "unit": unit,
        "range": _range(arm),
        "trials": n,
        "loss": loss,
        "lost": lost,
        "samples": numbers(arm),
    }


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
            "source": f"stated by {item.by or 'an unnamed person'}, {item.when or 'no date given'}",
        }
        for item in facts.stated
    )
    return StatedFigures(items, "Stated, not measured. In no statistic of this report.")


def _follows(facts: Facts) -> Iterator[tuple[str, str]]:
    comparisons = [found for experiment in facts.experiments if (found := compare(experiment))]
    # Bad news first: a reader who stops after one line must have met it.
    for comparison in sorted(comparisons, key=lambda c: c.gain is not False):
        yield comparison.lead, comparison.sentence
    for experiment in facts.experiments:
        yield from _polling(experiment)
        yield from _losses(experiment)
    failed = sum(len(arm.failed) for experiment in facts.experiments for arm in experiment.arms)
    if failed:
        yield f"{plural(failed, 'trial')} failed.", "Kept and counted, in no median; see every sample."


def _polling(experiment: Experiment) -> Iterator[tuple[str, str]]:
    push, poll = experiment.arm("automated"), experiment.arm("automated-poll")
    if push and poll and min(push.n, poll.n) >= COMPARE_FROM:
        yield (
            (
                "The webhook matters.",
                f"By polling alone the median is {seconds(poll.median)}, told by the webhook {seconds(push.median)}.",
            )
            if poll.least > push.greatest
            else (
                "The webhook made no clear difference.",
                f"Median {seconds(push.median)} with it, {seconds(poll.median)} by polling alone.",
            )
        )


def _losses(experiment: Experiment) -> Iterator[tuple[str, str]]:
    noun = wording.experiment(experiment.name).noun
    arm, manual = experiment.arm("automated"), experiment.arm("manual")
    failed = arm.total("failed_requests") if arm else None
    if arm is None or failed is None:
        return
    lead = f"{plural(failed, 'request') if failed else 'No request'} failed in automated {noun}s."
    rest = f"{count(failed)} of {count(arm.total('requests'))} over {plural(len(arm.trials), 'trial')}"
    if manual and (lost := manual.total("failed_requests")) is not None:
        rest += f"; in the runbook's, {count(lost)} of {count(manual.total('requests'))}"
    yield lead, rest + "."


def _does_not_follow(facts: Facts) -> Iterator[tuple[str, str]]:
    arms = [arm for experiment in facts.experiments for arm in experiment.arms]
    if any(arm.name == "manual" for arm in arms):
        yield (
            "Nothing about people's time.",
            "The manual arm is the runbook executed by a machine: no reading, typing, waiting or hand-over is in it.",
        )
    if facts.stated:
        yield (
            "No saving against stated figures.",
            "They were not timed here; subtracting ours from theirs proves nothing.",
        )
    counts = sorted({arm.n for arm in arms if arm.n})
    if counts and counts[0] < INTERVAL_FROM:
        trials = plural(counts[-1], "trial")
        told = trials if len(counts) == 1 else f"{counts[0]} to {trials}"
        yield (
            "No interval, no significance.",
            f"With {told} an arm none can be given; the medians describe these trials.",
        )
    yield from _bound(facts)
    yield "Not your production.", "Mock services with similar traffic, on one machine; times there will differ."


def _bound(facts: Facts) -> Iterator[tuple[str, str]]:
    rotate = facts.experiment("rotate")
    arm = rotate.arm("automated") if rotate else None
    if arm and arm.n and not arm.failed and arm.total("failed_requests") == 0:
        # Exact one-sided 95 % bound for 0 failures in n independent trials: 1 - 0.05^(1/n).
        bound = percent(1 - 0.05 ** (1 / arm.n))
        yield (
            "Not zero disruption.",
            f"0 failures in {plural(arm.n, 'rotation')} rule out, at 95{NARROW}%, only a rate above {bound} of them.",
        )
    if arms_ran(facts) and not any(experiment.negative for experiment in facts.experiments):
        yield "Not that the prober sees every failure.", "No trial was made to fail on purpose."


def arms_ran(facts: Facts) -> bool:
    """Whether any trial but placebos and negative controls ran."""
    return any(experiment.arms for experiment in facts.experiments)
