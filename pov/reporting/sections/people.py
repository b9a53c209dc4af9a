"""What people did at a terminal: every point, never beside what a machine did, and below six persons nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.parts import reviews
from pov.measure.people import AUTHOR, LOOK_S, MEDIAN_FROM, REVIEWER, Work, persons, typical, works
from pov.measure.results import SIMULATED, Arm, Experiment
from pov.model.catalogue import told_in
from pov.model.words import Words
from pov.reporting.blocks import Block, Callout, Dots, Heading, Table, Text, marks
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, nice_axis, plain, plural, seconds
from pov.reporting.section import Section

_HEAD = (
    "No.", "Person", "Before", "Elapsed", "Hands-on", "Pauses", "Failed commands", "Failed checks", "Recoveries",
    "Lost hard + late", "Result",
)  # fmt: skip
_OF_PAIRS = (
    "No.", "Author, reviewer", "Before", "Elapsed", "Hands-on, each", "Waiting", "Pauses", "Failed commands",
    "Recoveries", "Lost hard + late", "Result",
)  # fmt: skip
_TURNS = (
    "Two persons at one terminal, in turn: one asks for the change by a pull request, another one reads it, approves "
    "it and merges it. Hands-on time is told of both apart. Waiting is time in which nobody sat there; it is in the "
    f"elapsed time. The end of the author's sitting and the merge are known within {seconds(LOOK_S)}."
)
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
    n = len({one for arm in arms for work in works(arm) if not _simulated(arm) for one in work.who})
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
    pairs = any(work.reviewer for work in works(arm))
    if pairs:
        yield Text(_TURNS, "note")
    elif not words.legacy:
        yield Text(_review(facts), "note")
    if _simulated(arm):
        text = "A script typed in a person's place, to test this toolkit. Nothing here is a person's time."
        yield Callout("Simulated", text, "warning")
    yield Text(_typical(arm, "pairs" if pairs else "persons"))
    if pairs:
        pairs_told = tuple(_of_pair(work) for work in works(arm))
        yield Table("Every trial of a pair.", _OF_PAIRS, pairs_told, "rllrrrrrrrl", (0, 2, 2, 0, 0, 0, 0, 1, 0, 1, 0))
        yield from _turns(arm)
    else:
        yield Table("Every trial of a person.", _HEAD, tuple(_row(work) for work in works(arm)), "rllrrrrrrrl")
    if any(trial.seconds is not None for trial in arm.trials):
        yield _points(arm, facts.words)
    steps = [(str(t.n), step.name, seconds(step.seconds)) for t in arm.trials for step in t.steps]
    if steps:
        more = f" The first {_MARKS} of {len(steps)}." if len(steps) > _MARKS else ""
        how = (
            "Whose turn it was, one after the other" if pairs else "Steps as each person marked them, from mark to mark"
        )
        yield Table(f"{how}.{more}", ("No.", "Step", "Time"), tuple(steps[:_MARKS]), "rlr", (0, 1, 0))


def _typical(arm: Arm, whom: str) -> str:
    """n, and medians from six on; of pairs the hands-on time of each apart, too."""
    n, times = persons(arm), typical(arm, "seconds")
    if _simulated(arm):
        return "A script is no person: n = 0. No median, no comparison."
    if times is None:
        return f"n = {n}: fewer than {MEDIAN_FROM} {whom}, so points are all there is. No median, no comparison."
    hands = seconds(typical(arm, "hands_on_seconds"))
    each = [(role, typical(arm, f"{role}_hands_on_seconds")) for role in (AUTHOR, REVIEWER)]
    apart = ", ".join(f"{role} {seconds(value)}" for role, value in each if value is not None)
    told = f"hands-on {hands}{f' ({apart})' if apart else ''}"
    return f"n = {n} {whom}: median elapsed {seconds(times)}, {told}. No comparison."


def _turns(arm: Arm) -> Iterator[Block]:
    """Who sat there in turn, and what became of it."""
    rows = [
        (
            str(work.trial.n),
            one.role,
            one.by,
            seconds(one.waited) if one.waited else "none",
            seconds(one.seconds),
            seconds(one.hands_on),
            one.ended or "not recorded",
        )
        for work in works(arm)
        for one in work.sittings
    ]
    if rows:
        more = f" The first {_MARKS} of {len(rows)}." if len(rows) > _MARKS else ""
        head = ("No.", "Sitting", "Person", "Waited for", "At the terminal", "Hands-on", "Ended")
        yield Table(f"Who sat there, in turn.{more}", head, tuple(rows[:_MARKS]), "rllrrrl", (0, 0, 0, 0, 0, 0, 1))


def _review(facts: Facts) -> str:
    """What a review takes at the least, by machine, where the run made any; a person's time is stated or not known."""
    reviewed = told_in(ID)
    there = [experiment for name in reviewed if (experiment := facts.results.experiment(name)) is not None]
    took = reviews(there)
    if took is not None:
        told = (
            f"{seconds(took.median)} at the median of {plural(took.n, 'review')} in this run ({seconds(took.least)} "
            f"to {seconds(took.greatest)}): asked for, approved at once by a second account, merged. No review is "
            "quicker"
        )
    else:
        told = f"not measured in this run ({', '.join(f'`{name}`' for name in reviewed)} does)"
    found = [item for item in facts.stated if item.experiment in reviewed]
    said = "; ".join(
        f"{item.figure}: {plain(item.value)} {item.unit}, "
        + ("EXAMPLE, stated by nobody" if item.example else f"stated by {item.by or 'an unnamed person'}, {item.when}")
        for item in found
    )
    timed = next((arm.name for e in facts.experiments for arm in e.people if any(w.reviewer for w in works(arm))), "")
    person = said or (f"see {facts.words.arm(timed).label}" if timed else "not stated, and nobody was timed")
    return f"Review and approval by machine alone: {told}. A person's time to read and decide: {person}."


def _row(work: Work) -> tuple[str, ...]:
    return (
        str(work.trial.n),
        work.by,
        work.experience or "not asked",
        seconds(work.trial.seconds),
        seconds(work.hands_on),
        seconds(work.paused) if work.paused else "none",
        count(work.count("failed_commands")),
        count(work.count("failed_checks")),
        _recovered(work),
        *_outcome(work),
    )


def _of_pair(work: Work) -> tuple[str, ...]:
    figures = work.trial.figures
    hands = [seconds(figures.get(f"{role}_hands_on_seconds")) for role in (AUTHOR, REVIEWER)]
    return (
        str(work.trial.n),
        f"{work.by}, {work.reviewer or 'not recorded'}",
        f"{work.experience or 'not asked'}, {work.reviewer_experience or 'not asked'}",
        seconds(work.trial.seconds),
        " + ".join(hands),
        seconds(figures.get("waiting_seconds")),
        seconds(work.paused) if work.paused else "none",
        count(work.count("failed_commands")),
        _recovered(work),
        *_outcome(work),
    )


def _recovered(work: Work) -> str:
    took, recoveries = work.trial.figures.get("recovery_seconds"), work.count("recoveries")
    return f"{recoveries} ({seconds(took)})" if recoveries and took is not None else count(recoveries)


def _outcome(work: Work) -> tuple[str, str]:
    """Requests lost, and whether it was done."""
    counts = None if work.trial.traffic is None else work.trial.traffic.operation
    lost = "–" if counts is None else f"{count(counts.hard)} + {count(counts.late)}"
    return lost, "ok" if work.trial.ok else "failed"


def _points(arm: Arm, words: Words) -> Dots:
    """Every trial's elapsed time as a mark; no median and no range of few persons."""
    own = {**marks(arm, words), "label": words.arm(arm.name).label, "median": None, "least": None, "greatest": None}
    said = ", ".join(f"sample {t.n} {seconds(t.seconds) if t.ok else 'failed'}" for t in arm.trials[:40])
    highest = max((trial.seconds for trial in arm.trials if trial.seconds is not None), default=0.0)
    whose = "a pair" if any(work.reviewer for work in works(arm)) else "a person"
    caption = f"Seconds elapsed for each trial of {whose}; the number is the sample's."
    return Dots(caption, f"{words.arm(arm.name).label}: {said}", (own,), nice_axis(highest))


def _notes(there: list[Experiment]) -> Iterator[Block]:
    rows = [
        (str(work.trial.n), who, note)
        for experiment in there
        for arm in experiment.people
        for work in works(arm)
        for who, note in work.notes
    ]
    if rows:
        yield Table("Notes that people wrote for the record.", ("No.", "Person", "Note"), tuple(rows), "rll", (0, 0, 1))


def _recordings(facts: Facts, there: list[Experiment]) -> Iterator[Block]:
    rows = []
    every = [work for experiment in there for arm in experiment.people for work in works(arm)]
    for trial, told in ((work.trial, told) for work in every for told in work.recordings):
        file, digest = str(told.get("file") or ""), str(told.get("sha256") or "")
        state = facts.recordings.get(file, "not there")
        if not file:
            state = f"none: {told.get('failure') or 'the trial ended before'}"
        rows.append((str(trial.n), file or "–", state, digest[:16] or "–"))
    yield Table(
        "Recordings of what terminals showed, without secrets and never of what was typed. Attached are those whose "
        "person watched them and agreed; the others stay where they were made.",
        ("No.", "Recording", "State", "SHA-256 begins"),
        tuple(rows),
        "rllm",
    )
