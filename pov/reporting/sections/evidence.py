"""The samples one by one, the digests, and how a reader checks them."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting import wording
from pov.reporting.blocks import Block, Bullets, Callout, Heading, Table
from pov.reporting.facts import Facts, Trial
from pov.reporting.numbers import count, seconds
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """Every sample, then what proves that these are the ones."""
    for problem in facts.problems:
        yield Callout("Does not fit", problem, "warning")
    for warning in facts.warnings:
        yield Callout("Warning from the run", warning)
    if facts.trials:
        rows = tuple(_row(trial) for trial in facts.trials)
        head = ("No.", "Experiment", "Arm", "Started (UTC)", "Time", "Requests", "Failed", "Result", "Digest")
        yield Table("Every sample of the run, in order.", head, rows, "rlllrrrlm")
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
                "pdfdetach -saveall report.pdf; sha256sum samples.jsonl. Each line carries its predecessor's digest.",
            ),
            ("Self-attested.", "Nobody but the machine that measured has signed this chain."),
        )
    )


SECTION = Section("evidence", "Evidence", build)


def _row(trial: Trial) -> tuple[str, ...]:
    return (
        str(trial.n),
        trial.experiment,
        wording.arm(trial.arm),
        trial.started[5:19].replace("T", " "),
        seconds(trial.seconds),
        count(trial.requests),
        count(trial.failed_requests),
        "ok" if trial.ok else "failed",
        trial.digest[:10] or "–",
    )
