"""The bring-up as a list: add a step here, and say what it needs."""

from __future__ import annotations

from pov.config.scenario import Scenario
from pov.steps.argocd import install as argocd_install
from pov.steps.argocd import watched as argocd
from pov.steps.core import Step
from pov.steps.gate import step as gate
from pov.steps.git import repository as git_repository
from pov.steps.git import server as git
from pov.steps.landing_zone import step as landing_zone
from pov.steps.legacy import estate as legacy
from pov.steps.services import prober, verify
from pov.steps.services import stages as services
from pov.steps.targets import OwnCluster
from pov.steps.trust import authority as trust
from pov.steps.vault import step as vault


def bring_up(scenario: Scenario, cluster: OwnCluster) -> list[Step]:
    """Every step from nothing to a verified environment, wherever its cluster is."""
    steps = [
        trust.step(),
        *cluster.steps(),
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
    if scenario.gate:
        steps.append(gate.step())
    steps.append(verify.step(with_legacy=bool(scenario.legacy.hosts)))
    return steps
