"""The seeded generator of a service graph that looks like a payments company.

Real call graphs are tree-like, heavy-tailed and have hot spots (Luo et al., "Characterizing Microservice Dependency and
Performance", SoCC 2021, on Alibaba's traces). Here each service after the gateways gets one caller (the tree), drawn
with a weight for services that have many callees already (the heavy tail), and with some chance a second or third one;
a few well-known data services are the hot spots. Each service and each edge draws from its own random stream, so that
a larger N keeps every service and edge of a smaller one.
"""

from __future__ import annotations

import hashlib
import random

from pov.model.topology import Edge, Service, Topology

_KNOWN: tuple[tuple[str, str], ...] = (
    ("payment-gateway", "gateway"),
    ("checkout-bff", "bff"),
    ("card-authorization", "domain"),
    ("fraud-scoring", "domain"),
    ("ledger", "data"),
    ("merchant-bff", "bff"),
    ("settlement", "domain"),
    ("customer-profile", "data"),
    ("notification", "domain"),
    ("token-vault", "data"),
    ("mobile-bff", "bff"),
    ("payouts", "domain"),
    ("currency-exchange", "domain"),
    ("refunds", "domain"),
    ("risk-limits", "domain"),
    ("merchant-registry", "data"),
    ("chargebacks", "domain"),
    ("invoicing", "domain"),
    ("fees", "domain"),
    ("account-balance", "data"),
    ("kyc-checks", "domain"),
    ("sanctions-screening", "domain"),
    ("card-issuing", "domain"),
    ("transaction-history", "data"),
    ("partner-gateway", "gateway"),
    ("reconciliation", "domain"),
    ("subscription-billing", "domain"),
    ("pricing", "domain"),
    ("loyalty-points", "domain"),
    ("audit-trail", "data"),
    ("document-store", "data"),
    ("reporting", "domain"),
    ("tax-calculation", "domain"),
    ("dispute-evidence", "domain"),
    ("feature-flags", "data"),
)
_HOT = ("ledger", "customer-profile", "audit-trail")
_RANK = {"gateway": 0, "bff": 1, "domain": 2, "data": 3}
_REGIONS = ("emea", "apac", "amer", "latam", "nordics")

WELL_KNOWN = ("payment-gateway", "checkout-bff", "card-authorization", "fraud-scoring", "ledger")
"""Five services close together in every graph: those under proof by default."""


def generate(seed: int, count: int) -> Topology:
    """The graph of `count` services (at least 1) for `seed`; the same arguments give the same graph."""
    services = tuple(_service(index) for index in range(count))
    edges: dict[tuple[str, str], Edge] = {}
    fan_out: dict[str, int] = {}
    for index, service in enumerate(services):
        for caller in _callers(seed, index, service, services[:index], fan_out):
            edges[caller, service.name] = _edge(seed, caller, service)
            fan_out[caller] = fan_out.get(caller, 0) + 1
    return Topology(seed, services, tuple(edges.values()))


def _service(index: int) -> Service:
    if index < len(_KNOWN):
        return Service(*_KNOWN[index])
    lap, place = divmod(index, len(_KNOWN))
    name, tier = _KNOWN[place]
    region = _REGIONS[(lap - 1) % len(_REGIONS)]
    round_number = (lap - 1) // len(_REGIONS)
    return Service(f"{name}-{region}{round_number + 1 if round_number else ''}", tier)


def _stream(seed: int, *key: str) -> random.Random:
    digest = hashlib.sha256("/".join((str(seed), *key)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8]))  # noqa: S311 - a graph, not a secret


def _callers(
    seed: int, index: int, service: Service, earlier: tuple[Service, ...], fan_out: dict[str, int]
) -> list[str]:
    if service.tier == "gateway" or not earlier:
        return []
    draw = _stream(seed, "callers", service.name)
    rank = _RANK[service.tier]
    candidates = [other for other in earlier if _RANK[other.tier] <= rank and other.tier != "data"]
    if index <= 4:
        # The first five form a chain that every audience knows: gateway, front end, authorisation, fraud, ledger.
        return [earlier[-1].name] if earlier[-1] in candidates else [candidates[-1].name]
    wanted = 1 + (draw.random() < 0.55) + (draw.random() < 0.3) + 2 * (service.name in _HOT)
    wanted += 2 * (draw.random() < 0.35) if service.tier == "data" else 0
    chosen: list[str] = []
    while candidates and len(chosen) < wanted:
        weights = [1 + fan_out.get(other.name, 0) + (2 if _RANK[other.tier] == rank - 1 else 0) for other in candidates]
        pick = draw.choices(candidates, weights)[0]
        candidates.remove(pick)
        chosen.append(pick.name)
    return chosen


def _edge(seed: int, source: str, target: Service) -> Edge:
    draw = _stream(seed, "edge", source, target.name)
    latency = min(25.0, draw.lognormvariate(0.7, 0.6))
    payload = min(16_384, int(draw.lognormvariate(6.2, 0.9)))
    return Edge(source, target.name, round(latency, 1), 0.0, payload)
