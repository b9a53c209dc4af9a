from __future__ import annotations

from typing import Any

import pytest

from pov.base.errors import InvalidInput
from pov.config.experiments import Criterion, conflicting_primaries, conflicting_timeouts, timeouts
from pov.config.scenario import load_scenario
from pov.model import catalogue
from pov.model.kinds import MORE, Metric


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


RIGHT = Metric("right_answers", "right answers", "right", "answers", MORE)


def test_a_figure_of_which_more_is_better_has_a_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.METRICS._items, "right_answers", RIGHT)
    found = criterion("a", metric="right_answers", atMost=None, atLeast=9)
    assert (found.bound, found.side) == (9, "at least")
    assert (criterion("a").bound, criterion("a").side) == (0, "at most")


def test_an_experiment_has_one_primary_comparison() -> None:
    manual = criterion("a", primaryAgainst="manual")
    poll = criterion("b", primaryAgainst="automated-poll")
    assert [index for index, _, _ in conflicting_primaries([manual, poll])] == [1]
    elsewhere = criterion("b", primaryAgainst="automated-poll", experiment="deploy")
    assert not list(conflicting_primaries([manual, criterion("c"), manual, elsewhere]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "max_seconds", "timeoutMs": 500}, "belongs to a criterion on failures"),
        ({"agreedOn": "2026-10-01"}, "a day needs the name"),
        ({"experiment": "deploy", "metric": "failed_handshakes"}, "is counted in rotate alone"),
        ({"experiment": "deploy", "metric": "hands_on_seconds"}, "no criterion stands on it"),
        ({"atMost": None}, "`failed_requests` needs `atMost`"),
        ({"atMost": None, "atLeast": 3}, "less of `failed_requests` is better"),
        ({"atLeast": 3}, "less of `failed_requests` is better"),
        ({"metric": "right_answers"}, "more of `right_answers` is better"),
        ({"metric": "right_answers", "atMost": None}, "`right_answers` needs `atLeast`"),
        ({"metric": "right_answers", "atLeast": 9}, "more of `right_answers` is better"),
        ({"primaryAgainst": "automated"}, "cannot be compared with itself"),
        ({"primaryAgainst": "manul"}, "no arm `manul`"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.METRICS._items, "right_answers", RIGHT)
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


def test_a_primary_comparison_with_an_arm_that_is_not_measured_is_refused_by_its_line(tmp_path: Any) -> None:
    text = """\
apiVersion: pov.dev/v1
kind: Scenario
metadata: {name: two, title: Two}
services: {count: 3}
stages: [{name: staging}]
experiments: [{name: deploy, arms: [automated]}]
criteria:
  - {id: a, title: A, experiment: deploy, metric: median_seconds, atMost: 9, primaryAgainst: manual}
"""
    path = tmp_path / "two.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_scenario(str(path))
    assert "deploy is not measured in arm manual" in caught.value.message
    assert ":8" in caught.value.message
