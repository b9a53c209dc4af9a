"""Loads in tests: how they are started, waited for and read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from pov.base.wait import Pending, wait_for
from pov.engines.prober import EdgeAnswer, Identity, Load, LoadReport, Prober
from tests.unit.mock_services.running import LIMIT_S

Answer = TypeVar("Answer", EdgeAnswer, Identity)


def until(what: str, check: Callable[[], bool]) -> None:
    wait_for(what, lambda: True if check() else Pending("not yet"), timeout_s=LIMIT_S, interval_s=0.05)


def answers(look: Callable[[], Sequence[Answer]]) -> Sequence[Answer]:
    """What the prober sees once each has answered: it gives a look 2 s, which a machine can stand still for."""

    def once() -> Sequence[Answer] | Pending:
        found = look()
        lost = [row.error for row in found if row.error]
        return Pending(lost[0]) if lost else found

    return wait_for("answers", once, timeout_s=LIMIT_S, interval_s=0.05)


def until_counted(load: Load, check: Callable[[LoadReport], bool]) -> None:
    until("the load's counts", lambda: check(load.counts()))


def failures(report: LoadReport) -> Counter[str]:
    return sum((Counter(edge.errors) for edge in report.edges), Counter())


def start_load(prober: Prober, *, interval_ms: int = 100, timeout_ms: int = 5000) -> Load:
    return prober.start_load(
        ["staging"], interval_ms=interval_ms, new_connection_interval_ms=2 * interval_ms, timeout_ms=timeout_ms
    )
