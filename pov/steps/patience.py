"""Work that may be begun again: done once more when a server went away in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pov.base.wait import wait_for
from pov.engines.rest import COMING_BACK
from pov.steps.core import Report

T = TypeVar("T")

_LIMIT_S = 120.0
_INTERVAL_S = 0.5


def bearing(what: str, work: Callable[[], T], report: Report) -> T:
    """Do `work`, from its beginning again for up to 120 seconds while it raises `Transient`; returns what it returns.

    For work that observes before it changes: a pod that was deleted, or moved, is back by then. So is a node that was
    switched off: until the container engine has its ports in order, another environment's server may answer there.
    """
    return wait_for(
        what, work, timeout_s=_LIMIT_S, interval_s=_INTERVAL_S, bears=COMING_BACK, on_pending=report.waits,
        fix="pov status",
    )  # fmt: skip
