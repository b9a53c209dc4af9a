"""The bring-up as a list: add a step here, and say what it needs."""

from __future__ import annotations

from pov.config.scenario import Scenario
from pov.steps import (
    argocd,
    argocd_install,
    git,
    git_repository,
    landing_zone,
    legacy,
    prober,
    services,
    trust,
    vault,
    verify,
)
from pov.steps.core import Step
from pov.steps.targets import DEFAULT, target_named


def bring_up(scenario: Scenario, target: str = DEFAULT) -> list[Step]:
    """Every step from nothing to a verified environment on a target."""
    steps = [
        trust.step(),
        *target_named(target).steps(),
        vault.step(),
        git.step(),
        landing_zone.step(),
        argocd_install.step(),
        git_repository.step(),
        argocd.step(),
        prober.step(),
        services.step(),
    ]
    if scenario.legacy.hosts:
        steps.append(legacy.step())
    steps.append(verify.step(with_legacy=bool(scenario.legacy.hosts)))
    return steps
