"""What the deal asks for, as it was assessed before the run: its size, its price, what is open."""

from __future__ import annotations

from collections.abc import Iterator

from pov.model.reading import mapping
from pov.reporting.blocks import Block, Text
from pov.reporting.facts import Facts
from pov.reporting.scope_page import blocks
from pov.reporting.section import Section


def build(facts: Facts) -> Iterator[Block]:
    """Nothing where the engagement has no scope."""
    found = mapping(facts.environment.get("scope"))
    if found:
        yield from blocks(found)
        yield Text("These figures come from the engagement's scope and the offering, none from a sample.", "note")


SECTION = Section("scope", "Scope", build, opens_page=True)
