"""The criteria, scored one by one, for today's way too."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting import wording
from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """A row for each criterion."""
    if not facts.scores:
        yield Text("No criterion was saved with this run, so nothing is scored.")
        return
    rows = []
    for s in facts.scores:
        arm, today = facts.words.arm(s.criterion.arm), s.today
        what = f"{s.metric.label}, {s.criterion.experiment}, {arm.said}"
        of_today = "–" if today is None else f"{wording.observed(today)}; {today.outcome}"
        observed = wording.observed(s)
        who = s.criterion.agreed_by or "nobody"
        basis = f"{s.why}; agreed by {who}"
        rows.append((s.criterion.id, what, wording.threshold(s), observed, wording.outcome(s), of_today, basis))
    yield Table(
        "Criteria as saved with the run before its first trial.",
        ("Criterion", "Figure", "Threshold", "Observed", "Outcome", "Today's way", "Basis"),
        tuple(rows),
        "llrrlll",
        (0, 2.5, 0, 2, 0, 2, 3),
    )
    yield Text(
        "Pass and fail follow from the samples alone. A criterion is not shown when its arm did not run, when the "
        "figure was not recorded, when a trial failed or is missing and the others kept the bound, when the bound was "
        "kept only without late requests that fell into a stall of this machine, or when the negative control did not "
        "show that the prober sees failures. One that today's way passes too does not tell them apart.",
        "note",
    )


SECTION = Section("criteria", "Criteria", build)
