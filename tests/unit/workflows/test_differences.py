from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.config.estates import NEW_STAGE, Estate, estates
from pov.steps.services.prober import configuration
from pov.workflows.differences import Asked, compare
from tests.unit.experiments.world import scenario

IMAGE = "registry:5000/pov/mock:1.0.0"


class Cluster:
    """What was brought up for a scenario, to be bent by tests."""

    def __init__(self, made_for: tuple[Estate, ...]) -> None:
        self.prober: str | None = configuration(made_for)
        self.stages = {
            estate.namespace: {name: _deployment(name) for name in estate.services}
            for estate in made_for
            if estate.kind == "gitops"
        }

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        assert (kind, name, namespace) == ("v1/ConfigMap", "prober", "pov-system")
        return None if self.prober is None else {"data": {"prober.json": self.prober}}

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        assert kind == "apps/v1/Deployment"
        return list(self.stages[str(namespace)].values())


def _deployment(name: str) -> dict[str, Any]:
    agent = {"name": "agent", "image": IMAGE, "args": ["agent", "--ttl=24h", "--out=/certs"]}
    pod = {"initContainers": [agent], "containers": [{"name": "service", "image": IMAGE}]}
    return {"metadata": {"name": name}, "spec": {"replicas": 1, "template": {"spec": pod}}}


def asked(**changes: Any) -> Asked:
    chosen = scenario(**changes)
    return Asked(estates(chosen), IMAGE, chosen.pki.ttl, tuple(chosen.pov_services))


def pod_of(cluster: Cluster, name: str) -> Any:
    return cluster.stages["staging"][name]["spec"]["template"]["spec"]


def test_what_was_brought_up_for_this_scenario_differs_in_nothing() -> None:
    wish = asked()
    assert compare(Cluster(wish.estates), wish) == ()


def test_a_service_under_proof_may_run_what_an_earlier_run_deployed() -> None:
    wish = asked()
    cluster = Cluster(wish.estates)
    pod_of(cluster, "payment-gateway")["containers"][0]["image"] = "registry:5000/pov/mock:1123ab-automated-1"
    assert compare(cluster, wish) == ()


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ({"services": {"count": 7}}, "staging has 1 services more (settlement …)"),
        ({"services": {"count": 5}}, "staging has 1 services fewer (merchant-bff …)"),
        ({"stages": [{"name": "staging"}]}, "dev was brought up and is no longer in the scenario"),
        (
            {"stages": [{"name": "staging"}, {"name": "dev", "services": "pov"}, {"name": "prod"}]},
            "prod is in the scenario and was not brought up",
        ),
        ({"povServices": 2}, "dev has 1 services fewer (card-authorization …)"),
        ({"legacy": {"hosts": 0}, "experiments": []}, "legacy was brought up and is no longer in the scenario"),
    ],
)
def test_other_stages_or_services_are_refused(edited: dict[str, Any], told: str) -> None:
    cluster = Cluster(asked().estates)
    with pytest.raises(PovError, match="edited after pov up") as caught:
        compare(cluster, asked(**edited))
    assert told in caught.value.cause
    assert "pov up" in caught.value.fix


def test_a_stage_that_a_killed_trial_left_is_called_that_and_no_edit() -> None:
    wish = asked()
    left = Estate(NEW_STAGE, "gitops", NEW_STAGE, wish.under_proof, (), 1)
    with pytest.raises(PovError, match="the stage qa of a trial of new-stage is still there") as caught:
        compare(Cluster((*wish.estates, left)), wish)
    assert "edited" not in f"{caught.value.message} {caught.value.cause}"
    assert "pov up" in caught.value.fix


def test_other_edges_are_refused() -> None:
    wish = asked()
    fewer = tuple(replace(estate, edges=estate.edges[1:]) for estate in wish.estates)
    with pytest.raises(PovError, match="edited after pov up") as caught:
        compare(Cluster(wish.estates), replace(wish, estates=fewer))
    assert "staging has other edges in the scenario than in the cluster" in caught.value.cause


def test_a_service_that_is_gone_is_refused() -> None:
    wish = asked()
    cluster = Cluster(wish.estates)
    del cluster.stages["staging"]["ledger"]
    with pytest.raises(PovError, match="ledger does not run in staging"):
        compare(cluster, wish)


def test_what_can_be_measured_all_the_same_is_recorded() -> None:
    wish = asked()
    cluster = Cluster(wish.estates)
    cluster.stages["staging"]["ledger"]["spec"]["replicas"] = 2
    pod_of(cluster, "fraud-scoring")["containers"][0]["image"] = "elsewhere/mock:2"
    pod_of(cluster, "payment-gateway")["containers"][0]["image"] = "elsewhere/mock:2"
    for service in cluster.stages["dev"].values():
        service["spec"]["template"]["spec"]["initContainers"][0]["args"] = ["agent", "--ttl=2h"]
    assert compare(cluster, wish) == (
        "staging: 1 services run other than 1 replicas (ledger: 2)",
        "staging: 2 services run another image (payment-gateway: elsewhere/mock:2)",
        "dev: certificates live 2h, the scenario says 24h",
    )


def test_another_number_of_replicas_in_the_scenario_is_recorded() -> None:
    wish = asked()
    more = tuple(replace(estate, replicas=3) if estate.kind == "gitops" else estate for estate in wish.estates)
    assert [text[:38] for text in compare(Cluster(wish.estates), replace(wish, estates=more))] == [
        "staging: 6 services run other than 3 r",
        "dev: 3 services run other than 3 repli",
    ]


def test_a_prober_that_is_not_there_is_told() -> None:
    cluster = Cluster(asked().estates)
    cluster.prober = None
    with pytest.raises(PovError, match="the prober is not there"):
        compare(cluster, asked())


def test_the_probers_file_is_read_as_it_is_written() -> None:
    written = json.loads(configuration(asked().estates))
    assert {"name", "services", "edges"} <= set(written["estates"][0])
