"""What people did at a terminal: every point, never beside what a machine did, and below six persons nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from pov.measure.people import MEDIAN_FROM, Work, persons, typical, works
from pov.measure.results import SIMULATED, Arm, Experiment
from pov.model.catalogue import Words, told_in
from pov.model.reading import items, mapping, number
from pov.reporting.blocks import Block, Callout, Dots, Heading, Table, Text, marks
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, nice_axis, plain, plural, seconds
from pov.reporting.section import Section

_HEAD = (
    "No.", "Person", "Before", "Elapsed", "Hands-on", "Pauses", "Failed commands", "Failed checks", "Recoveries",
    "Lost hard + late", "Result",
)  # fmt: skip
_HOW = (
    "Somebody at a real terminal, with the runbook beside it. The clock starts when they say that they are ready, and "
    "stops when the prober has seen every replica serve the change: nobody reports their own time. Replicas, load and "
    "checks are those of the same way by machine. Pauses are shown, and in the elapsed time."
)
_MARKS = 60
ID = "people"


def build(facts: Facts) -> Iterator[Block]:
    """An experiment at a time: every trial, its points, its marks; then notes and recordings."""
    there = [experiment for experiment in facts.experiments if experiment.people]
    if not there:
        return
    yield Text(_HOW)
    yield Text(_of_idleness(there), "note")
    for experiment in there:
        yield Heading(facts.words.experiment(experiment.name).title)
        for arm in experiment.people:
            yield from _arm(facts, arm)
    yield from _notes(there)
    yield from _recordings(facts, there)


SECTION = Section(ID, "People", build, opens_page=True)


def in_short(facts: Facts) -> Iterator[tuple[str, str]]:
    """For page one: that people did it, and that nothing there stands on it. Their figures are on their own page."""
    arms = [arm for experiment in facts.experiments for arm in experiment.people]
    n = len({work.by for arm in arms for work in works(arm) if not _simulated(arm)})
    if n:
        yield f"{plural(n, 'person')} timed,", "in no comparison: see People."
    if any(_simulated(arm) for arm in arms):
        yield "A script typed", "in a person's place: no person's time."


def _simulated(arm: Arm) -> bool:
    return any(trial.origin == SIMULATED for trial in arm.trials)


def _of_idleness(there: list[Experiment]) -> str:
    limits = {work.idle_limit_s for e in there for arm in e.people for work in works(arm)} - {None}
    limit = " or ".join(seconds(value) for value in sorted(value for value in limits if value is not None))
    told = f"a gap of more than {limit} counts as {limit}" if limit else "how gaps counted was not recorded"
    return (
        f"Hands-on: gaps between keystrokes, added up; {told}. A recovery is a row of failed commands that ended with "
        "one that succeeded. Failed checks: questions to a service whether it is ready that were answered with no, or "
        "not at all. Commands that somebody stopped with Ctrl-C are not failed ones."
    )


def _arm(facts: Facts, arm: Arm) -> Iterator[Block]:
    words = facts.words.arm(arm.name)
    yield Text(f"{words.label}: {words.note}.")
    if not words.legacy:
        yield Text(_review(facts), "note")
    if _simulated(arm):
        text = "A script typed in a person's place, to test this toolkit. Nothing here is a person's time."
        yield Callout("Simulated", text, "warning")
    n = persons(arm)
    times, hands = typical(arm, "seconds"), typical(arm, "hands_on_seconds")
    if _simulated(arm):
        told = "A script is no person: n = 0. No median, no comparison."
    elif times is None:
        told = f"n = {n}: fewer than {MEDIAN_FROM} persons, so points are all there is. No median, no comparison."
    else:
        told = f"n = {n} persons: median elapsed {seconds(times)}, hands-on {seconds(hands)}. No comparison."
    yield Text(told)
    yield Table("Every trial of a person.", _HEAD, tuple(_row(work) for work in works(arm)), "rllrrrrrrrl")
    if any(trial.seconds is not None for trial in arm.trials):
        yield _points(arm, facts.words)
    steps = [(str(t.n), step.name, seconds(step.seconds)) for t in arm.trials for step in t.steps]
    if steps:
        more = f" The first {_MARKS} of {len(steps)}." if len(steps) > _MARKS else ""
        caption = f"Steps as each person marked them, from mark to mark.{more}"
        yield Table(caption, ("No.", "Step", "Time"), tuple(steps[:_MARKS]), "rlr", (0, 1, 0))


def _review(facts: Facts) -> str:
    """What a review takes at the least, by machine, where the run made any; a person's time is stated or not known."""
    reviewed = told_in(ID)
    there = [experiment for name in reviewed if (experiment := facts.results.experiment(name)) is not None]
    trials = [trial for experiment in there for arm in experiment.arms for trial in arm.trials]
    took = [
        sum(number(value) or 0.0 for value in mapping(mapping(row).get("seconds")).values())
        for trial in trials
        for row in items(trial.details.get("reviews"))
        if mapping(mapping(row).get("seconds"))
    ]
    if took:
        told = (
            f"{seconds(median(took))} at the median of {plural(len(took), 'review')} in this run ({seconds(min(took))} "
            f"to {seconds(max(took))}): asked for, approved at once by a second account, merged. No review is quicker"
        )
    else:
        told = f"not measured in this run ({', '.join(f'`{name}`' for name in reviewed)} does)"
    found = [item for item in facts.stated if item.experiment in reviewed]
    said = "; ".join(
        f"{item.figure}: {plain(item.value)} {item.unit}, "
        + ("EXAMPLE, stated by nobody" if item.example else f"stated by {item.by or 'an unnamed person'}, {item.when}")
        for item in found
    )
    person = said or "not stated, and nobody was timed"
    return f"Review and approval by machine alone: {told}. A person's time to read and decide: {person}."


def _row(work: Work) -> tuple[str, ...]:
    trial, counts = work.trial, None if work.trial.traffic is None else work.trial.traffic.operation
    recovered = work.trial.figures.get("recovery_seconds")
    recoveries = work.count("recoveries")
    return (
        str(trial.n),
        work.by,
        work.experience or "not asked",
        seconds(trial.seconds),
        seconds(work.hands_on),
        seconds(work.paused) if work.paused else "none",
        count(work.count("failed_commands")),
        count(work.count("failed_checks")),
        f"{recoveries} ({seconds(recovered)})" if recoveries and recovered is not None else count(recoveries),
        "–" if counts is None else f"{count(counts.hard)} + {count(counts.late)}",
        "ok" if trial.ok else "failed",
    )


def _points(arm: Arm, words: Words) -> Dots:
    """Every trial's elapsed time as a mark; no median and no range of few persons."""
    own = {**marks(arm, words), "label": words.arm(arm.name).label, "median": None, "least": None, "greatest": None}
    said = ", ".join(f"sample {t.n} {seconds(t.seconds) if t.ok else 'failed'}" for t in arm.trials[:40])
    highest = max((trial.seconds for trial in arm.trials if trial.seconds is not None), default=0.0)
    caption = "Seconds elapsed for each trial of a person; the number is the sample's."
    return Dots(caption, f"{words.arm(arm.name).label}: {said}", (own,), nice_axis(highest))


def _notes(there: list[Experiment]) -> Iterator[Block]:
    rows = [
        (str(work.trial.n), work.by, note)
        for experiment in there
        for arm in experiment.people
        for work in works(arm)
        for note in work.notes
    ]
    if rows:
        yield Table("Notes that people wrote for the record.", ("No.", "Person", "Note"), tuple(rows), "rll", (0, 0, 1))


def _recordings(facts: Facts, there: list[Experiment]) -> Iterator[Block]:
    rows = []
    for work in (work for experiment in there for arm in experiment.people for work in works(arm)):
        told = work.recording
        file, digest = str(told.get("file") or ""), str(told.get("sha256") or "")
        state = facts.recordings.get(file, "not there")
        if not file:
            state = f"none: {told.get('failure') or 'the trial ended before'}"
        rows.append((str(work.trial.n), file or "–", state, digest[:16] or "–"))
    yield Table(
        "Recordings of what terminals showed, without secrets and never of what was typed. Attached are those whose "
        "person watched them and agreed; the others stay where they were made.",
        ("No.", "Recording", "State", "SHA-256 begins"),
        tuple(rows),
        "rllm",
    )
