"""Findings in words: what may be said of a score, a comparison, failures. Names come from the run's catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.results import Arm, Experiment, Kinds, holds_both, loads_the_machine
from pov.measure.scoring import Score, word
from pov.measure.statistics import Comparison, Same
from pov.model import kinds as catalogued
from pov.model.kinds import MANUAL, MORE, Metric
from pov.model.reading import text
from pov.model.sample import Resumption, Sample
from pov.model.words import Words
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, kinds, listing, plain, plural, seconds, share
from pov.state.attested import CRITERIA, RUN, Attested


def subject(facts: Facts, name: str) -> str:
    """What an experiment worked on, as far as the run recorded it."""
    services = facts.environment.get("services")
    known = {
        "services": f"{services} services" if isinstance(services, int) else "all services",
        "proof": f"{plural(len(facts.under_proof), 'service')} in staging: {listing(list(facts.under_proof))}"
        if facts.under_proof
        else "staging",
    }
    found = facts.words.experiment(name).subject
    for key, value in known.items():
        found = found.replace(f"{{{key}}}", value)
    return found


def clock(words: catalogued.Experiment) -> str:
    """When an experiment's clock starts and stops in every arm, and whether review and approval are within."""
    return f"Starts when {words.starts}; stops when {words.stops}. The same in every arm. {words.review}".rstrip()


def value(metric: Metric, figure: float | None) -> str:
    """A metric's value with its unit, where the unit is a time; counts stand alone."""
    if figure is None:
        return "–"
    if metric.unit == "s":
        return seconds(figure)
    return count(figure) if metric.counts else f"{plain(figure)} {metric.unit}".strip()


def seen(metric: Metric, figure: float | None, by_kind: Kinds | None) -> str:
    """An observed value; a sum of hard and late failures as both, since the one is an effect, the other may be noise.

    A run of before they were told apart has but the sum, and that is said.
    """
    if by_kind is not None:
        return kinds(by_kind.hard, by_kind.late)
    return f"{value(metric, figure)}, not told apart" if figure and holds_both(metric) else value(metric, figure)


def observed(score: Score) -> str:
    """What was observed, as it is printed."""
    return seen(score.metric, score.observed, score.kinds)


def threshold(score: Score) -> str:
    """The bound in words."""
    return f"at {'least' if score.metric.direction == MORE else 'most'} {value(score.metric, score.criterion.bound)}"


def standing(score: Score, words: Words) -> str:
    """What a reader must know beside the outcome: why it is not shown, and how today's way fared."""
    parts = [score.why] if score.outcome != "pass" else []
    today = score.today
    if score.outcome == "pass" and today is not None:
        said, of_today = words.arm(today.criterion.arm).said, observed(today)
        if today.outcome == "pass":
            parts.append(f"{said} passes too ({of_today})")
        elif today.outcome == "fail":
            parts.append(f"{said} fails it ({of_today})")
    return "; ".join(parts)


def outcome(score: Score) -> str:
    """What is printed as a criterion's outcome."""
    return word(score.outcome, score.tells_apart)


def standing_of(found: Attested) -> Iterator[tuple[str, str]]:
    """When criteria were frozen, who countersigned what, and how many runs there were."""
    if not found.state or found.state == "not frozen":
        yield (
            "Not frozen.",
            "Nothing shows that the criteria were there before the first trial but this run's own record.",
        )
    else:
        again = f" as version {found.number}, because: {found.because}" if found.number > 1 else ""
        yield f"Frozen on {found.at[:10]}{again}.", f"SHA-256 {found.digest}."
    if found.changes:
        yield "Exploratory.", f"Not the frozen criteria: {'; '.join(found.changes)}."
    if found.plan:
        yield "Exploratory.", f"Not the frozen plan: {'; '.join(found.plan)}."
    criteria, run = found.signers(CRITERIA), found.signers(RUN)
    if criteria:
        yield "Criteria countersigned", f"by {listing(list(criteria))} before the first trial."
    if run:
        yield "This run's head countersigned", f"by {listing(list(run))}."
    if not run:
        what = "this run" if criteria else "criteria or run"
        yield "Self-attested.", f"Nobody but the machine that measured has signed {what}."


def attestation(found: Attested, run: str) -> str:
    """The same in one sentence, for page one."""
    frozen = "Criteria were not frozen before this run"
    if found.state and found.state != "not frozen":
        frozen = f"Criteria frozen on {found.at[:10]}"
        frozen += "; this run was measured against others: exploratory" if found.changes else ""
        frozen += "; this run's plan is another: exploratory" if found.plan else ""
    criteria, head = found.signers(CRITERIA), found.signers(RUN)
    names = listing(list(dict.fromkeys([*criteria, *head])))
    both = "criteria and run" if criteria and head else "the criteria alone" if criteria else "the run alone"
    signed = f"{both} countersigned by {names}" if names else "self-attested: nobody else signed criteria or run"
    position = found.position(run)
    if found.runs is None or position is None:
        return f"{frozen}; {signed}."
    ended = f", {len(found.broken)} of them unfinished or gone" if found.broken else ""
    return f"{frozen}; {signed}. Run {position} of {len(found.runs)} {'since' if found.at else 'here'}{ended}."


def departures(found: Attested) -> str:
    """How the plan is not the frozen one, for page one: what has no room there stands under Evidence."""
    more = f"; {len(found.plan) - 2} more under Evidence" if len(found.plan) > 2 else ""
    return f"{'; '.join(found.plan[:2])}{more}."


def verdict(score: Score, words: Words) -> str:
    """One sentence for one criterion, for the command line and for machines."""
    told = f"{words.metric(score.criterion.metric).label} {observed(score)}, {threshold(score)}"
    rest = standing(score, words)
    return f"{outcome(score).upper()}: {score.criterion.title} ({told}{f'; {rest}' if rest else ''})."


def failures(arm: Arm) -> str:
    """An arm's failed requests by kind, in a few words."""
    counts = arm.counts
    if counts is None:
        return "requests not recorded"
    of = f"of {plural(counts.requests, 'request')}"
    if not counts.failed:
        return f"none {of} failed"
    if not arm.told_apart:
        return f"{count(counts.failed)} {of} failed; hard and late not told apart"
    late = f"{count(counts.late)} late"
    if counts.excused:
        late += f" ({'all' if counts.excused == counts.late else count(counts.excused)} while this machine stalled)"
    return f"{count(counts.hard)} hard, {late} {of}"


def causes(arm: Arm, kind: str, most: int = 2) -> str:
    """The most frequent causes of an arm's failures of one kind, and on how many edges they were."""
    found: dict[str, int] = {}
    edges = set()
    for trial in arm.trials:
        for cause in trial.traffic.causes if trial.traffic else ():
            if cause.kind == kind:
                found[cause.text] = found.get(cause.text, 0) + cause.count
                edges.add(cause.edge)
    ranked = sorted(found, key=lambda text: -found[text])[:most]
    return f"{'; '.join(ranked)} (on {plural(len(edges), 'edge')})" if ranked else ""


def stalls(trials: tuple[Sample, ...]) -> str:
    """How this machine stood still in trials' windows; empty if it did not, or nobody looked."""
    seen = [t.traffic for t in trials if t.traffic is not None]
    beats = [s.longest_ms for t in seen for s in (t.heartbeat,) if s is not None and s.count]
    control = sum(1 for t in seen if t.control_stalls is not None and t.control_stalls.count)
    parts = []
    if beats:
        parts.append(f"the prober stood still for up to {seconds(max(beats) / 1000)}")
    if control:
        parts.append(f"control requests came late in {control} of {plural(len(trials), 'trial')}")
    return " and ".join(parts)


def runbooks(facts: Facts, *, in_full: bool = False) -> str:
    """Whose runbooks the manual arms executed: the customer's only where the run says who gave it, and what it was."""
    whose: dict[str, list[str]] = {}
    for experiment in facts.experiments:
        if not any(facts.words.arm(arm.name).kind == MANUAL for arm in experiment.arms):
            continue
        told = "an example runbook"
        if facts.from_customer(experiment.name):
            found = facts.runbook(experiment.name)
            source = f"given by {text(found.get('by'))}, {text(found.get('when')) or 'no date given'}"
            digest = f"{text(found.get('path'))}, SHA-256 {text(found.get('digest'))[:12]}"
            told = f"the customer's runbook ({digest}, {source})" if in_full else "the customer's runbook"
        whose.setdefault(told, []).append(facts.words.experiment(experiment.name).noun)
    if len(whose) <= 1:
        return next(iter(whose), "an example runbook")
    return " and ".join(f"{told} ({listing(nouns)})" for told, nouns in whose.items())


def lead(found: Comparison, words: Words) -> str:
    """A comparison's finding in a few words."""
    noun = words.experiment(found.experiment).noun
    if words.arm(found.other.name).against:
        name = words.arm(found.other.name).label
        if found.few:
            return f"{name}: too few trials to compare."
        if found.shorter is None:
            return f"{name}: no clear difference."
        return f"{name}: {'slower' if found.shorter else 'faster'}."
    # Today's way is what is compared with where nothing else is said.
    beside = "" if words.arm(found.other.name).reference else f", beside {words.arm(found.other.name).said}"
    if found.few:
        return f"Too few trials to compare machine time per {noun}{beside}."
    if found.shorter is None:
        return f"No clear difference in machine time per {noun}{beside}."
    return f"{'Less' if found.shorter else 'No gain in'} machine time per {noun}{beside}."


def sentence(found: Comparison, words: Words) -> str:
    """What the trials say, without more than they say."""
    base, other = words.arm(found.base.name).said, words.arm(found.other.name).said
    medians = f"median {seconds(found.base.median)} {base}, {seconds(found.other.median)} {other}"
    if found.few:
        return f"Successful ones: {found.base.n} {base}, {found.other.n} {other}."
    medians = f"{medians}, ratio {ratio(found)}"
    if found.shorter is None:
        return f"{_why_unclear(found)}: {medians}."
    if not found.wholly:
        return f"Not in every trial, but on the whole: {medians}."
    every = "In every successful trial" if found.shorter else f"Every successful trial of {other} was shorter"
    return f"{every}: {medians}."


def _why_unclear(found: Comparison) -> str:
    if found.too_small and found.smallest is not None:
        return f"Less than the {factor(found.smallest)} times that this machine can tell"
    if found.apart:
        return "Not clear among so many comparisons"
    return "The ranges overlap" if found.ratio.interval is None else "The interval of the ratio holds 1"


def ratio(found: Comparison) -> str:
    """A ratio with its interval and the coverage that this attains, as far as there is one."""
    interval = found.ratio.interval
    told = factor(found.ratio.value)
    if interval is None:
        return told
    return f"{told} ({share(interval.coverage)} interval {factor(interval.low)} – {factor(interval.high)})"


def itself(found: Same | None, words: Words) -> str:
    """What the proposed arm against itself says of this machine, in one sentence."""
    if found is None:
        arm = words.proposed().said
        return f"not measured, no trial of the {arm} arm against itself (A/A) was planned, or none succeeded."
    one = found.comparison
    pair = f"{words.arm(one.base.name).said} against itself (A/A, {one.base.n} and {one.other.n} trials)"
    if found.smallest is None:
        return f"{pair} shows a ratio of {factor(one.ratio.value)}; too few trials for an interval."
    if found.apart:
        return f"{pair} shows a ratio of {ratio(one)}, so something else than the arms made a difference."
    return f"{pair} leaves a ratio of up to {factor(found.smallest)} open; smaller ones cannot be told here."


def itself_in_short(found: Same | None) -> str:
    """The same in a word, where many experiments share a line."""
    if found is None or found.smallest is None:
        return "not told (too few trials)"
    return "not told (it differs from itself)" if found.apart else factor(found.smallest)


def factor(value: float) -> str:
    """A ratio of times with as many digits as a reader can use."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def control(experiment: Experiment, words: Words) -> str:
    """Which arms load this machine, in words; empty for none."""
    names = [words.arm(arm.name).said for arm in experiment.arms if loads_the_machine(experiment, arm)]
    return listing(names)


def numbers(arm: Arm) -> str:
    """The arm's sample numbers, so that every figure can be traced."""
    found = [trial.n for trial in arm.trials]
    if len(found) <= 12:
        return ", ".join(map(str, found))
    return f"{', '.join(map(str, found[:10]))} … {found[-1]} ({len(found)})"


def resumed(one: Resumption) -> str:
    """Where a run had ended early and went on: nobody drew that time, so it is said."""
    told = f"After sample {one.after}, last heard of at {_moment(one.last)}; resumed at {_moment(one.at)} (UTC)."
    if one.trial:
        told += f" {one.trial} had begun without being saved, and was measured again."
    return f"{told} The order is the one drawn before the first trial; the time between is not random."


def _moment(at: str) -> str:
    """A recorded moment, to the second."""
    return at[:19].replace("T", " ")
