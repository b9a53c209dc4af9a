"""The last step: every estate's edges, side by side; what stays silent is told."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import TimedOut
from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.engines.prober import EdgeAnswer
from pov.model.events import Event
from pov.steps.core import Outcome, Report
from pov.steps.services import verify
from tests.fakes.prober import FakeProber

ESTATES = estates(load_scenario("quickstart"))


def run(prober: FakeProber, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(verify, "connect", lambda _: prober)
    events: list[Event] = []
    ctx: Any = SimpleNamespace(estates=ESTATES)
    step = verify.step(with_legacy=True)
    assert step.run(ctx, Report(step.name, events.append)) is Outcome.UNCHANGED
    return [event.message for event in events]


def test_estates_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(len(ESTATES), timeout=10)

    class Meeting(FakeProber):
        def verify(self, estate: str) -> list[EdgeAnswer]:
            together.wait()
            return super().verify(estate)

    edges = sum(len(estate.edges) for estate in ESTATES)
    assert run(Meeting(ESTATES), monkeypatch) == [f"{edges} edges in {len(ESTATES)} estates answered"]


def test_an_edge_that_stays_silent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_LIMIT_S", 0.0)

    class Silent(FakeProber):
        def verify(self, estate: str) -> list[EdgeAnswer]:
            return [EdgeAnswer("a", "b", estate != "staging", "refused", "", "")]

    with pytest.raises(TimedOut) as failure:
        run(Silent(ESTATES), monkeypatch)
    assert failure.value.message.startswith("every edge of staging")
    assert "staging: 1 of 1 edges silent, first a to b: refused" in failure.value.cause
