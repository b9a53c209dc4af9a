"""What the node takes of the processors with nothing being done: at rest, and under the load that trials run under.

Counted as a run's footprint is, by the kernel's control groups: everything on the node, what a command of `pov` takes
beside it not among it.
"""

from __future__ import annotations

from pov.experiments.control import watch
from pov.experiments.load import Watched, let_pass
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.trial import WORKED_ON
from pov.workflows.metering import Meter

WINDOW_S = 60.0
"""Argo CD, Vault's agents and the kubelet look every few seconds to minutes: a shorter one would miss some of it."""


def at_rest(box: Toolbox, meter: Meter) -> dict[str, float]:
    """Shares of one core by part, with no load at all: the prober is there, and asks nobody."""
    running = box.prober().stop_loads()
    assert not running, "nothing measures here: a load that runs is not rest"
    return _window(box, meter, "a window at rest")


def under_load(box: Toolbox, meter: Meter) -> dict[str, float]:
    """The same under the load of a trial on staging."""
    estate = box.estate(STAGING)
    load = Watched(box, watch(box.estates, estate, estate.services, WORKED_ON))
    try:
        load.until_warm()
        return _window(box, meter, "a window under load")
    finally:
        load.stop()


def _window(box: Toolbox, meter: Meter, what: str) -> dict[str, float]:
    meter.begin()
    let_pass(box, what, WINDOW_S)
    span = meter.span()
    assert span is not None, "the node started anew meanwhile"
    shares = {name: round(taken / span["seconds"], 4) for name, taken in span["processor_s"].items()}
    return dict(sorted(shares.items(), key=lambda one: -one[1]))
