"""What is agreed for a proof of value, out of its files: what gets frozen, and what a run is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pov.base.errors import InvalidInput, Problem
from pov.config.engagement import Engagement
from pov.config.experiments import Criterion, conflicting_primaries, conflicting_timeouts
from pov.config.scenario import Scenario


def criteria_of(scenario: Scenario, engagement: Engagement | None) -> tuple[Criterion, ...]:
    """The scenario's criteria; those of the engagement come on top and replace the ones of the same id.

    Raises `InvalidInput` where one load would need two time-outs, or an experiment has two primary comparisons.
    """
    agreed = engagement.criteria if engagement is not None else ()
    by_id = {criterion.id: criterion for criterion in (*scenario.criteria, *agreed)}
    criteria = tuple(by_id.values())
    conflicts = (*conflicting_timeouts(criteria, scenario.traffic.timeout_ms), *conflicting_primaries(criteria))
    problems = [Problem(f"criterion {criteria[index].id}", told, fix) for index, told, fix in conflicts]
    if problems:
        raise InvalidInput(problems)
    return criteria


def agreed(scenario: Scenario, engagement: Engagement) -> dict[str, Any]:
    """Criteria, experiments, services under proof and terms as they stand now."""
    return {
        "engagement": engagement.name,
        "customer": engagement.customer.name,
        "scenario": scenario.name,
        "criteria": recorded(criteria_of(scenario, engagement)),
        "experiments": [experiment.model_dump(mode="json") for experiment in scenario.experiments],
        "under_proof": list(engagement.proof.services),
        "terms": engagement.terms.model_dump(mode="json"),
    }


def recorded(criteria: Sequence[Criterion]) -> list[dict[str, Any]]:
    """Criteria as every record holds them."""
    return [criterion.model_dump(mode="json") for criterion in criteria]
