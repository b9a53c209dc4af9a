"""What page one had no room for, in full: findings of less weight, further stated figures."""

from __future__ import annotations

from collections.abc import Iterator

from pov.reporting.blocks import Block, Bullets, Heading
from pov.reporting.facts import Facts
from pov.reporting.section import Section
from pov.reporting.sections.decision import STATED, stated_figures
from pov.reporting.sections.findings import left_out


def build(facts: Facts) -> Iterator[Block]:
    """Nothing where page one holds it all."""
    left = left_out(facts)
    if left:
        yield Heading("What follows, too")
        yield Bullets(left)
    if facts.stated[STATED:]:
        yield Heading("What the customer states, too")
        yield stated_figures(facts.stated[STATED:])


SECTION = Section("rest", "Beside page one", build)
