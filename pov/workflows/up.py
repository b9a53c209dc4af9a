"""`pov up`: from nothing, or from anything in between, to a verified environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, PovError, PreflightFailed, Problem
from pov.config.references import absolute, environment_name
from pov.config.scenario import load_scenario
from pov.model.events import Emit, Event
from pov.state.home import obstacles
from pov.steps.core import Outcome, StepResult, run_steps
from pov.steps.targets import DEFAULT, target_named
from pov.workflows.environment import DEFAULT_SCENARIO, Wish, context, home_of, recall, remember, scenario_of


@dataclass(frozen=True)
class UpOptions:
    """`root` holds `.pov/`; `scenario` is a name or a path; `images` is auto, official or built."""

    root: Path
    name: str | None = None
    engagement: Path | None = None
    scenario: str | None = None
    services: int | None = None
    target: str = DEFAULT
    images: str = "auto"


@dataclass(frozen=True)
class UpResult:
    """What came up: addresses as https URLs by name, each step's outcome and seconds, the whole in seconds."""

    name: str
    scenario: str
    changed: bool
    seconds: float
    addresses: dict[str, str]
    steps: tuple[StepResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "name": self.name,
            "scenario": self.scenario,
            "changed": self.changed,
            "seconds": round(self.seconds, 3),
            "addresses": self.addresses,
            "steps": [
                {"name": step.name, "outcome": step.outcome.value, "seconds": round(step.seconds, 3)}
                for step in self.steps
            ],
        }


def run(options: UpOptions, emit: Emit) -> UpResult:
    """Validate, check the machine, then run every step. Safe to run again, however the last run ended."""
    from pov.bundle import BuildOptions, build, current
    from pov.steps.plan import bring_up
    from pov.workflows.diagnostics import collect

    wish = resolve(options)
    scenario, _ = scenario_of(wish)
    home = home_of(options.root, wish.name)
    if problems := obstacles(home.root):
        raise PreflightFailed(problems)
    emit(Event("note", "up", f"environment {wish.name}, scenario {wish.scenario}"))
    started = SYSTEM_CLOCK.monotonic()
    cluster = target_named(wish.target)(home, wish.name)
    cluster.check(scenario)
    bundle = current()
    # What was loaded from an archive is taken as it is: there may be nothing here to build it from.
    if bundle is None or options.images not in {"auto", bundle.source}:
        bundle = build(BuildOptions(images=options.images), emit)
    with home.lock():
        _refuse_another_scenario(wish, options)
        remember(home, wish)
        ctx = context(wish, home, bundle, cluster, emit)
        try:
            results = run_steps(bring_up(scenario, cluster), ctx, emit, home.journal_writer())
        except PovError as error:
            folder = collect(ctx, error)
            error.details = (*error.details, f"diagnostics: {folder}", "journal: " + str(home.journal))
            error.fix = error.fix or "pov up  (it goes on where it stopped)"
            raise
    return UpResult(
        name=wish.name,
        scenario=scenario.name,
        changed=any(result.outcome is Outcome.CHANGED for result in results),
        seconds=SYSTEM_CLOCK.monotonic() - started,
        addresses=dict(sorted(ctx.endpoints.items())),
        steps=tuple(results),
    )


def resolve(options: UpOptions) -> Wish:
    """What is asked for, with the defaults filled in from the engagement or from an earlier `up` of the same name."""
    from pov.config.engagement import load_engagement

    target_named(options.target)
    scenario = None if options.scenario is None else absolute(options.scenario, Path.cwd())
    if scenario is None and options.engagement is not None:
        scenario = load_engagement(options.engagement).scenario
    if scenario is None and options.name is not None:
        home = home_of(options.root, options.name)
        if (home.root / "environment.json").exists():
            return recall(home, options.name)
    scenario = scenario or DEFAULT_SCENARIO
    name = options.name or environment_name(scenario, load_scenario(scenario))
    return Wish(name, scenario, options.services, options.engagement, options.target)


def _refuse_another_scenario(wish: Wish, options: UpOptions) -> None:
    home = home_of(options.root, wish.name)
    if not (home.root / "environment.json").exists():
        return
    before = recall(home, wish.name)
    if before.scenario != wish.scenario:
        fix = f"pov down --name {wish.name}, or give the new one its own --name"
        raise InvalidInput([Problem(wish.name, f"this environment runs the scenario {before.scenario}", fix)])
