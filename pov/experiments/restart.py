"""`restart`: Argo CD, then Vault, are started anew as a changed configuration would do it, until each serves again.

It is what an upgrade does to those who use the platform, and no upgrade: each stays in its version, and nothing is
migrated. `upgrade` is one, of Argo CD.
"""

from __future__ import annotations

from pov.experiments.core import Experiment, Way
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.upkeep import ARGOCD, VAULT, UpkeepTrial
from pov.measure.order import Slot
from pov.model.sample import Step


class AutomatedRestart(UpkeepTrial):
    """The cluster replaces the pods of each workload in its own way, one part after the other."""

    checks = (
        "each new pod's own readiness page; a Deployment's old pod goes once the new one is ready, Vault's goes first"
    )

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, (ARGOCD, VAULT))

    def operate(self) -> None:
        """For each part: have it replaced, then wait until it serves."""
        clock = self.box.clock
        for part in self.parts:
            last = clock.monotonic()
            self.box.platform.restart(part)
            self.until_back(part)
            self.marks.append(Step(f"{part}: replaced, serving", clock.monotonic() - last))
            self.figures[f"{part}_seconds"] = round(clock.monotonic() - last, 3)


EXPERIMENT = Experiment(
    "restart",
    touches=lambda box, estate: estate.services,
    expected_s=40.0,
    arms={"automated": Way(AutomatedRestart, STAGING)},
)
