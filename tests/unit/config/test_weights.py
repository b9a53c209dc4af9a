"""Who asks for how much of the processor."""

from __future__ import annotations

import pytest

from pov.config.estates import estates
from pov.config.scenario import load_scenario
from pov.config.weights import cpu_requests
from pov.steps.kind.capacity import Room, need, shortages


def test_requests_follow_the_edges_and_keep_their_mean() -> None:
    scenario = load_scenario("gitops-35")
    requests = cpu_requests(scenario)
    staging = next(estate for estate in estates(scenario) if estate.name == "staging")
    ends = {name: sum(name in {edge.source, edge.target} for edge in staging.edges) for name in staging.services}
    busiest, quietest = max(ends, key=lambda name: ends[name]), min(ends, key=lambda name: ends[name])
    assert requests[busiest] / requests[quietest] == pytest.approx(ends[busiest] / max(1, ends[quietest]), rel=0.3)
    assert sum(requests.values()) / len(requests) == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("count", [1, 2, 35, 1000])
def test_every_service_asks_for_something(count: int) -> None:
    requests = cpu_requests(load_scenario("gitops-35").with_services(count))
    assert len(requests) == count
    assert min(requests.values()) >= 1


def test_the_reference_engagement_fits_two_cores_while_it_deploys() -> None:
    scenario = load_scenario("gitops-35")
    wanted, requests = need(scenario), cpu_requests(scenario)
    surge = sum(requests[name] + 1 for name in scenario.pov_services)
    assert not shortages(wanted, Room(mib=24_000, cores=2))
    assert wanted.millicores + surge <= 2000
