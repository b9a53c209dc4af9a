"""`pov scenarios`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.base.errors import PovError
from pov.cli.app import Group, command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME, OUTPUT
from pov.cli.tables import duration, pairs, show, table
from pov.model.events import silent

if TYPE_CHECKING:
    from pov.workflows.scenarios import ScenarioDetails, ScenarioList
    from pov.workflows.smoke import SmokeResult


@click.group(cls=Group)
@command_options
def command() -> None:
    """List, show and smoke-test the scenarios."""


@command.command("list")
@command_options
def list_command() -> None:
    """List the shipped scenarios."""
    from pov.workflows import scenarios

    show(scenarios.run_list(silent), _list_in_words)


@command.command("show")
@click.argument("scenario", type=NAME)
@click.option("--services", type=int, metavar="N", help="As it would be with another number of services.")
@command_options
def show_command(scenario: str, services: int | None) -> None:
    """Check a scenario (name or path) and tell what it asks for, with the service graph that follows."""
    from pov.workflows import scenarios

    show(scenarios.run_show(scenarios.ShowOptions(scenario, services), silent), _details_in_words)


@command.command("schema")
@click.argument(
    "kind", type=click.Choice(["scenario", "engagement", "offering", "stages", "summary"]), default="scenario"
)
@command_options
def schema_command(kind: str) -> None:
    """Print the JSON Schema of the scenario, engagement, offering or stages file, or of a run's summary."""
    import json

    from pov.workflows import scenarios

    show(scenarios.run_schema(kind, silent), lambda schema: json.dumps(schema.as_json(), indent=2))


@command.command("smoke")
@click.argument("names", type=NAME, nargs=-1, metavar="[SCENARIO]...")
@click.option("--attempts", type=int, default=1, show_default=True, metavar="N", help="Tries for each scenario.")
@click.option("--junit", type=OUTPUT, metavar="FILE", help="Where the JUnit XML goes.  [default: .pov/smoke.xml]")
@click.option("--images", type=click.Choice(["auto", "official", "built"]), default="auto", show_default=True,
              help="Official images where they can be pulled, or those of the bundle.")  # fmt: skip
@command_options
def smoke_command(names: tuple[str, ...], attempts: int, junit: Path | None, images: str) -> None:
    """Bring each scenario up, measure it, report it, take it down; all shipped ones if none is named."""
    chosen = settings()
    from pov.workflows import smoke

    with console() as emit:
        result = smoke.run(smoke.SmokeOptions(chosen.root, names, attempts, junit, images), emit)
    show(result, _smoke_in_words)
    failed = [case.scenario for case in result.cases if not case.ok]
    if failed:
        raise PovError(f"smoke test failed: {', '.join(failed)}", fix=f"see {result.junit}")


def _list_in_words(result: ScenarioList) -> str:
    rows = [
        [s.name, str(s.services.count), ", ".join(stage.name for stage in s.stages), s.metadata.title]
        for s in result.scenarios
    ]
    return table(["scenario", "services", "stages", "what it shows"], rows, right=(1,))


def _details_in_words(result: ScenarioDetails) -> str:
    scenario = result.scenario
    facts = {
        "services": f"{scenario.services.count} (seed {scenario.services.seed}), {len(result.topology.edges)} edges",
        "proof of value": ", ".join(scenario.pov_services),
        "certificates": f"{scenario.pki.ttl}, issuing CA {scenario.pki.ca_ttl}, root {scenario.pki.root_ttl}",
        "engine": scenario.engines.vault,
    }
    estates = [
        [estate.name, estate.kind, str(len(estate.services)), str(len(estate.edges)), str(estate.replicas)]
        for estate in result.estates
    ]
    graph = [
        [service.name, service.tier, ", ".join(result.topology.callees(service.name)) or "–"]
        for service in result.topology.services
    ]
    plan = [[e.name, str(e.trials), ", ".join(e.arms)] for e in scenario.experiments]
    criteria = [[c.id, c.experiment, c.arm, f"{c.metric} {c.side} {c.bound:g}"] for c in scenario.criteria]
    parts = [
        f"{scenario.name}: {scenario.metadata.title}",
        scenario.metadata.description,
        pairs(facts),
        table(["estate", "kind", "services", "edges", "replicas"], estates, right=(2, 3, 4)),
        table(["experiment", "trials", "arms"], plan, right=(1,)) if plan else "",
        table(["criterion", "experiment", "arm", "proposed"], criteria) if criteria else "",
        table(["service", "tier", "calls"], graph),
    ]
    return "\n\n".join(part for part in parts if part)


def _smoke_in_words(result: SmokeResult) -> str:
    rows = [
        [
            case.scenario,
            "ok" if case.ok else "failed",
            str(len(case.attempts)),
            duration(sum(attempt.seconds for attempt in case.attempts)),
            case.attempts[-1].error,
        ]
        for case in result.cases
    ]
    return table(["scenario", "outcome", "attempts", "time", "error"], rows, right=(2, 3)) + f"\n\n{result.junit}"
