"""What a sample says of the traffic: phases told apart, causes kept, the control beside it, what may be excused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pov.experiments import EXPERIMENTS
from pov.experiments.control import EdgeName, Watch
from pov.experiments.traffic import traffic
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from pov.model.sample import Cause, Traffic
from tests.unit.experiments.loads import Load
from tests.unit.experiments.world import World

OWN = ("staging", "payment-gateway", "checkout-bff")
SENTINEL = ("dev", "payment-gateway", "checkout-bff")
WARM, IN_IT = 5.0, 12.0
"""Seconds after the beginning of an automated trial: before the clock, and while it runs."""


def go(world: World, folder: Path, arm: str = "automated", *, experiment: str = "deploy") -> Result:
    slot = Slot(experiment, arm, 1)
    return run_trial(slot, lambda: EXPERIMENTS[experiment].arms[arm].make(world.toolbox(folder), slot), world.clock)


def seen(result: Result) -> Traffic:
    assert result.error is None
    assert result.evidence.traffic is not None
    return result.evidence.traffic


def test_the_operation_alone_is_counted_as_the_operation(tmp_path: Path) -> None:
    world = World()
    for when in (WARM, IN_IT):
        world.lose(OWN, "hard", when, cause="connect: refused")
    result = go(world, tmp_path)
    found = seen(result)
    assert result.seconds is not None
    assert found.seconds == pytest.approx(result.seconds, abs=0.01)
    assert found.operation.hard == 1
    assert found.around.hard == 1
    assert found.causes == (Cause("payment-gateway → checkout-bff", "hard", "connect: refused", 1, False),)
    assert found.around.requests > 0


@pytest.mark.parametrize(
    ("why", "kind", "witness", "stall", "excused"),
    [
        ("late, and no witness", "late", None, None, 0),
        ("late, and the control is late in the same moment", "late", (SENTINEL, "late", IN_IT + 0.5), None, 1),
        ("late, and the control was late before", "late", (SENTINEL, "late", IN_IT - 3), None, 0),
        ("late, and the control was refused", "late", (SENTINEL, "hard", IN_IT + 0.5), None, 0),
        ("late, and another edge of the change is late", "late", (OWN, "late", IN_IT + 0.5), None, 0),
        ("late, and the prober stood still", "late", None, (IN_IT + 0.2, IN_IT + 0.6), 1),
        ("late, and the prober stood still before", "late", None, (IN_IT - 0.5, IN_IT - 0.1), 0),
        ("hard, whatever stood still", "hard", (SENTINEL, "late", IN_IT), (IN_IT, IN_IT + 1), 0),
    ],
)
def test_what_a_trial_excuses(
    why: str, kind: str, witness: Any, stall: tuple[float, float] | None, excused: int, tmp_path: Path
) -> None:
    world = World()
    world.lose(OWN, kind, IN_IT)
    if witness:
        world.lose(*witness)
    if stall:
        world.stalls.append((world.now + stall[0], world.now + stall[1]))
    found = seen(go(world, tmp_path))
    assert found.operation.excused == excused, why
    assert found.operation.hard + found.operation.late == (2 if witness and witness[0] == OWN else 1)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_handshake_is_excused_by_a_stall_of_its_own(fresh: bool, tmp_path: Path) -> None:
    """One request is late in a stall and one without; which of them is a handshake is all the difference."""
    world = World()
    world.lose(OWN, "late", IN_IT, fresh=fresh)
    world.lose(OWN, "late", IN_IT + 2.0, fresh=not fresh)
    world.stalls.append((world.now + IN_IT + 0.2, world.now + IN_IT + 0.6))
    found = seen(go(world, tmp_path)).operation
    assert (found.late, found.late_handshakes) == (2, 1)
    assert (found.excused, found.excused_handshakes) == (1, int(fresh))


def test_a_failure_outside_the_change_is_the_controls(tmp_path: Path) -> None:
    world = World()
    world.lose(SENTINEL, "late", IN_IT, took=1.0)
    found = seen(go(world, tmp_path))
    assert (found.operation.hard, found.operation.late) == (0, 0)
    assert found.control is not None
    assert found.control.late == 1
    assert found.control_stalls is not None
    assert (found.control_stalls.count, found.control_stalls.longest_ms) == (1, 1000.0)


def test_a_renewal_in_the_sentinels_voids_the_control(tmp_path: Path) -> None:
    world = World()
    world.lose(OWN, "late", IN_IT)
    world.lose(SENTINEL, "late", IN_IT)
    world.clock.after(IN_IT, lambda: world.serials["dev"].update({"checkout-bff": world.serial()}))
    found = seen(go(world, tmp_path, experiment="rotate"))
    assert found.control is None
    assert found.control_stalls is None
    assert found.operation.excused == 0
    assert "checkout-bff shows another version or certificate" in found.details["no_control"]


def test_without_an_untouched_stage_nothing_is_excused_by_a_control(tmp_path: Path) -> None:
    world = World(stages=[{"name": "staging"}])
    world.lose(OWN, "late", IN_IT)
    found = seen(go(world, tmp_path, experiment="rotate"))
    assert found.control is None
    assert found.operation.excused == 0
    assert "no other stage has an edge" in found.details["no_control"]


def test_the_machine_stands_beside_it(tmp_path: Path) -> None:
    world = World()
    world.stalls.append((world.now + IN_IT, world.now + IN_IT + 0.4))
    world.stalls.append((world.now + 0.1, world.now + 0.9))
    found = seen(go(world, tmp_path))
    assert found.heartbeat is not None
    assert (found.heartbeat.count, found.heartbeat.longest_ms) == (1, 400.0)
    assert found.node == {"cpu_pressure": 0.2, "io_pressure": 0.0, "memory_pressure": None, "steal": 0.01}
    assert (found.details["failures_cut"], found.details["heartbeat_cut"]) == (False, False)
    assert found.timeout_ms == world.scenario.traffic.timeout_ms
    assert found.latency_ms == {"p50": 2.0, "p99": 9.0, "max": 40.0}
    assert found.rate_per_s == pytest.approx(1.5 * len(world.loads[0].edges))


def test_what_the_prober_did_not_keep_is_told() -> None:
    world = World()
    load = Load(world, (OWN,), world.now, {"interval_ms": 1000, "new_connection_interval_ms": 2000})
    whole = load.stop()
    for report in (replace(whole, failures_cut=True), replace(whole, heartbeat=replace(whole.heartbeat, cut=True))):
        found = traffic(report, Watch((EdgeName(*OWN),), ()), world.scenario.traffic)
        assert (found.details["failures_cut"], found.details["heartbeat_cut"]) == (
            report.failures_cut, report.heartbeat.cut,
        )  # fmt: skip


def test_arms_say_how_they_check_and_what_distribution_took(tmp_path: Path) -> None:
    one, other = go(World(), tmp_path), go(World(), tmp_path, "manual")
    assert one.evidence.figures == {"distribution_seconds": pytest.approx(2.0)}
    assert other.evidence.figures == {"distribution_seconds": pytest.approx(3.0)}
    assert "copy release" not in [step.name for step in other.evidence.steps]
    assert other.evidence.details["distribution"] == [{"host": "legacy-1", "name": "copy release", "seconds": 2.5}]
    assert one.evidence.details["checks"] != other.evidence.details["checks"]


def test_one_service_without_an_edge_is_measured_without_a_load(tmp_path: Path) -> None:
    world = World(services={"count": 1}, povServices=1, legacy={"hosts": 1})
    for arm in ("automated", "manual"):
        result = go(world, tmp_path, arm)
        assert result.error is None
        assert result.evidence.traffic is None
        assert result.evidence.details["no_load"] == "no service calls another"
