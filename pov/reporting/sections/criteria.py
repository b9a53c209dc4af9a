"""The criteria agreed beforehand, scored one by one."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting import wording
from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.judge import score
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """A row for each criterion."""
    if not facts.criteria:
        yield Text("No criterion was saved with this run, so nothing is scored.")
        return
    rows = []
    for criterion in facts.criteria:
        s = score(facts, criterion)
        what = f"{wording.metric(criterion.metric)}, {criterion.experiment}, {wording.arm(criterion.arm).lower()}"
        rows.append((criterion.id, what, s.threshold, s.observed, s.outcome, s.reason))
    yield Table(
        "Criteria as saved with the run before its first trial.",
        ("Criterion", "Figure", "Threshold", "Observed", "Outcome", "Basis"),
        tuple(rows),
        "llrrll",
    )
    yield Text(
        "Pass and fail follow from the samples alone. A criterion is not shown when its arm did not run, when the "
        "figure was not recorded, or when a trial failed or is missing and the others kept the bound.",
        "note",
    )


SECTION = Section("criteria", "Criteria", build)
