from __future__ import annotations

import json
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.experiments.stages import ABSENT, APPLIED, differences


def deployment(asked: dict[str, Any], live: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"name": "ledger", "namespace": "x", "annotations": {APPLIED: json.dumps({"spec": asked})}}
    return {"metadata": metadata, "spec": asked if live is None else live}


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
    found = differences({"dev": [deployment(asked)], "prod": [deployment(asked, live)]})
    told = [(row.field.removeprefix("spec."), row.runs["prod"], row.asked["prod"]) for row in found]
    assert sorted(told) == sorted(wanted)
    assert all(row.by_hand == ("prod",) for row in found)


def test_a_difference_that_stands_in_git_was_meant() -> None:
    (row,) = differences({"dev": [deployment({"replicas": 1})], "prod": [deployment({"replicas": 2})]})
    assert (row.field, row.runs, row.by_hand) == ("spec.replicas", {"dev": "1", "prod": "2"}, ())


def test_the_same_change_by_hand_in_every_stage_is_found_all_the_same() -> None:
    changed = deployment({"replicas": 1}, {"replicas": 2})
    (row,) = differences({"dev": [changed], "prod": [changed]})
    assert row.by_hand == ("dev", "prod")


def test_an_object_that_git_never_wrote_is_told() -> None:
    live = {"metadata": {"name": "ledger", "namespace": "dev"}, "spec": {"replicas": 1}}
    with pytest.raises(PovError, match="dev/ledger holds no record of what Git asks for"):
        differences({"dev": [live]})
