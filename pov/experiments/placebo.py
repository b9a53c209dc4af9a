"""Placebo windows: a trial's load for a trial's length, and nothing is done. What fails here fails by itself."""

from __future__ import annotations

from collections.abc import Collection

from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
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
        """Let the window pass: here the time itself is what is waited for."""
        clock = self.box.clock
        end = clock.monotonic() + self._seconds
        wait_for(
            "the placebo window",
            lambda: True if clock.monotonic() >= end else Pending("nothing is done"),
            timeout_s=self._seconds + 5,
            interval_s=min(0.5, self._seconds / 4),
            clock=clock,
        )
