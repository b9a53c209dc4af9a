"""The samples one by one, the digests, and how a reader checks them."""

from __future__ import annotations

from collections.abc import Iterator

from pov.model.catalogue import Words
from pov.model.sample import Sample
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table
from pov.reporting.facts import Facts
from pov.reporting.numbers import count, seconds
from pov.reporting.section import Section

_CHECK = (
    "pdfdetach -saveall report.pdf; sha256sum *.json*. The first line of samples.jsonl carries the digest of "
    "environment.json, each other one its predecessor's."
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
    yield Bullets(
        (
            (
                "Attached to this PDF.",
                "Samples, summary and environment byte for byte as saved, and the criteria out of the latter.",
            ),
            (
                "To check.",
                _CHECK,
            ),
            ("Self-attested.", "Nobody but the machine that measured has signed this chain."),
        )
    )


SECTION = Section("evidence", "Evidence", build)


def _row(trial: Sample, words: Words) -> tuple[str, ...]:
    counts = None if trial.traffic is None else trial.traffic.operation
    return (
        str(trial.n),
        trial.experiment,
        words.arm(trial.arm).label,
        trial.started[5:19].replace("T", " "),
        seconds(trial.seconds),
        count(None if counts is None else counts.requests),
        count(None if counts is None else counts.hard),
        count(None if counts is None else counts.late),
        "ok" if trial.ok else "failed",
        trial.digest[:10] or "–",
    )
