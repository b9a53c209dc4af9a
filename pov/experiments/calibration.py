"""The load that this machine bears, found once before the trials' order is drawn, and alike in every arm.

Only the rate adapts. The time-out belongs to the criterion: a longer one would make a slow answer a good one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pov.config.estates import Estate
from pov.config.parts import Traffic
from pov.engines.load_report import LoadReport
from pov.experiments.control import watch
from pov.experiments.load import Watched, let_pass
from pov.experiments.toolbox import Toolbox
from pov.experiments.traffic import rate_of
from pov.experiments.trial import WORKED_ON
from pov.measure.excuse import Span
from pov.measure.trials import OPERATION

WINDOW_S = 3.0
HALVINGS = 2
_LONGEST_MS = 60_000
_WEIGHTY = 0.25
"""A machine keeps time while no stall of the heartbeat is longer than this share of the time-out: with nothing being
done, there has to be room for what an operation takes."""
REMEDY = "close what else runs here, give the container engine more processors, or measure on another machine"


@dataclass(frozen=True)
class Tried:
    """One window under one rate with nothing being done. `stalls` are those that can make a request late."""

    estate: str
    rate_per_s: float
    requests: int
    late: int
    longest_ms: float
    stalls: int

    @property
    def calm(self) -> bool:
        """Whether this machine kept time."""
        return not self.late and not self.stalls


@dataclass(frozen=True)
class Calibration:
    """`traffic` is the load to measure with: what was `asked`, halved `halvings` times."""

    asked: Traffic
    traffic: Traffic
    halvings: int
    tried: tuple[Tried, ...]
    calm: bool

    @property
    def warning(self) -> str:
        """What somebody has to know before an hour of measuring; empty on a machine that keeps time."""
        if not self.calm:
            return (
                f"this machine stalls with nothing being done, even at {1 / 2**self.halvings:g} of the rate that the "
                'scenario asks for: time-outs that meet a stall will read "not shown". '
                f"Before measuring for long: {REMEDY}"
            )
        if self.halvings:
            return (
                f"this machine stalls under the load that the scenario asks for: every arm is measured at "
                f"{1 / 2**self.halvings:g} of its rate, with the same time-out"
            )
        return ""

    def as_json(self) -> dict[str, Any]:
        """As `environment.json` has it: the load measured with, and how it was found."""
        return {
            **self.traffic.model_dump(mode="json"),
            "asked": self.asked.model_dump(mode="json"),
            "halvings": self.halvings,
            "calm": self.calm,
            "warning": self.warning,
            "calibration": [vars(window) for window in self.tried],
        }


def calibrate(
    box: Toolbox, estates: tuple[Estate, ...], tell: Callable[[str], None] = lambda text: None
) -> Calibration:
    """Look at each of `estates` in turn under a trial's load; halve the rate while this machine stalls, twice at most.

    Raises `PovError` where the prober does not answer.
    """
    asked = box.traffic
    tried: list[Tried] = []
    halvings = 0
    while True:
        trying = replace(box, traffic=slower(asked, halvings))
        calm = True
        for estate in estates:
            found = _window(trying, estate)
            if found is None:
                continue
            tried.append(found)
            tell(f"{found.requests} requests at {found.rate_per_s:g} a second, {found.late} late: {estate.name}")
            if not found.calm:
                calm = False
                break
        if calm or halvings == HALVINGS:
            return Calibration(asked, trying.traffic, halvings, tuple(tried), calm)
        halvings += 1


def slower(traffic: Traffic, halvings: int) -> Traffic:
    """The same time-out at half the rate, so many times."""
    longer = {
        name: min(_LONGEST_MS, getattr(traffic, name) * 2**halvings)
        for name in ("interval_ms", "new_connection_interval_ms")
    }
    return traffic.model_copy(update=longer)


def _window(box: Toolbox, estate: Estate) -> Tried | None:
    """One window on an estate and its sentinels; None where there is nothing to call."""
    edges = watch(box.estates, estate, estate.services, WORKED_ON)
    if not edges.edges:
        return None
    load = Watched(box, edges)
    try:
        load.until_warm()
        load.phase(OPERATION)
        let_pass(box, "a window under load", WINDOW_S)
    finally:
        report = load.stop()
    return _tried(report, estate.name, rate_of(len(edges.edges), box.traffic), box.traffic.timeout_ms)


def _tried(report: LoadReport, estate: str, rate: float, timeout_ms: int) -> Tried:
    phase = next(phase for phase in report.phases if phase.name == OPERATION)
    beats = (Span(stall.from_ms, stall.to_ms) for stall in report.heartbeat.stalls if stall.to_ms > phase.from_ms)
    stalls = [stall for stall in beats if stall.length_ms >= _WEIGHTY * timeout_ms]
    longest = max((stall.length_ms for stall in stalls), default=0.0)
    return Tried(estate, round(rate, 1), phase.requests, phase.late, round(longest, 1), len(stalls))
