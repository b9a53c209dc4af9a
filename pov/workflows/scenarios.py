"""`pov scenarios`: what ships, what one asks for, the published schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pov.config.estates import Estate, estates
from pov.config.scenario import Scenario, list_scenarios, load_scenario
from pov.config.topology import generate
from pov.model.events import Emit
from pov.model.topology import Topology


@dataclass(frozen=True)
class ScenarioList:
    """The shipped scenarios, by name."""

    scenarios: tuple[Scenario, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "scenarios": [
                {
                    "name": scenario.name,
                    "title": scenario.metadata.title,
                    "services": scenario.services.count,
                    "stages": [stage.name for stage in scenario.stages],
                    "experiments": [experiment.name for experiment in scenario.experiments],
                }
                for scenario in self.scenarios
            ]
        }


@dataclass(frozen=True)
class ScenarioDetails:
    """One scenario with everything that follows from it: its graph, its estates."""

    scenario: Scenario
    topology: Topology
    estates: tuple[Estate, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document: the file with all defaults filled in, the graph, the estates."""
        return {
            "scenario": self.scenario.model_dump(mode="json", by_alias=True),
            "topology": {
                "seed": self.topology.seed,
                "services": [vars(service) for service in self.topology.services],
                "edges": [vars(edge) for edge in self.topology.edges],
            },
            "estates": [
                {
                    "name": estate.name,
                    "kind": estate.kind,
                    "services": list(estate.services),
                    "edges": len(estate.edges),
                    "replicas": estate.replicas,
                }
                for estate in self.estates
            ],
        }


@dataclass(frozen=True)
class ShowOptions:
    """Which scenario, by name or path; `services` asks for another N."""

    scenario: str
    services: int | None = None


@dataclass(frozen=True)
class Schema:
    """A published JSON Schema."""

    document: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The schema itself."""
        return self.document


def run_list(emit: Emit) -> ScenarioList:
    """Every shipped scenario, loaded and so validated."""
    return ScenarioList(tuple(load_scenario(name) for name in list_scenarios()))


def run_show(options: ShowOptions, emit: Emit) -> ScenarioDetails:
    """One scenario. Raises `InvalidInput` with all problems by file and line."""
    scenario = load_scenario(options.scenario)
    if options.services is not None:
        scenario = scenario.with_services(options.services)
    graph = generate(scenario.services.seed, scenario.services.count)
    return ScenarioDetails(scenario, graph, estates(scenario))


def run_schema(kind: str, emit: Emit) -> Schema:
    """The JSON Schema of `scenario`, `engagement`, `offering`, `stages` or `summary`."""
    from pov.config.schema import json_schema
    from pov.measure.schema import summary_schema

    return Schema(summary_schema() if kind == "summary" else json_schema(kind))
