"""The platform in the hands of trials: steps of the bring-up one at a time, also for a stage that no scenario names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pov.base.clock import SYSTEM_CLOCK
from pov.config.estates import Estate
from pov.steps import upkeep
from pov.steps.argocd import watched as argocd
from pov.steps.context import Context
from pov.steps.core import Report, Step
from pov.steps.git import repository as git_repository
from pov.steps.landing_zone import step as landing_zone
from pov.steps.services import prober
from pov.steps.vault import stages
from pov.steps.vault import step as vault
from pov.workflows.approved import allowed
from pov.workflows.environment import recall

_STEPS = (landing_zone.step, vault.step, git_repository.step, argocd.step, prober.step)


def steps() -> dict[str, Step]:
    """The steps that a further stage goes through, by name."""
    return {step.name: step for step in (make() for make in _STEPS)}


@dataclass(frozen=True)
class RunningPlatform:
    """Of one environment."""

    ctx: Context

    def bring(self, part: str, further: Sequence[Estate] = ()) -> None:
        """One step of the bring-up, as `pov up` does it. What it says on its way is no part of a measurement."""
        folder = recall(self.ctx.home, self.ctx.name).engagement
        # The guardrail's numbers must be those of the bring-up: with others, every stage would be planned anew.
        found = allowed(self.ctx.deal, folder, self.ctx.name, lambda event: None)
        estates = (*self.ctx.estates, *further)
        ctx = replace(self.ctx, estates=estates, approved=found.variables, approved_iops=found.iops)
        steps()[part].run(ctx, Report(part, lambda event: None))

    def forget(self, stage: Estate) -> None:
        """Out of Vault."""
        stages.forget(self.ctx, stage.namespace, stage.services)

    def certified(self, serial: str) -> tuple[str, ...]:
        """As Vault's CA keeps it."""
        return stages.certified(self.ctx, serial)

    def comes_back(self, part: str) -> None:
        """By the scenario's engines."""
        upkeep.comes_back(self.ctx, part)

    def kill(self, part: str) -> None:
        """As a crash would."""
        upkeep.kill(self.ctx, part)

    def restart(self, part: str) -> None:
        """By another annotation in each workload's template."""
        upkeep.restart(self.ctx, part, SYSTEM_CLOCK.wall())

    def lacking(self, part: str) -> str:
        """Asked once."""
        return upkeep.lacking(self.ctx, part)

    def says(self, part: str) -> str:
        """Over TLS that is verified, by an account that nobody has to have."""
        return upkeep.says(self.ctx, part)
