"""The prober's load around an operation: running before it starts, counted until after it was seen to be done."""

from __future__ import annotations

from typing import Any

from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
from pov.experiments.toolbox import Load, Toolbox
from pov.measure.trials import Traffic

_WARM_LIMIT_S = 60.0


class Watched:
    """A load on some estates. Stop it once; stopping again gives the same figures."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._traffic: Traffic | None = None

    @classmethod
    def start(cls, box: Toolbox, *estates: Estate) -> Watched | None:
        """Start, and wait until each edge was called on a kept and on a new connection. None without edges."""
        edges = sum(len(estate.edges) for estate in estates)
        names = [estate.name for estate in estates]
        if not edges:
            return None
        wish = box.traffic
        load = box.prober().start_load(
            names,
            interval_ms=wish.interval_ms,
            new_connection_interval_ms=wish.new_connection_interval_ms,
            timeout_ms=wish.timeout_ms,
        )
        watched = cls(load)
        try:
            wait_for(
                f"the load on {' and '.join(names)}",
                lambda: _all_called(load, edges),
                timeout_s=_WARM_LIMIT_S + wish.new_connection_interval_ms / 1000,
                interval_s=0.5,
                clock=box.clock,
            )
        except BaseException:
            # Nobody else would stop it: the trial never gets to hold it.
            watched.stop()
            raise
        return watched

    def stop(self) -> Traffic:
        """Stop the load and return what it counted."""
        if self._traffic is None:
            self._traffic = traffic(self._load.stop())
        return self._traffic

    def failed_handshakes(self) -> int:
        """New connections that failed up to now."""
        return int(self._load.counts().failed_handshakes)


def traffic(report: Any) -> Traffic:
    """The prober's report as a sample records it: kept and new connections apart, edge by edge where something failed.

    Edges without a failure are summed up, since a sample of 77 edges that say nothing hides the one that does.
    """
    edges = list(report.edges)
    kept, failed_kept = sum(e.kept.requests for e in edges), sum(e.kept.failed for e in edges)
    fresh, failed_fresh = sum(e.fresh.requests for e in edges), sum(e.fresh.failed for e in edges)
    return Traffic(
        requests=report.requests,
        failed_requests=report.failed_requests,
        handshakes=report.handshakes,
        failed_handshakes=report.failed_handshakes,
        seconds=report.seconds,
        details={
            "late": report.late,
            "unsent": report.unsent,
            "kept": {"requests": kept, "failed": failed_kept},
            "fresh": {"requests": fresh, "failed": failed_fresh},
            "edges": len(edges),
            "edges_with_failures": [
                {
                    "source": e.source,
                    "target": e.target,
                    "kept": {"requests": e.kept.requests, "failed": e.kept.failed},
                    "fresh": {"requests": e.fresh.requests, "failed": e.fresh.failed},
                    "errors": dict(e.errors),
                }
                for e in edges
                if e.kept.failed or e.fresh.failed
            ],
            "serials_seen": len({serial for e in edges for serial in e.serials}),
        },
    )


def _all_called(load: Load, edges: int) -> bool | Pending:
    counts = load.counts()
    warm = counts.handshakes >= edges and counts.requests - counts.handshakes >= edges
    return True if warm else Pending(f"{counts.requests} requests so far")
