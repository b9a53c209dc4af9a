"""Bounded waits. A wait has a condition, a limit, an interval and the errors it bears; at the limit it raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import TimedOut, Transient

T = TypeVar("T")


@dataclass(frozen=True)
class Pending:
    """Not there yet; `state` is what was seen, in words for the person who waits."""

    state: str


def wait_for(
    what: str,
    check: Callable[[], T | Pending],
    *,
    timeout_s: float,
    interval_s: float = 0.25,
    bears: tuple[type[BaseException], ...] = (Transient,),
    clock: Clock = SYSTEM_CLOCK,
    on_pending: Callable[[str], None] | None = None,
    fix: str = "",
) -> T:
    """Call `check` until it returns something other than `Pending`, and return that.

    Errors in `bears` count as "not yet". Raises `TimedOut` after `timeout_s` seconds with `what` and the last
    state seen. `on_pending` hears each state once when it changes.
    """
    deadline = clock.monotonic() + timeout_s
    state = "nothing seen yet"
    told = ""
    while True:
        try:
            outcome = check()
        except bears as error:
            state = str(error)
        else:
            if not isinstance(outcome, Pending):
                return outcome
            state = outcome.state
        if on_pending is not None and state != told:
            on_pending(state)
            told = state
        if clock.monotonic() + interval_s > deadline:
            raise TimedOut(f"{what}: not after {timeout_s:.0f} s", cause=f"last seen: {state}", fix=fix)
        clock.sleep(interval_s)
