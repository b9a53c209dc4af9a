"""A command ends by the first signal that tells it to, wherever that meets it."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from pov.cli.signals import ended_like_ctrl_c


class Tidied:
    """Something that is tidied up just when a signal comes."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


def work(number: signal.Signals) -> None:
    """Ten seconds of it, which nothing ends but the signal that comes while something is tidied up."""
    one = Tidied(number)
    del one
    until = time.monotonic() + 10
    while time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_while_an_object_is_tidied_up_is_not_lost(number: signal.Signals) -> None:
    before = [signal.getsignal(number), sys.unraisablehook]
    with ended_like_ctrl_c() as heard:
        with pytest.raises(KeyboardInterrupt):
            work(number)
        assert heard == [number], "it is one signal, however often it is raised"
    assert [signal.getsignal(number), sys.unraisablehook] == before


def test_a_second_one_cuts_no_clean_up_off_and_ctrl_c_does() -> None:
    with ended_like_ctrl_c() as heard:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


def test_what_else_cannot_be_raised_is_reported_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(type(what.exc_value)))

    class Broken:
        def __del__(self) -> None:
            raise OSError

    with ended_like_ctrl_c():
        one = Broken()
        del one
    assert told == [OSError]
