"""Where the services of the legacy estate live: hosts, ports, addresses. A pure function of the scenario."""

from __future__ import annotations

from dataclasses import dataclass

from pov.config.estates import Estate

PORT = 8443
"""Port of every service's address; on its host, a service listens on one of its own."""
_FIRST_PORT = 8443
_FIRST_HEALTH_PORT = 18081
TRUST_DOMAIN = "pov.dev"


@dataclass(frozen=True)
class Placed:
    """One service on its host: the port it serves on, and the loopback port of its health page."""

    service: str
    port: int
    health_port: int


@dataclass(frozen=True)
class Host:
    """One machine of the legacy estate, and what runs on it."""

    name: str
    services: tuple[Placed, ...]

    @property
    def pod(self) -> str:
        """The pod that plays this host."""
        return f"{self.name}-0"


def hosts(estate: Estate, count: int) -> tuple[Host, ...]:
    """`count` hosts (no more than services); the estate's services are dealt out in turn."""
    names = [f"legacy-{number}" for number in range(1, min(count, len(estate.services)) + 1)]
    dealt: dict[str, list[Placed]] = {name: [] for name in names}
    for index, service in enumerate(estate.services):
        mine = dealt[names[index % len(names)]]
        mine.append(Placed(service, _FIRST_PORT + len(mine), _FIRST_HEALTH_PORT + len(mine)))
    return tuple(Host(name, tuple(placed)) for name, placed in dealt.items())


def identity(namespace: str, service: str) -> str:
    """The SPIFFE id that a service's certificate carries."""
    return f"spiffe://{TRUST_DOMAIN}/ns/{namespace}/sa/{service}"


def dns_names(namespace: str, service: str) -> tuple[str, ...]:
    """The names by which a service is called."""
    return f"{service}.{namespace}.svc", service
