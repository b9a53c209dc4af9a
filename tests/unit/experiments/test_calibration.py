from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pov.experiments.calibration import Calibration, calibrate
from tests.unit.experiments.world import World

EDGE = ("staging", "payment-gateway", "checkout-bff")


def found(world: World, folder: Path) -> Calibration:
    box = world.toolbox(folder)
    return calibrate(box, (box.estate("staging"), box.legacy))


def test_a_machine_that_keeps_time_is_measured_as_the_scenario_asks(tmp_path: Path) -> None:
    world = World()
    load = found(world, tmp_path)
    assert load.traffic == world.scenario.traffic
    assert (load.halvings, load.calm, load.warning) == (0, True, "")
    assert [window.estate for window in load.tried] == ["staging", "legacy"]
    assert [one.estates for one in world.loads] == [("staging", "dev"), ("legacy", "dev")]
    assert all(one.ended is not None for one in world.loads)


def busy(world: World, windows: int) -> Callable[[], None]:
    """The prober stands still in the first so many windows."""

    def hook() -> None:
        if 0 < len(world.loads) <= windows and world.loads[-1].phases and world.loads[-1].ended is None:
            world.stalls.append((world.now, world.now + 0.4))

    return hook


@pytest.mark.parametrize(
    ("windows", "halvings", "calm", "told"),
    [
        (1, 1, True, "0.5 of its rate"),
        (2, 2, True, "0.25 of its rate"),
        (9, 2, False, "stalls with nothing being done"),
    ],
)
def test_the_rate_is_halved_twice_at_most_and_the_timeout_never_changes(
    windows: int, halvings: int, calm: bool, told: str, tmp_path: Path
) -> None:
    world = World()
    world.clock.hooks.append(busy(world, windows))
    load = found(world, tmp_path)
    asked = world.scenario.traffic
    assert (load.halvings, load.calm) == (halvings, calm)
    assert load.traffic.interval_ms == asked.interval_ms * 2**halvings
    assert load.traffic.new_connection_interval_ms == asked.new_connection_interval_ms * 2**halvings
    assert load.traffic.timeout_ms == asked.timeout_ms
    assert told in load.warning
    record: dict[str, Any] = load.as_json()
    assert record["interval_ms"] == load.traffic.interval_ms
    assert record["asked"]["interval_ms"] == asked.interval_ms
    assert record["calibration"][0]["stalls"] > 0


def test_late_answers_alone_are_reason_enough(tmp_path: Path) -> None:
    world = World()
    world.lose(EDGE, "late", 3.0)
    assert found(world, tmp_path).halvings == 1


def test_what_is_refused_says_nothing_of_the_machine(tmp_path: Path) -> None:
    world = World()
    world.lose(EDGE, "hard", 3.0)
    assert found(world, tmp_path).halvings == 0
