"""Placebo windows: a trial's load for a trial's length, and nothing is done. What fails here fails by itself."""

from __future__ import annotations

from collections.abc import Collection

from pov.config.estates import Estate
from pov.experiments.load import let_pass
from pov.experiments.toolbox import Toolbox
from pov.experiments.trial import EstateTrial
from pov.measure.order import Slot


class PlaceboWindow(EstateTrial):
    """The load of a trial that would change `services` of `estate`, for `seconds`."""

    def __init__(self, box: Toolbox, slot: Slot, estate: Estate, services: Collection[str], seconds: float) -> None:
        super().__init__(box, slot, estate, services)
        self._seconds = seconds
        self.details["window_s"] = round(seconds, 3)

    def operate(self) -> None:
        """Let the window pass."""
        let_pass(self.box, "the placebo window", self._seconds)
