"""Placebo windows: the same load on every estate of an experiment, nothing is done. What fails here fails by itself.

All estates at once is more load than any trial has: a prober that bears this is not what fails in a trial.
"""

from __future__ import annotations

from collections.abc import Sequence

from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
from pov.experiments.load import Watched
from pov.experiments.toolbox import Toolbox
from pov.measure.trials import Evidence, Trial

WINDOW_S = 12.0


class PlaceboWindow(Trial):
    """A load on `estates` for `seconds`."""

    def __init__(self, box: Toolbox, estates: Sequence[Estate], seconds: float = WINDOW_S) -> None:
        self._box = box
        self._estates = estates
        self._seconds = seconds
        self._load: Watched | None = None
        self._details = {"estate": " and ".join(estate.name for estate in estates), "load_per_core": 0.0}

    def set_up(self) -> None:
        """Start the load."""
        self._details["load_per_core"] = round(self._box.busy(), 2)
        self._load = Watched.start(self._box, *self._estates)

    def warm_up(self) -> None:
        """Nothing."""

    def operate(self) -> None:
        """Let the window pass: here the time itself is what is waited for."""
        clock = self._box.clock
        end = clock.monotonic() + self._seconds
        wait_for(
            "the placebo window",
            lambda: True if clock.monotonic() >= end else Pending("nothing is done"),
            timeout_s=self._seconds + 5,
            interval_s=0.5,
            clock=clock,
        )

    def verify(self) -> None:
        """Nothing: what failed is counted."""

    def evidence(self) -> Evidence:
        """What the load saw."""
        traffic = self._load.stop() if self._load is not None else None
        return Evidence(traffic=traffic, details=self._details)

    def clean_up(self) -> None:
        """Load off."""
        if self._load is not None:
            self._load.stop()
