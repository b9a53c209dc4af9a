"""Findings in sentences, the weightiest first: what follows from the trials, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from pov.measure.excuse import HARD
from pov.measure.inference import LEVEL, bound, smallest_p
from pov.measure.results import Arm, Experiment
from pov.measure.statistics import Comparison
from pov.model.kinds import MANUAL, SCRIPT
from pov.model.sample import Counts
from pov.reporting import wording
from pov.reporting.facts import Facts
from pov.reporting.numbers import NARROW, count, kinds, listing, percent, plural
from pov.reporting.sections.people import in_short

Finding = tuple[str, str]
_FEW = 2
"""Of more experiments than these, failed requests are told arm by arm, and page one has room for fewer findings."""
_SHOWN, _SHOWN_OF_MANY = 8, 6


class _Weight(IntEnum):
    """What a reader must meet first: a reader who stops after one line must have met the bad news."""

    PROPOSED_LOSES = 0
    NO_GAIN = 1
    LOSES = 2
    GAIN = 3
    UNCLEAR = 4
    FAILED_TRIALS = 5
    PEOPLE = 6
    LATE = 7
    VARIANT = 8
    CLEAN = 9


def shown(facts: Facts) -> tuple[Finding, ...]:
    """The findings of page one."""
    return _ranked(facts)[: _room(facts)]


def left_out(facts: Facts) -> tuple[Finding, ...]:
    """Those that it has no room for."""
    return _ranked(facts)[_room(facts) :]


def _room(facts: Facts) -> int:
    return _SHOWN if len(facts.experiments) <= _FEW else _SHOWN_OF_MANY


def _ranked(facts: Facts) -> tuple[Finding, ...]:
    return tuple(finding for _, finding in sorted(_found(facts), key=lambda item: item[0]))


def _found(facts: Facts) -> Iterator[tuple[_Weight, Finding]]:
    compared = [one for each in facts.comparisons.values() for one in each]
    for comparison in sorted(compared, key=lambda one: not one.primary):
        finding = wording.lead(comparison, facts.words), wording.sentence(comparison, facts.words)
        yield _weight(facts, comparison), finding
    yield from _losses(facts)
    for finding in in_short(facts):
        yield _Weight.PEOPLE, finding
    failed = sum(len(arm.failed) for experiment in facts.experiments for arm in (*experiment.arms, *experiment.people))
    if failed:
        yield _Weight.FAILED_TRIALS, (f"{plural(failed, 'trial')} failed.", "Kept and counted, in no median.")


def _weight(facts: Facts, found: Comparison) -> _Weight:
    if facts.words.arm(found.other.name).against:
        return _Weight.VARIANT
    return {True: _Weight.GAIN, False: _Weight.NO_GAIN, None: _Weight.UNCLEAR}[None if found.few else found.shorter]


def _losses(facts: Facts) -> Iterator[tuple[_Weight, Finding]]:
    """Failed requests: experiment by experiment where there are few, and else arm by arm over all of them."""
    counted = [(experiment, _counted(facts, experiment)) for experiment in facts.experiments]
    counted = [(experiment, arms) for experiment, arms in counted if arms]
    if len(counted) > _FEW:
        yield from _by_arm(facts, counted)
        return
    for experiment, arms in counted:
        hard = [arm for arm in arms if arm.counts and arm.counts.hard]
        failed = any(arm.counts and arm.counts.failed for arm in arms)
        lead = "Hard failures" if hard else "Late requests, none failed hard" if failed else "No request failed"
        if not all(arm.told_apart for arm in arms):
            lead = "Failed requests"
        proposed = any(facts.words.arm(arm.name).proposed for arm in hard)
        weight = _Weight.PROPOSED_LOSES if proposed else _Weight.LOSES if hard else _Weight.LATE
        noun = facts.words.experiment(experiment.name).noun
        told = "; ".join(_told(facts, arm) for arm in arms)
        yield weight if failed else _Weight.CLEAN, (f"{lead}, {noun}s:", f"{told}.")


def _by_arm(facts: Facts, counted: list[tuple[Experiment, list[Arm]]]) -> Iterator[tuple[_Weight, Finding]]:
    by: dict[str, list[tuple[str, Arm, Counts]]] = {}
    for experiment, arms in counted:
        for arm in arms:
            if arm.counts is not None:
                by.setdefault(arm.name, []).append((facts.words.experiment(experiment.name).noun, arm, arm.counts))
    for name, found in by.items():
        data = facts.words.arm(name)
        hard: list[str] = []
        late: list[str] = []
        clean: list[str] = []
        for noun, arm, counts in found:
            into = hard if counts.hard or not arm.told_apart else late if counts.late else clean
            into.append(f"{noun}s, {wording.failures(arm)}" if counts.failed else f"{noun}s")
        if hard:
            lead = "Hard failures" if all(arm.told_apart for _, arm, _ in found) else "Failed requests"
            weight = _Weight.PROPOSED_LOSES if data.proposed else _Weight.LOSES
            yield weight, (f"{lead}, {data.said}:", f"{'; '.join(hard)}{_why([arm for _, arm, _ in found])}.")
        if late:
            yield _Weight.LATE, (f"Late requests, none failed hard, {data.said}:", f"{'; '.join(late)}.")
        if clean:
            requests = sum(counts.requests for _, _, counts in found if not counts.failed)
            told = f"in {listing(clean)}, of {plural(requests, 'request')}."
            yield _Weight.CLEAN, (f"No request failed, {data.said}:", told)


def _why(arms: list[Arm]) -> str:
    """The causes of one arm's hard failures over all experiments, the most frequent ones."""
    every = Arm(arms[0].name, tuple(trial for arm in arms for trial in arm.trials))
    found = wording.causes(every, HARD)
    return f". Why: {found}" if found else ""


def _counted(facts: Facts, experiment: Experiment) -> list[Arm]:
    return [arm for arm in experiment.arms if arm.counts is not None and facts.words.arm(arm.name).compared]


def _told(facts: Facts, arm: Arm) -> str:
    counts = arm.counts
    why = wording.causes(arm, HARD) if counts and counts.hard else ""
    stood = wording.stalls(arm.trials) if counts and counts.late else ""
    return ", ".join(part for part in (facts.words.arm(arm.name).said, wording.failures(arm), why, stood) if part)


def does_not_follow(facts: Facts) -> tuple[Finding, ...]:
    """What nobody may read into these trials."""
    return tuple(_limits(facts))


def _limits(facts: Facts) -> Iterator[Finding]:
    arms = [arm for experiment in facts.experiments for arm in experiment.arms]
    if any(facts.words.arm(arm.name).kind == MANUAL for arm in arms):
        which = wording.runbooks(facts)
        told = f"{which[0].upper()}{which[1:]} {'were' if ' and ' in which else 'was'} executed by a machine"
        yield "Nothing about people's time.", f"{told}: no reading, typing or hand-over is in it."
    if any(facts.words.arm(arm.name).kind == SCRIPT for arm in arms):
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


def _bound(facts: Facts) -> Iterator[Finding]:
    for experiment in facts.experiments:
        data = facts.words.experiment(experiment.name)
        for own in experiment.arms if data.bound else ():
            arm, _ = facts.results.tried(experiment.name, own.name)
            if facts.words.arm(arm.name).proposed and arm.n and not arm.failed and arm.counts and not arm.counts.failed:
                told = f"0 failures in {plural(arm.n, data.noun)} rule out, at 95{NARROW}%, only a rate above"
                yield "Not zero disruption.", f"{told} {percent(bound(0, arm.n).at_most)} of them."
    ran = any(experiment.arms for experiment in facts.experiments)
    if ran and facts.results.sight.shown is None:
        every = Arm("", tuple(trial for e in facts.experiments for arm in e.arms for trial in arm.trials))
        seen = f" It did see failures: {_seen(every)}." if every.counts and every.counts.failed else ""
        yield "Not that the prober sees every failure.", f"No trial was made to fail on purpose.{seen}"


def _seen(every: Arm) -> str:
    """How many requests failed, by kind as far as that was recorded."""
    counts = every.counts or Counts()
    return kinds(counts.hard, counts.late) if every.told_apart else f"{count(counts.failed)}, not told apart"
