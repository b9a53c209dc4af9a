"""The report's sections in reading order. A new one is a file with a `SECTION`, and its line here."""

from __future__ import annotations

from pov.reporting.section import Section
from pov.reporting.sections import (
    audit,
    compliance,
    criteria,
    decision,
    drift,
    evidence,
    expansions,
    experiments,
    figures,
    footprint,
    machine,
    method,
    order,
    people,
    rare,
    rest,
    scope,
    steps,
    traffic,
    upkeep,
    worth,
    worth_basis,
)

SECTIONS: tuple[Section, ...] = (
    decision.SECTION,
    worth.SECTION,
    worth_basis.SECTION,
    experiments.SECTION,
    order.SECTION,
    rare.SECTION,
    steps.SECTION,
    figures.SECTION,
    drift.SECTION,
    audit.SECTION,
    upkeep.SECTION,
    traffic.SECTION,
    people.SECTION,
    criteria.SECTION,
    rest.SECTION,
    scope.SECTION,
    expansions.SECTION,
    compliance.SECTION,
    footprint.SECTION,
    method.SECTION,
    machine.SECTION,
    evidence.SECTION,
)
