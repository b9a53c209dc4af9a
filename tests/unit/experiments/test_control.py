from __future__ import annotations

import pytest

from pov.config.estates import estates
from pov.config.scenario import Scenario, load_scenario
from pov.experiments.control import SENTINEL_EDGES, Watch, watch
from pov.experiments.trial import WORKED_ON
from tests.unit.experiments.world import scenario


def watched(chosen: Scenario, estate: str, *services: str) -> Watch:
    found = estates(chosen)
    mine = next(one for one in found if one.name == estate)
    return watch(found, mine, services or mine.services, WORKED_ON)


@pytest.mark.parametrize("name", ["gitops-35", "quickstart"])
@pytest.mark.parametrize("estate", ["staging", "legacy"])
def test_shipped_scenarios_have_a_control_even_where_a_whole_estate_is_touched(name: str, estate: str) -> None:
    found = watched(load_scenario(name), estate)
    assert found.control
    assert {edge.estate for edge in found.touched} == {estate}
    assert {edge.estate for edge in found.control} == set(found.sentinels)
    assert not {"staging", "legacy"} & set(found.sentinels)


def test_a_control_edge_has_both_ends_outside_the_change() -> None:
    chosen = load_scenario("gitops-35")
    found = watched(chosen, "staging", *chosen.pov_services)
    under_proof = set(chosen.pov_services)
    own = [edge for edge in found.control if edge.estate == "staging"]
    assert own
    assert all(edge.source not in under_proof and edge.target not in under_proof for edge in own)
    assert all(edge.source in under_proof or edge.target in under_proof for edge in found.touched)
    whole = next(estate for estate in estates(chosen) if estate.name == "staging")
    assert len(found.touched) + len(own) == len(whole.edges)


def test_all_arms_carry_the_same_load() -> None:
    chosen = load_scenario("gitops-35")
    staging, legacy = (watched(chosen, name, *chosen.pov_services) for name in ("staging", "legacy"))
    assert [edge[1:] for edge in staging.edges] == [edge[1:] for edge in legacy.edges]
    assert staging.sentinels == legacy.sentinels == ("dev", "prod")


def test_without_an_untouched_stage_there_is_no_control() -> None:
    found = watched(scenario(stages=[{"name": "staging"}]), "staging")
    assert found.control == ()
    assert found.sentinels == ()


def test_sentinels_are_few_and_from_every_untouched_stage() -> None:
    wide = scenario(
        services={"count": 60}, stages=[{"name": name} for name in ("dev", "staging", "prod")], experiments=[]
    )
    found = watched(wide, "staging")
    assert len(found.control) == SENTINEL_EDGES
    assert found.sentinels == ("dev", "prod")
    assert len(set(found.edges)) == len(found.edges)
