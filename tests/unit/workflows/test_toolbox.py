"""Who sits down at which trial."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pov.experiments.seat import People
from pov.measure.order import Slot
from pov.workflows import toolbox


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
