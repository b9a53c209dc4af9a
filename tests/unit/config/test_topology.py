from __future__ import annotations

import itertools

import pytest

from pov.config.topology import WELL_KNOWN, generate


def test_the_same_seed_gives_the_same_graph_and_another_seed_another() -> None:
    assert generate(35, 35) == generate(35, 35)
    assert generate(35, 35).edges != generate(36, 35).edges


@pytest.mark.parametrize("count", [1, 2, 5, 35, 105, 1000])
def test_every_size_has_unique_names_that_fit_dns_and_no_circle(count: int) -> None:
    topology = generate(7, count)
    names = topology.names()
    assert len(names) == len(set(names)) == count
    assert all(len(name) <= 40 for name in names)
    order = {name: index for index, name in enumerate(names)}
    assert all(order[edge.source] < order[edge.target] for edge in topology.edges)


@pytest.mark.parametrize("seed", range(5))
def test_a_larger_graph_keeps_everything_of_a_smaller_one(seed: int) -> None:
    small, large = generate(seed, 20), generate(seed, 60)
    assert set(small.services) <= set(large.services)
    assert set(small.edges) <= set(large.edges)


def test_everything_but_gateways_is_called_by_somebody() -> None:
    topology = generate(35, 35)
    tiers = {service.name: service.tier for service in topology.services}
    assert {tiers[name] for name in topology.entries()} == {"gateway"}


def test_it_is_tree_like_and_has_hot_spots() -> None:
    topology = generate(35, 35)
    assert 1.5 < len(topology.edges) / len(topology.services) < 3
    fan_in = sorted((len(topology.callers(name)) for name in topology.names()), reverse=True)
    fan_out = sorted((len(topology.callees(name)) for name in topology.names()), reverse=True)
    assert fan_in[0] >= 5
    assert fan_out[0] >= 8
    assert fan_out[len(fan_out) // 2] <= 1


def test_the_default_scope_is_connected() -> None:
    topology = generate(35, 35)
    pairs = set(itertools.pairwise(WELL_KNOWN))
    assert pairs <= {(edge.source, edge.target) for edge in topology.edges}
