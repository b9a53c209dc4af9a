"""The report's sections in reading order. A new one is a file with a `SECTION`, and its line here."""

from __future__ import annotations

from pov.reporting.section import Section
from pov.reporting.sections import criteria, decision, evidence, machine, method, steps, traffic, trials

SECTIONS: tuple[Section, ...] = (
    decision.SECTION,
    trials.SECTION,
    steps.SECTION,
    traffic.SECTION,
    criteria.SECTION,
    method.SECTION,
    machine.SECTION,
    evidence.SECTION,
)
