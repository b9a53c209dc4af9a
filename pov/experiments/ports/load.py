"""Ports to the load that a trial runs under, and to what its prober saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pov.engines.load_report import LoadReport


class Identity(Protocol):
    """What one replica says of itself, as the prober saw it on a new connection."""

    @property
    def service(self) -> str:
        """Its service."""
        ...

    @property
    def version(self) -> str:
        """The release that serves."""
        ...

    @property
    def serial(self) -> str:
        """Serial number of its certificate, hexadecimal."""
        ...

    @property
    def credential(self) -> str:
        """Fingerprint of the credential that it uses; empty without one."""
        ...

    @property
    def error(self) -> str:
        """Why it did not answer; empty if it did."""
        ...


class Load(Protocol):
    """A load that runs until it is stopped."""

    def counts(self) -> LoadReport:
        """The report up to now."""
        ...

    def phase(self, name: str) -> None:
        """Begin a phase; it ends the one before."""
        ...

    def stop(self) -> LoadReport:
        """Stop, wait for what is in flight, and return the final report."""
        ...


class Prober(Protocol):
    """The prober's API, as far as trials need it."""

    def identify(self, estate: str, services: Sequence[str] = (), *, unlisted: bool = False) -> Sequence[Identity]:
        """One row for each replica; with `unlisted` also of services that were not there when it was set up."""
        ...

    def start_load(
        self,
        estates: Sequence[str],
        *,
        interval_ms: int,
        new_connection_interval_ms: int,
        timeout_ms: int,
        edges: Sequence[tuple[str, str, str]] | None = None,
    ) -> Load:
        """Start an open-loop load on edges (estate, source, target), or on all of the estates."""
        ...

    def stop_loads(self) -> int:
        """Stop every load that still runs, whoever began it; returns how many."""
        ...
