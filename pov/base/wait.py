"""Bounded waits. A wait has a condition, a limit, an interval and the errors it bears; at the limit it raises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import PovError, TimedOut, Transient

T = TypeVar("T")
_HEAR_S = 0.5
_halted = threading.Event()


@dataclass(frozen=True)
class Pending:
    """Not there yet; `state` is what was seen, in words for the person who waits."""

    state: str


@dataclass(frozen=True)
class Waiting:
    """A wait that goes on: for `what`, what was seen last, after how many seconds of how many at most."""

    what: str
    state: str
    elapsed_s: float
    limit_s: float

    def __str__(self) -> str:
        return self.state


@contextmanager
def waits_halted() -> Iterator[None]:
    """While this lasts, every wait in every thread ends with `PovError` at its next look: somebody pressed Ctrl-C."""
    _halted.set()
    try:
        yield
    finally:
        _halted.clear()


def wait_for(
    what: str,
    check: Callable[[], T | Pending],
    *,
    timeout_s: float,
    interval_s: float = 0.25,
    bears: tuple[type[BaseException], ...] = (Transient,),
    clock: Clock = SYSTEM_CLOCK,
    on_pending: Callable[[Waiting], None] | None = None,
    fix: str = "",
) -> T:
    """Call `check` until it returns something other than `Pending`, and return that.

    Errors in `bears` count as "not yet". Raises `TimedOut` after `timeout_s` seconds with `what` and the last
    state seen. `on_pending` hears each state once when it changes.
    """
    begun = clock.monotonic()
    deadline = begun + timeout_s
    state = "nothing seen yet"
    told = ""
    while True:
        if _halted.is_set():
            raise PovError(f"{what}: interrupted")
        try:
            outcome = check()
        except bears as error:
            state = str(error)
        else:
            if not isinstance(outcome, Pending):
                return outcome
            state = outcome.state
        if on_pending is not None and state != told:
            on_pending(Waiting(what, state, clock.monotonic() - begun, timeout_s))
            told = state
        if clock.monotonic() + interval_s > deadline:
            raise TimedOut(f"{what}: not after {timeout_s:.0f} s", cause=f"last seen: {state}", fix=fix)
        clock.sleep(interval_s)


def first_done(futures: Collection[Future[T]]) -> set[Future[T]]:
    """Those of `futures` that are done, as soon as one is.

    It looks up now and then: a Ctrl-C that arrives just before the thread goes to sleep is not heard while it sleeps.
    """
    while True:
        done = wait(futures, timeout=_HEAR_S, return_when=FIRST_COMPLETED).done
        if done:
            return done
