"""What the order of trials says: the p of each primary comparison, and its correction for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting.blocks import Block, Table, Text
from pov.reporting.facts import Facts
from pov.reporting.section import Section

_HEAD = ("Experiment", "Compared", "n", "p", "p by Holm", "How")


def build(facts: Facts) -> Iterator[Block]:
    """A row for each experiment's primary comparison."""
    found = [one for each in facts.comparisons.values() for one in each if one.primary]
    if not found:
        return
    rows = []
    for one in found:
        base, other = (facts.words.arm(arm.name).said for arm in (one.base, one.other))
        p = "–" if one.test.p is None else f"{one.test.p:.2g}"
        adjusted = "–" if one.adjusted is None else f"{one.adjusted:.2g}"
        title = facts.words.experiment(one.experiment).title
        how = one.test.method or one.test.why_none
        rows.append((title, f"{other}, {base}", f"{one.other.n}, {one.base.n}", p, adjusted, how))
    yield Table("Two-sided Mann–Whitney test of primary comparisons.", _HEAD, tuple(rows), "llrrrl", (2, 2, 0, 0, 0, 3))
    yield Text(
        "p is how often chance alone would put the trials of two arms into an order as one-sided as this, if the arm "
        "made no difference: it is about order, not about medians, and not the size of a difference. One comparison an "
        f"experiment is primary, named in the criteria before measuring or, unnamed, the {facts.words.proposed().said} "
        "arm against today's way; Holm's correction is over those. All other comparisons are descriptive and have no "
        "p.",
        "note",
    )


SECTION = Section("order", "What the order of trials says", build, opens_page=True)
