"""Signals that end a command: all of them as Ctrl-C does, and none of them lost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_S = 0.05


@contextmanager
def ended_like_ctrl_c() -> Iterator[list[signal.Signals]]:
    """Be ended by SIGTERM and by a closing terminal as by Ctrl-C: what was measured is summed up, keys are removed.

    Only once: a terminal that closes tells it more than once, and the clean-up is not to be cut off by that. A program
    that was started with one of them ignored (nohup) goes on ignoring it. Yields the signals heard so far.

    A signal that comes while Python tidies an object up (`__del__`) ends nothing there: Python reports the exception
    and goes on. Then it is raised once more.
    """
    heard: list[signal.Signals] = []
    lost: list[signal.Signals] = []
    report = sys.unraisablehook

    def end(number: int, _frame: FrameType | None) -> None:
        again = bool(lost)
        lost.clear()
        if not again:
            heard.append(signal.Signals(number))
        if number == signal.SIGINT or again or len(heard) == 1:
            raise KeyboardInterrupt

    def unraisable(what: sys.UnraisableHookArgs) -> None:
        if heard and isinstance(what.exc_value, KeyboardInterrupt):
            lost.append(heard[-1])
            # Not from here: it would be raised in this very function, and be lost as well.
            timer = threading.Timer(_AGAIN_S, signal.raise_signal, (heard[-1],))
            timer.daemon = True
            timer.start()
        else:
            report(what)

    meant = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in meant}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    sys.unraisablehook = unraisable
    try:
        yield heard
    finally:
        sys.unraisablehook = report
        for number, handler in before.items():
            signal.signal(number, handler)
