"""`pov up`: from nothing, or from anything in between, to a verified environment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK
from pov.base.errors import InvalidInput, PovError, Problem
from pov.config.references import absolute, environment_name
from pov.config.scenario import Scenario, load_scenario
from pov.model.events import Emit, Event, Listeners
from pov.steps.core import Outcome, Step, StepResult, run_steps
from pov.steps.gate.names import REPOSITORY
from pov.steps.landing_zone.deal import Followed, followed
from pov.steps.targets import DEFAULT, OwnCluster, target_named
from pov.workflows.environment import (
    DEFAULT_SCENARIO,
    RECORD,
    Wish,
    context,
    home_of,
    recall,
    remember,
    scenario_of,
    undrawable,
)

if TYPE_CHECKING:
    from pov.config.engagement import Engagement

_OTHERWISE = "pov down --name {name}, or give the new one its own --name"


@dataclass(frozen=True)
class UpOptions:
    """`root` holds `.pov/`; `scenario` is a name or a path; `images` is auto, official or built.

    What is None was not asked for: an environment that exists stays as it was asked to be.
    """

    root: Path
    name: str | None = None
    engagement: Path | None = None
    scenario: str | None = None
    services: int | None = None
    target: str | None = None
    images: str = "auto"
    checked: str | None = None
    """The digest of the one plan of the landing zone that may be applied; any other is refused."""


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
    from pov.scoping.gate import digest_given
    from pov.workflows.approved import allowed
    from pov.workflows.diagnostics import collect
    from pov.workflows.preflight import check

    checked = digest_given("--checked", options.checked)
    wish = resolve(options)
    scenario, engagement = scenario_of(wish)
    if letters := undrawable(scenario, engagement):
        raise InvalidInput(letters)
    home = home_of(options.root, wish.name)
    deal = followed(home)
    if deal is not None and checked:
        told = f"this environment follows {REPOSITORY}: what is approved there is applied from there"
        raise InvalidInput([Problem("--checked", told, "pov infra apply")])
    approvals = allowed(deal, wish.engagement, wish.name, emit)
    told = f"environment {wish.name}, scenario {wish.scenario}, N = {scenario.services.count}, on {wish.target}"
    emit(Event("note", "up", told))
    if deal is not None:
        _follows(deal, scenario, emit)
    elif engagement is not None and engagement.scope is not None:
        _within_scope(engagement, scenario, approvals.variables)
    if engagement is not None and engagement.scenario != wish.scenario:
        told = f"the engagement names the scenario {engagement.scenario}, which is not what this environment runs"
        emit(Event("warning", "up", told))
    started = SYSTEM_CLOCK.monotonic()
    cluster = target_named(wish.target)(home, wish.name)
    bundle = current()
    # What was loaded from an archive is taken as it is: there may be nothing here to build it from.
    if bundle is not None and options.images not in {"auto", bundle.source}:
        bundle = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plan") as pool:
        # The steps' code is read in while the container engine is asked for itself: either takes a quarter of a second.
        planned = pool.submit(_planned, scenario, cluster)
        check(home, scenario, cluster, bundle)
    steps = planned.result()
    if bundle is None:
        bundle = build(BuildOptions(images=options.images), emit)
    with home.lock():
        if followed(home) != deal:
            raise PovError(f"meanwhile a merge of {REPOSITORY} was applied", fix="pov up")
        remember(home, wish, bundle)
        ctx = context(wish, home, bundle, cluster, emit)
        ctx.approved, ctx.approved_iops, ctx.checked = approvals.variables, approvals.iops, checked
        try:
            results = run_steps(steps, ctx, Listeners(emit, home.journal_writer().hear))
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


def _follows(deal: Followed, scenario: Scenario, emit: Emit) -> None:
    """Tell which deal it follows. Raises `InvalidInput` where that has no room for what is to run.

    That is before so many services are written down as what this environment was asked to be.
    """
    from pov.config.estates import estates
    from pov.steps.landing_zone.asking import leave_room, requested

    about = f"as pull request {deal.origin.pull} made it, commit {deal.origin.commit[:10]}"
    emit(Event("note", "up", f"it follows {REPOSITORY} {about}"))
    leave_room(requested(scenario, estates(scenario)), deal.stages)


def _within_scope(engagement: Engagement, scenario: Scenario, approved: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises `InvalidInput` where what is to run takes more than the engagement's scope names, before it is made."""
    from pov.config.estates import estates
    from pov.steps.landing_zone.asking import limits, requested, within_bounds

    within_bounds({"stages": requested(scenario, estates(scenario)), **limits(engagement, approved)})


def _planned(scenario: Scenario, cluster: OwnCluster) -> list[Step]:
    from pov.steps.plan import bring_up

    return bring_up(scenario, cluster)


def resolve(options: UpOptions) -> Wish:
    """What is asked for. Of an environment that exists, what is not asked for anew stays as it was asked for before.

    N and the engagement can be asked for anew. Another scenario or target raises `InvalidInput`: that is another
    environment.
    """
    from pov.config.engagement import load_engagement

    if options.target is not None:
        target_named(options.target)
    asked = None if options.scenario is None else absolute(options.scenario, Path.cwd())
    engagement = load_engagement(options.engagement) if options.engagement is not None else None
    usual = engagement.scenario if engagement is not None else DEFAULT_SCENARIO
    name = options.name or environment_name(asked or usual, load_scenario(asked or usual))
    before = _before(options.root, name)
    if before is None:
        return Wish(name, asked or usual, options.services, options.engagement, options.target or DEFAULT)
    # A name that was derived from a scenario means that scenario; one that was given means whatever has it.
    wanted = asked or (usual if options.name is None else before.scenario)
    problems = [
        Problem(name, f"this environment {told} {was}, not {other}", _OTHERWISE.format(name=name))
        for told, was, other in (
            ("runs the scenario", before.scenario, wanted),
            ("runs on", before.target, options.target or before.target),
        )
        if was != other
    ]
    if problems:
        raise InvalidInput(problems)
    services = before.services if options.services is None else options.services
    return replace(before, services=services, engagement=options.engagement or before.engagement)


def _before(root: Path, name: str) -> Wish | None:
    home = home_of(root, name)
    return recall(home, name) if (home.root / RECORD).exists() else None
