"""What stops the clock is looked at with the same pause in every arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pov.experiments import EXPERIMENTS, drift, rollback, seen
from pov.experiments.seen import INTERVAL_S
from pov.measure.order import Slot
from pov.measure.trials import run_trial
from tests.unit.experiments.test_drift import Stage
from tests.unit.experiments.world import World


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Pauses of waits by what they are for."""
    found: dict[str, float] = {}
    for module in (seen, drift, rollback):
        real = vars(module)["wait_for"]

        def wait_for(what: str, *given: Any, _real: Any = real, **more: Any) -> Any:
            found[what] = more["interval_s"]
            return _real(what, *given, **more)

        monkeypatch.setattr(module, "wait_for", wait_for)
    return found


@pytest.mark.parametrize("experiment", ["deploy", "rollback"])
def test_arms_on_the_cluster_and_on_hosts_are_looked_at_alike(
    tmp_path: Path, pauses: dict[str, float], experiment: str
) -> None:
    world = World()
    for arm in ("automated", "manual"):
        make = EXPERIMENTS[experiment].arms[arm].make
        slot = Slot(experiment, arm, 1)
        result = run_trial(slot, lambda m=make, s=slot: m(world.toolbox(tmp_path), s), world.clock)  # type: ignore[misc]
        assert result.ok, result.error
    # The wait for a bad version to go live comes before the clock.
    of_clocks = {what: pause for what, pause in pauses.items() if what != "the bad version to be live"}
    assert len(of_clocks) >= 2
    assert set(of_clocks.values()) == {INTERVAL_S}


def test_drift_is_looked_at_as_everything_else(tmp_path: Path, pauses: dict[str, float]) -> None:
    assert Stage(tmp_path).go().ok
    assert pauses["what was changed by hand to be changed back"] == INTERVAL_S
    assert pauses["the prober to see it as before"] == INTERVAL_S
