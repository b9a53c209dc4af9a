"""A live object holds a manifest although the server has added to it and rewritten quantities."""

from __future__ import annotations

from typing import Any

import pytest

from pov.engines.kube_match import holds


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1, "b": 2}, {"a": 1}),
        ({}, {"a": None, "b": [], "c": {}, "d": "", "e": False, "f": 0}),
        ({"cpu": "500m"}, {"cpu": "0.5"}),
        ({"cpu": "2"}, {"cpu": 2}),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}),
        ({"ports": [{"port": 80, "protocol": "TCP"}]}, {"ports": [{"port": 80}]}),
        ({"c": [{"name": "b", "x": 1}, {"name": "a", "x": 2}]}, {"c": [{"name": "a", "x": 2}]}),
        ({"args": ["a", "b"]}, {"args": ["a", "b"]}),
        ({"emptyDir": {}}, {"emptyDir": {}}),
        ({"flag": True}, {"flag": True}),
    ],
)
def test_holds(live: Any, wanted: Any) -> None:
    assert holds(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({}, {"a": 1}),
        ({"a": 2}, {"a": 1}),
        ({"a": True}, {"a": False}),
        ({"a": 3}, {"a": 0}),
        ({"a": "x"}, {"a": ""}),
        ({"cpu": "500m"}, {"cpu": "0.4"}),
        ({"args": ["a"]}, {"args": ["a", "b"]}),
        ({"c": [{"name": "a", "x": 1}]}, {"c": [{"name": "a", "x": 2}]}),
        ({"c": [{"name": "b"}]}, {"c": [{"name": "a"}]}),
        ({"a": "text"}, {"a": {"b": 1}}),
        ({"a": None}, {"a": {"b": 1}}),
    ],
)
def test_does_not_hold(live: Any, wanted: Any) -> None:
    assert not holds(live, wanted)
