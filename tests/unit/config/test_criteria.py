from __future__ import annotations

from typing import Any

import pytest

from pov.base.errors import InvalidInput
from pov.config.experiments import Criterion, conflicting_timeouts, timeouts
from pov.config.scenario import load_scenario


def criterion(name: str, **changes: Any) -> Criterion:
    document = {"id": name, "title": "C", "experiment": "rotate", "metric": "failed_requests", "atMost": 0}
    return Criterion.model_validate({**document, **changes})


@pytest.mark.parametrize(
    ("criteria", "conflicts"),
    [
        ([criterion("a", timeoutMs=500), criterion("b", timeoutMs=500)], []),
        ([criterion("a", timeoutMs=500), criterion("b", timeoutMs=900)], [1]),
        ([criterion("a", timeoutMs=500), criterion("b")], [1]),
        ([criterion("a", timeoutMs=1000), criterion("b")], []),
        ([criterion("a", timeoutMs=500), criterion("b", experiment="deploy")], []),
        ([criterion("a", timeoutMs=500), criterion("b", metric="max_seconds")], []),
    ],
)
def test_one_load_has_one_time_out(criteria: list[Criterion], conflicts: list[int]) -> None:
    assert [index for index, _, _ in conflicting_timeouts(criteria, 1000)] == conflicts


def test_the_time_out_is_the_criterions() -> None:
    assert timeouts([criterion("a", timeoutMs=500), criterion("b", experiment="deploy")]) == {"rotate": 500}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "max_seconds", "timeoutMs": 500}, "belongs to a criterion on failures"),
        ({"agreedOn": "2026-10-01"}, "a day needs the name"),
        ({"experiment": "deploy", "metric": "failed_handshakes"}, "is counted in rotate alone"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        criterion("a", **changes)


def test_a_scenario_with_two_time_outs_is_refused_by_its_line(tmp_path: Any) -> None:
    text = """\
apiVersion: pov.dev/v1
kind: Scenario
metadata: {name: two, title: Two}
services: {count: 3}
stages: [{name: staging}]
criteria:
  - {id: a, title: A, experiment: rotate, metric: hard_failures, atMost: 0, timeoutMs: 500}
  - {id: b, title: B, experiment: rotate, metric: late_failures, atMost: 0}
"""
    path = tmp_path / "two.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_scenario(str(path))
    assert "1000 ms, but a has 500 ms" in caught.value.message
    assert ":8" in caught.value.message
