"""Time that passes only when somebody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime


class FakeClock:
    """A `Clock` of zero seconds on the first day of 2026; `now` may be moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
