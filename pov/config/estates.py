"""Estates: the sets of running services that are probed and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pov.config.scenario import Scenario
from pov.config.topology import generate
from pov.model.topology import Edge

LEGACY = "legacy"
NEW_STAGE = "qa"
"""A stage that comes and goes while it is measured. No scenario can have it: none may name a stage so."""


@dataclass(frozen=True)
class Estate:
    """Services of one namespace, and the edges among them; an edge belongs to it when both of its ends do."""

    name: str
    kind: Literal["gitops", "legacy"]
    namespace: str
    services: tuple[str, ...]
    edges: tuple[Edge, ...]
    replicas: int


def estates(scenario: Scenario) -> tuple[Estate, ...]:
    """One for each stage, and the legacy one, which runs what staging runs."""
    topology = generate(scenario.services.seed, scenario.services.count)
    found = []
    for stage in scenario.stages:
        if stage.services == "all":
            names = topology.names()
        elif stage.services == "pov":
            names = tuple(name for name in topology.names() if name in scenario.pov_services)
        else:
            names = tuple(name for name in topology.names() if name in stage.services)
        edges = tuple(edge for edge in topology.edges if edge.source in names and edge.target in names)
        found.append(Estate(stage.name, "gitops", stage.name, names, edges, scenario.services.replicas))
    if scenario.legacy.hosts:
        staging = next(estate for estate in found if estate.name == "staging")
        found.append(Estate(LEGACY, "legacy", LEGACY, staging.services, staging.edges, 1))
    return tuple(found)


def estate_named(all_estates: tuple[Estate, ...], name: str) -> Estate:
    """The estate of that name; asking for another is a mistake in the program."""
    return next(estate for estate in all_estates if estate.name == name)
