"""The service graph: who calls whom, how slowly, how often in error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A mock microservice; `tier` is gateway, bff, domain or data."""

    name: str
    tier: str


@dataclass(frozen=True)
class Edge:
    """`source` calls `target`: added latency in milliseconds, share of errors in [0, 1], answer size in bytes."""

    source: str
    target: str
    latency_ms: float
    error_rate: float
    payload_bytes: int


@dataclass(frozen=True)
class Topology:
    """A directed acyclic graph of services, made from `seed`."""

    seed: int
    services: tuple[Service, ...]
    edges: tuple[Edge, ...]

    def names(self) -> tuple[str, ...]:
        """Every service's name, in the graph's own order."""
        return tuple(service.name for service in self.services)

    def callers(self, name: str) -> tuple[str, ...]:
        """Who calls `name`."""
        return tuple(edge.source for edge in self.edges if edge.target == name)

    def callees(self, name: str) -> tuple[str, ...]:
        """Whom `name` calls."""
        return tuple(edge.target for edge in self.edges if edge.source == name)

    def entries(self) -> tuple[str, ...]:
        """Services that nobody calls."""
        called = {edge.target for edge in self.edges}
        return tuple(name for name in self.names() if name not in called)
