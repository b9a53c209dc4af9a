"""What Terraform is asked for: stages by what runs in them, and the numbers of the guardrail in front of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, Problem
from pov.config.engagement import Engagement
from pov.config.estates import Estate
from pov.config.offering import Offering, Quotas, load_offering
from pov.config.scenario import Scenario
from pov.config.units import mebibytes
from pov.config.weights import cpu_requests
from pov.scoping.sizing import PLATFORM_HAS, bounds_variable, storage_variable
from pov.scoping.terms import RESOURCES
from pov.steps.context import Context
from pov.steps.gate.names import REPOSITORY
from pov.steps.landing_zone.deal import joined

_AGENT_MILLICORES = 1
_AGENT_LIMIT_MIB = 32
_SPARE = 1.25


def sizes(scenario: Scenario, estates: tuple[Estate, ...]) -> dict[str, dict[str, float]]:
    """What each stage may use: every service with one pod more than usual (a rollout), and a quarter to spare.

    CPU in cores, memory in GiB (limits). Each pod has a certificate agent beside the service.
    """
    resources = scenario.services.resources
    requests = cpu_requests(scenario)
    memory = (mebibytes(resources.memory_limit) + _AGENT_LIMIT_MIB) / 1024
    found = {}
    for estate in estates:
        if estate.kind == "gitops":
            pods = max(1, len(estate.services)) * (estate.replicas + 1)
            asked = sum(requests[name] + _AGENT_MILLICORES for name in estate.services) * (estate.replicas + 1)
            found[estate.namespace] = {
                "cpu": round(max(0.5, asked / 1000 * _SPARE), 1),
                "memory_gib": round(max(0.5, pods * memory * _SPARE), 1),
                "pods": math.ceil(pods * _SPARE) + 5,
                # One to call, one headless to count replicas by.
                "services": 2 * len(estate.services) + 5,
            }
    return found


def requested(scenario: Scenario, estates: tuple[Estate, ...]) -> dict[str, dict[str, float]]:
    """What Terraform is asked for: the sizes, and neither storage nor a speed of it, which no stage needs."""
    return {name: {**asked, "iops": 0, "storage_gib": 0} for name, asked in sizes(scenario, estates).items()}


def limits(engagement: Engagement | None, approved: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The guardrail's numbers, from the offering that the engagement names, else from the shipped one.

    `quotas` are its hard quotas; `storage`, and each resource in `bounds`, stands there where anything bounds it.
    """
    return _limits(_offering(engagement), engagement, approved)


def _limits(
    offering: Offering, engagement: Engagement | None, approved: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    scope, name = (engagement.scope, engagement.name) if engagement is not None else (None, "")
    storage = storage_variable(offering, scope.users if scope is not None else None, approved)
    return {"quotas": offering.quotas.model_dump(), **approved, **storage, **bounds_variable(offering, scope, name)}


def variables(ctx: Context, approved: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All that Terraform is told: the stages, by the limits of the deal that is followed, else of the engagement.

    Raises `InvalidInput` where a deal leaves less to a stage of the scenario than its services take.
    """
    own, deal = requested(ctx.scenario, ctx.estates), ctx.deal
    if deal is None:
        return {"stages": own, **limits(ctx.engagement, approved)}
    asked = deal.stages
    leave_room(own, asked)
    return {"stages": joined(own, asked), **_limits(deal.offering, deal.engagement, approved)}


def leave_room(own: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises `InvalidInput` where a deal leaves less to a stage of the scenario than its services take."""
    from pov.scoping.gate import too_small  # noqa: PLC0415 - few follow a deal

    if found := too_small(own, asked):
        fix = f"ask for it by pull request to {REPOSITORY}, then pov infra apply; or bring up fewer services"
        told = f"the deal leaves no room for what is to run: {found[0].in_words}"
        raise InvalidInput([Problem("", told, fix)])


def within_bounds(told: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` where the stages ask for more than bounds them: Terraform would refuse it later.

    An override lets it through, as it does there. Sums of fractions are not exact.
    """
    bounds: Mapping[str, Any] = {} if "override" in told else told.get("bounds", {})
    for resource, bound in bounds.items():
        asked = sum(stage[resource] for stage in told["stages"].values())
        if asked > bound["most"] + 0.001:
            what = f"what is to run takes {asked:g} {RESOURCES[resource]}, and {bound['most']:g} are what {bound['of']}"
            more = "" if bound["of"] == PLATFORM_HAS else "name more in the scope, or "
            raise InvalidInput([Problem("", what, f"{more}bring up fewer services")])


def _offering(engagement: Engagement | None) -> Offering:
    named = engagement.scope.offering if engagement is not None and engagement.scope is not None else ""
    return load_offering(Path(named) if named else None)


def quotas(ctx: Context) -> Quotas:
    """The hard quotas of the offering whose limits count."""
    return (ctx.deal.offering if ctx.deal is not None else _offering(ctx.engagement)).quotas
