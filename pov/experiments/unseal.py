"""`unseal`: Vault is killed; from there until it is open again, and lets somebody in.

It opens by its seal key, which lies in the cluster: nobody has to be there. Services go on with the certificates that
they have; who needs a new one meanwhile waits, and no trial is long enough for that.
"""

from __future__ import annotations

from pov.experiments.core import Experiment, Way
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.upkeep import VAULT, UpkeepTrial
from pov.measure.order import Slot
from pov.model.sample import Step


class AutomatedUnseal(UpkeepTrial):
    """The cluster starts another pod, which opens itself."""

    checks = "the kubelet asks Vault each second whether it is open; before that, no service is led to it"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, (VAULT,))

    def operate(self) -> None:
        """Kill it, then wait until another one serves."""
        begun = self.box.clock.monotonic()
        self.box.platform.kill(VAULT)
        killed = self.box.clock.monotonic()
        self.until_back(VAULT)
        self.marks += [Step("killed", killed - begun), Step("open again", self.box.clock.monotonic() - killed)]


EXPERIMENT = Experiment(
    "unseal",
    touches=lambda box, estate: estate.services,
    expected_s=15.0,
    arms={"automated": Way(AutomatedUnseal, STAGING)},
)
