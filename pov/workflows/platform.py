"""The platform in the hands of trials: steps of the bring-up one at a time, also for a stage that no scenario names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
from pov.engines.rest import COMING_BACK
from pov.steps import upkeep
from pov.steps.argocd import releases
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

_ANSWERS_S, _IN_A_ROW = 30.0, 15
_STEPS = (landing_zone.step, vault.step, git_repository.step, argocd.step, prober.step)


def steps() -> dict[str, Step]:
    """The steps that a further stage goes through, by name."""
    return {step.name: step for step in (make() for make in _STEPS)}


@dataclass(frozen=True)
class RunningPlatform:
    """Of one environment."""

    ctx: Context
    clock: Clock = SYSTEM_CLOCK

    def bring(self, part: str, further: Sequence[Estate] = ()) -> None:
        """One step of the bring-up, as `pov up` does it. What it says on its way is no part of a measurement."""
        folder = recall(self.ctx.home, self.ctx.name).engagement
        # The guardrail's numbers must be those of the bring-up: with others, every stage would be planned anew.
        found = allowed(self.ctx.deal, folder, self.ctx.name, lambda event: None)
        estates = (*self.ctx.estates, *further)
        ctx = replace(self.ctx, estates=estates, approved=found.variables, approved_iops=found.iops)
        steps()[part].run(ctx, Report(part, lambda event: None))
        if part == prober.NAME:
            self._until_it_answers(ctx)

    def _until_it_answers(self, ctx: Context) -> None:
        """A new pod is ready before every way to it is laid: for a moment some still lead to the one that is gone.

        There nobody answers, or whoever has that address now; so as many new connections in a row have to be the
        prober's as no wrong way would let pass.
        """
        row = 0

        def look() -> Pending | None:
            nonlocal row
            asked, first = prober.connect(ctx), ctx.estates[0]
            try:
                asked.identify(first.name, first.services[:1])
                row += 1
            except COMING_BACK as error:
                row = 0
                return Pending(error.message)
            finally:
                asked.close()
            return None if row >= _IN_A_ROW else Pending(f"{row} answers in a row")

        what = "the prober by its address"
        wait_for(what, look, timeout_s=_ANSWERS_S, interval_s=0.1, clock=self.clock, fix="pov up")

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
        upkeep.restart(self.ctx, part, self.clock.wall())

    def lacking(self, part: str) -> str:
        """Asked once."""
        return upkeep.lacking(self.ctx, part)

    def says(self, part: str) -> str:
        """Over TLS that is verified, by an account that nobody has to have."""
        return upkeep.says(self.ctx, part)

    def earlier(self) -> releases.Release:
        """Built, pulled, or out of the archive that was loaded."""
        return releases.earlier(self.ctx)

    def pinned(self) -> releases.Release:
        """The bundle's."""
        return releases.pinned(self.ctx)

    def version(self) -> str:
        """Without what a build appends to it."""
        return releases.version(self.ctx)
