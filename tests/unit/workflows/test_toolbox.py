"""Who sits down at which trial."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pov.experiments.seat import People
from pov.measure.order import Slot
from pov.workflows import toolbox
from tests.unit.experiments.world import World


@pytest.mark.parametrize(
    ("by", "at_trials"), [(("sam", "kim"), ["sam", "kim", "sam", "kim"]), (("sam",), ["sam", "sam", "sam", "sam"])]
)
def test_each_trial_is_the_next_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: tuple[str, ...], at_trials: list[str]
) -> None:
    monkeypatch.setattr(toolbox, "client_key", lambda _: "key")
    ctx = cast("Any", SimpleNamespace(home=SimpleNamespace(all_secrets=lambda: ("secret",))))
    seat = toolbox.seats(ctx, People(by), tmp_path)
    sat = [seat(Slot("deploy", "person", trial)) for trial in (1, 2, 3, 4)]
    assert [one.by for one in sat] == at_trials
    assert {one.secrets for one in sat} == {("secret", "key")}
    assert {one.role for one in sat} == {""}


@pytest.mark.parametrize(
    ("reviewers", "at_trials"), [(("kim",), ["kim"] * 4), (("kim", "lee"), ["kim", "lee", "kim", "lee"])]
)
def test_each_trial_is_reviewed_by_one_for_all_or_by_who_sits_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reviewers: tuple[str, ...], at_trials: list[str]
) -> None:
    monkeypatch.setattr(toolbox, "client_key", lambda _: "key")
    ctx = cast("Any", SimpleNamespace(home=SimpleNamespace(all_secrets=lambda: ("secret",))))
    box = toolbox.seated(World().toolbox(tmp_path), ctx, People(("sam", "ann"), reviewers=reviewers), tmp_path)
    assert box.seat is not None
    assert box.reviewer is not None
    slots = [Slot("deploy", "person-reviewed", trial) for trial in (1, 2, 3, 4)]
    sat: list[Any] = [box.reviewer(slot) for slot in slots]
    assert [one.by for one in sat] == at_trials
    assert {one.role for one in sat} == {"reviewer"}
    authors: list[Any] = [box.seat(slot) for slot in slots]
    assert [(one.by, one.role) for one in authors] == [("sam", "author"), ("ann", "author")] * 2


def test_without_reviewers_nobody_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox, "client_key", lambda _: "key")
    ctx = cast("Any", SimpleNamespace(home=SimpleNamespace(all_secrets=lambda: ("secret",))))
    assert toolbox.seated(World().toolbox(tmp_path), ctx, People(("sam",)), tmp_path).reviewer is None
