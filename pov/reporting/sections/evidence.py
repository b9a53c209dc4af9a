"""The samples one by one, the digests, and how a reader checks them."""

from __future__ import annotations

from collections.abc import Iterator

from pov.measure.results import arm_of
from pov.model.sample import Sample
from pov.model.words import Words
from pov.reporting import wording
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, plural, seconds
from pov.reporting.section import Section
from pov.state.attested import CRITERIA

_CHECK = (
    "pdfdetach -saveall report.pdf, then python3 -I -S verify.py: it imports nothing of this toolkit, computes chain, "
    "criteria and figures again, and names what does not match. pov verify report.pdf also draws this PDF anew and "
    "compares every byte, checks signatures, and says what could still be forged by whom."
)


def build(facts: Facts) -> Iterator[Block]:
    """Every sample, then what proves that these are the ones."""
    for problem in facts.problems:
        yield Callout("Does not fit", problem, "warning")
    for warning in facts.warnings:
        yield Callout("Warning from the run", warning)
    if facts.trials:
        rows = tuple(_row(trial, facts.words) for trial in facts.trials)
        head = ("No.", "Experiment", "Arm", "Started (UTC)", "Time", "Requests", "Hard", "Late", "Result", "Digest")
        yield Table("Every sample of the run, in order.", head, rows, "rlllrrrrlm")
        failures = tuple((str(t.n), t.error or "no reason recorded") for t in facts.trials if not t.ok)
        if failures:
            yield Table("Why trials failed.", ("No.", "Error"), failures, "rl", (0, 1))
    yield Heading("Digests")
    digests = tuple((name, value or "none") for name, value in facts.digests.items())
    yield Table(
        "SHA-256 of the run's files, and the last digest of the chain of samples.", ("What", "SHA-256"), digests, "lm"
    )
    yield from _standing(facts)
    yield Bullets(
        (
            (
                "Attached to this PDF.",
                "Samples, summary and environment byte for byte as saved, criteria, all runs, a verifier.",
            ),
            ("To check.", _CHECK),
        )
    )


SECTION = Section("evidence", "Evidence", build)


def _row(trial: Sample, words: Words) -> tuple[str, ...]:
    counts = None if trial.traffic is None else trial.traffic.operation
    return (
        str(trial.n),
        trial.experiment,
        words.arm(arm_of(trial, words)).label,
        trial.started[5:19].replace("T", " "),
        seconds(trial.seconds),
        count(None if counts is None else counts.requests),
        count(None if counts is None else counts.hard),
        count(None if counts is None else counts.late),
        "ok" if trial.ok else "failed",
        trial.digest[:10] or "–",
    )


def _standing(facts: Facts) -> Iterator[Block]:
    """Frozen when, countersigned by whom, and every run since."""
    found = facts.attested
    yield Heading("Who stands behind it")
    yield Bullets(tuple(wording.standing_of(found)))
    if found.signatures:
        rows = tuple(
            ("criteria" if one.of == CRITERIA else "this run", one.by or "nobody", one.fingerprint or one.why)
            for one in found.signatures
        )
        told = "Countersignatures, judged by the file of allowed signers; compare fingerprints by another way."
        yield Table(told, ("Over", "By", "Key"), rows, "llm", (0, 1, 2))
    if found.runs is None:
        yield Text("Other runs were not looked for.", "note")
        return
    since = f"since the criteria were frozen on {found.at[:10]}" if found.at else "of this engagement folder"
    every = tuple(
        (
            ("→ " if entry.run == facts.run else "") + entry.run,
            entry.environment,
            entry.started[:16].replace("T", " "),
            f"{entry.saved} of {entry.planned}",
            entry.state + (f", went on {plural(entry.resumed, 'time')}" if entry.resumed else ""),
            entry.head[:10] or "–",
        )
        for entry in found.runs
    )
    head = ("Run", "Environment", "Started (UTC)", "Samples", "State", "Head")
    yield Table(f"Every run {since}: unfinished ones count.", head, every, "mllllm")
