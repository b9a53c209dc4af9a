"""Time as a thing that is handed in, so that tests never wait and durations never jump with the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds for durations, UTC wall time for records, and sleep."""

    def monotonic(self) -> float:
        """Seconds that only grow; the zero is arbitrary."""
        ...

    def wall(self) -> datetime:
        """The time of day, UTC, aware."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Now, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)


SYSTEM_CLOCK: Clock = SystemClock()


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as every record writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
