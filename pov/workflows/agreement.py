"""What is agreed for a proof of value, out of its files: what gets frozen, and what a run is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pov.base.errors import InvalidInput, Problem
from pov.config.engagement import Engagement
from pov.config.estates import LEGACY
from pov.config.experiments import Criterion, Experiment, conflicting_primaries, conflicting_timeouts
from pov.config.scenario import Scenario
from pov.model import catalogue

if TYPE_CHECKING:
    from pov.experiments.core import Way


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
    """Criteria, experiments, services under proof and terms as they stand now; of arms those that are measured here."""
    return {
        "engagement": engagement.name,
        "customer": engagement.customer.name,
        "scenario": scenario.name,
        "criteria": recorded(criteria_of(scenario, engagement)),
        "experiments": [_held(experiment, scenario) for experiment in _measured(scenario)],
        "under_proof": list(engagement.proof.services),
        "terms": engagement.terms.model_dump(mode="json"),
    }


def possible_arms(names: Iterable[str], ways: Mapping[str, Way], scenario: Scenario) -> tuple[str, ...]:
    """Arms that take part in an experiment of these `ways`, on an estate that is there and like staging."""
    return tuple(arm for arm in names if arm in ways and (ways[arm].estate != LEGACY or scenario.has_manual_arm))


def _measured(scenario: Scenario) -> Sequence[Experiment]:
    """What the scenario lists, or what is measured where it lists nothing."""
    usual = catalogue.usual_experiments()
    return scenario.experiments or [Experiment.model_validate({"name": name}) for name in usual]


def _held(experiment: Experiment, scenario: Scenario) -> dict[str, Any]:
    """An experiment without arms that cannot be measured here: nobody signs what no run can keep."""
    from pov.experiments import EXPERIMENTS

    told = experiment.model_dump(mode="json")
    told["arms"] = list(possible_arms(experiment.arms, EXPERIMENTS[experiment.name].arms, scenario))
    told["arm_trials"] = {arm: trials for arm, trials in experiment.arm_trials.items() if arm in told["arms"]}
    return told


def recorded(criteria: Sequence[Criterion]) -> list[dict[str, Any]]:
    """Criteria as every record holds them."""
    return [criterion.model_dump(mode="json") for criterion in criteria]
