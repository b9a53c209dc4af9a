from __future__ import annotations

import json
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.experiments.stages import ABSENT, APPLIED, OBJECT, THERE, Difference, Stage, differences, kinds

Document = dict[str, Any]
POLICY = "networking.k8s.io/v1/NetworkPolicy"


def one(kind: str, name: str, asked: Document | None, live: Document | None = None) -> Document:
    """A live object of `group/version/Kind`; `asked` is what came from Git, None for one that did not."""
    api, _, short = kind.rpartition("/")
    metadata: Document = {"name": name, "namespace": "x"}
    if asked is not None:
        metadata["annotations"] = {APPLIED: json.dumps(asked)}
    return {"apiVersion": api, "kind": short, "metadata": metadata, **((asked if live is None else live) or {})}


def deployment(asked: Document, live: Document | None = None) -> Document:
    return one("apps/v1/Deployment", "ledger", {"spec": asked}, {"spec": asked if live is None else live})


def stage(*live: Document, beside: tuple[Document, ...] = ()) -> Stage:
    """Objects that Git asks for, and others that are there `beside` them."""
    keys = {(f"{each['apiVersion']}/{each['kind']}", each["metadata"]["name"]) for each in live}
    return Stage((*live, *beside), frozenset(keys))


def found_in(**stages: Stage) -> list[Difference]:
    return list(differences(stages))


def container(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "service", "image": "mock:1", **more}]}


PORT = {"name": "work", "containerPort": 8443}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = {
    "nothing": (container(), container(), []),
    "a default that the server filled in": (container(), container(imagePullPolicy="Always"), []),
    "a default inside an entry": (container(ports=[PORT]), container(ports=[{**PORT, "protocol": "TCP"}]), []),
    "an entry without a name, filled in": (
        {"sources": [{"token": {"path": "t"}}]},
        {"sources": [{"token": {"path": "t", "mode": 420}}]},
        [],
    ),
    "the order of named entries": (
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
        [],
    ),
    "another number": ({"replicas": 1}, {"replicas": 3}, [("replicas", "3", "1")]),
    "another image": (container(), container() | {"containers": [{"name": "service", "image": "mock:2"}]},
                      [("containers[service].image", "mock:2", "mock:1")]),
    "a variable more": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        [("env[B]", "there", ABSENT), ("env[B].value", "2", ABSENT)],
    ),
    "an argument more": ({"args": ["a"]}, {"args": ["a", "b"]}, [("args", '["a", "b"]', '["a"]')]),
    "something taken out": ({"replicas": 1, "paused": True}, {"replicas": 1}, [("paused", ABSENT, "true")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_runs_otherwise_than_git_asks_for(name: str) -> None:
    asked, live, wanted = CASES[name]
    found = found_in(dev=stage(deployment(asked)), prod=stage(deployment(asked, live)))
    told = [(row.field.removeprefix("spec."), row.runs["prod"], row.asked["prod"]) for row in found]
    assert sorted(told) == sorted(wanted)
    assert all(row.by_hand == ("prod",) for row in found)


def test_a_difference_that_stands_in_git_was_meant() -> None:
    (row,) = found_in(dev=stage(deployment({"replicas": 1})), prod=stage(deployment({"replicas": 2})))
    assert (row.field, row.runs, row.by_hand) == ("spec.replicas", {"dev": "1", "prod": "2"}, ())


def test_the_same_change_by_hand_in_every_stage_is_found_all_the_same() -> None:
    changed = stage(deployment({"replicas": 1}, {"replicas": 2}))
    (row,) = found_in(dev=changed, prod=changed)
    assert row.by_hand == ("dev", "prod")


DENY = {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
SERVICE = {"spec": {"selector": {"app": "ledger"}, "publishNotReadyAddresses": False,
                    "ports": [{"name": "work", "port": 8443, "targetPort": "work"}]}}  # fmt: skip
OTHERS: dict[str, tuple[str, Document, Document, list[tuple[str, str, str]]]] = {
    "a policy that lets everything in": (POLICY, DENY, {"spec": {**DENY["spec"], "ingress": [{}]}},
                                         [("spec.ingress[0]", THERE, ABSENT)]),
    "a policy that holds for fewer": (
        POLICY, DENY, {"spec": {**DENY["spec"], "podSelector": {"matchLabels": {"app": "fees"}}}},
        [("spec.podSelector.matchLabels.app", "fees", ABSENT)],
    ),
    "a Service that leads elsewhere": (
        "v1/Service", SERVICE, {"spec": {**SERVICE["spec"], "selector": {"app": "ledger", "canary": "yes"}}},
        [("spec.selector.canary", "yes", ABSENT)],
    ),
    "a Service's port": (
        "v1/Service", SERVICE, {"spec": {**SERVICE["spec"], "ports": [{**SERVICE["spec"]["ports"][0], "port": 1}]}},
        [("spec.ports[work].port", "1", "8443")],
    ),
    "what the server fills in of a Service and leaves out": (
        "v1/Service", SERVICE,
        {"spec": {"selector": {"app": "ledger"}, "clusterIP": "10.0.0.1", "type": "ClusterIP",
                  "ports": [{**SERVICE["spec"]["ports"][0], "protocol": "TCP"}]}},
        [],
    ),
    "a setting": ("v1/ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, [("data.a", "2", "1")]),
    "a setting more": ("v1/ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, [("data.b", "2", ABSENT)]),
    "an account's token": ("v1/ServiceAccount", {"automountServiceAccountToken": False},
                           {"automountServiceAccountToken": True}, [("automountServiceAccountToken", "true", "false")]),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_compared_too(name: str) -> None:
    kind, asked, live, wanted = OTHERS[name]
    found = found_in(dev=stage(one(kind, "ledger", asked)), prod=stage(one(kind, "ledger", asked, live)))
    assert [(row.field, row.runs["prod"], row.asked["prod"]) for row in found] == wanted
    assert all((row.kind, row.by_hand) == (kind.rpartition("/")[2], ("prod",)) for row in found)


def test_a_long_value_is_told_by_its_digest() -> None:
    asked = {"data": {"topology.json": "x" * 5000}}
    changed = one("v1/ConfigMap", "settings", asked, {"data": {"topology.json": "x" * 4999 + "y"}})
    (row,) = found_in(dev=stage(one("v1/ConfigMap", "settings", asked)), prod=stage(changed))
    assert row.runs["dev"].startswith("5000 characters, SHA-256 ")
    assert row.runs["prod"] != row.runs["dev"]


def test_a_name_that_is_made_of_the_content_is_one_object() -> None:
    (row,) = found_in(
        dev=stage(one("v1/ConfigMap", "topology-24b5g7h9kt", {"data": {"a": "1"}})),
        prod=stage(one("v1/ConfigMap", "topology-mm8h6f254c", {"data": {"a": "2"}})),
    )
    assert (row.service, row.field, row.by_hand) == ("topology", "data.a", ())


def test_what_was_deleted_by_hand_is_one_row() -> None:
    there = one("v1/Service", "ledger", SERVICE)
    lacking = Stage((), stage(there).of_git)
    (row,) = found_in(dev=stage(there), prod=lacking)
    assert (row.field, row.runs, row.by_hand) == (OBJECT, {"dev": THERE, "prod": ABSENT}, ("prod",))


def test_what_was_put_beside_by_hand_is_found_even_where_it_says_that_it_was_applied() -> None:
    mine, open_door = one(POLICY, "ledger", DENY), one(POLICY, "allow-all", {"spec": {"podSelector": {}}})
    (row,) = found_in(dev=stage(mine), staging=stage(mine), prod=stage(mine, beside=(open_door,)))
    assert (row.kind, row.service, row.field, row.by_hand) == ("NetworkPolicy", "allow-all", OBJECT, ("prod",))
    assert row.runs == {"dev": ABSENT, "staging": ABSENT, "prod": THERE}


def test_what_every_stage_has_beside_is_the_clusters_own() -> None:
    beside = (one("v1/ConfigMap", "kube-root-ca.crt", None), one(POLICY, "landing-zone-default-deny", None))
    mine = one(POLICY, "ledger", DENY)
    assert found_in(dev=stage(mine, beside=beside), prod=stage(mine, beside=beside)) == []


def test_a_service_that_one_stage_alone_asks_for_is_no_difference_of_the_others() -> None:
    other = one("v1/Service", "fees", SERVICE)
    assert found_in(dev=stage(deployment({"replicas": 1})), prod=stage(deployment({"replicas": 1}), other)) == []


def test_secrets_are_not_compared() -> None:
    secret = one("v1/Secret", "key", {"data": {"a": "cDBzdA=="}}, {"data": {"a": "b3RoZXI="}})
    assert kinds({"dev": {("v1/Secret", "key"), ("v1/Service", "a")}, "prod": {("apps/v1/Deployment", "a")}}) == (
        "apps/v1/Deployment",
        "v1/Service",
    )
    assert found_in(dev=stage(secret), prod=stage(secret)) == []


def test_an_object_that_git_never_wrote_is_told() -> None:
    live = one("apps/v1/Deployment", "ledger", None, {"spec": {"replicas": 1}})
    with pytest.raises(PovError, match="x/ledger holds no record of what Git asks for"):
        found_in(dev=stage(live))
