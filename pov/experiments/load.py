"""The prober's load around an operation: running before it starts, counted until after it was seen to be done."""

from __future__ import annotations

from pov.base.wait import Pending, wait_for
from pov.engines.load_report import LoadReport
from pov.experiments.control import Watch
from pov.experiments.ports.load import Load
from pov.experiments.toolbox import Toolbox

_WARM_LIMIT_S = 60.0


def let_pass(box: Toolbox, what: str, seconds: float) -> None:
    """Return after so many seconds, in which nothing is done: here the time itself is what is waited for."""
    end = box.clock.monotonic() + seconds
    wait_for(
        what,
        lambda: True if box.clock.monotonic() >= end else Pending("nothing is done"),
        timeout_s=seconds + 5,
        interval_s=min(0.5, seconds / 4),
        clock=box.clock,
    )


class Watched:
    """A load on the edges of one trial. Stop it once; stopping again gives the same report."""

    def __init__(self, box: Toolbox, watch: Watch) -> None:
        """Start it. Whoever does so sees to it that it is stopped."""
        wish = box.traffic
        self._box = box
        self._watch = watch
        self._report: LoadReport | None = None
        self._load: Load = box.prober().start_load(
            watch.estates,
            interval_ms=wish.interval_ms,
            new_connection_interval_ms=wish.new_connection_interval_ms,
            timeout_ms=wish.timeout_ms,
            edges=watch.edges,
        )

    def until_warm(self) -> None:
        """Wait until each edge was called on a kept and on a new connection."""
        wait_for(
            f"the load on {' and '.join(self._watch.estates)}",
            lambda: _all_called(self._load, len(self._watch.edges)),
            timeout_s=_WARM_LIMIT_S + self._box.traffic.new_connection_interval_ms / 1000,
            interval_s=0.5,
            clock=self._box.clock,
        )

    def phase(self, name: str) -> None:
        """Begin a phase."""
        self._load.phase(name)

    def counts(self) -> LoadReport:
        """The report up to now."""
        return self._load.counts()

    def stop(self) -> LoadReport:
        """Stop the load and return its report."""
        if self._report is None:
            self._report = self._load.stop()
        return self._report


def _all_called(load: Load, edges: int) -> bool | Pending:
    counts = load.counts()
    warm = counts.handshakes >= edges and counts.requests - counts.handshakes >= edges
    return True if warm else Pending(f"{counts.requests} requests so far")
