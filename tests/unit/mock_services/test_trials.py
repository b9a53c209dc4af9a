"""Trials with the real program: what stands still for a moment is late, and excused only with a witness."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pov.base.wait import Pending, wait_for
from pov.config.parts import Traffic as Wish
from pov.engines.prober import Prober
from pov.experiments import calibration
from pov.experiments.calibration import calibrate
from pov.experiments.placebo import PlaceboWindow
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import run_trial
from pov.model.sample import Traffic
from tests.benchmarks.local_estates import Local, estate

STAGING, DEV = estate("staging", 3, 4), estate("dev", 2, 2)
WISH = Wish.model_validate({"intervalMs": 100, "newConnectionIntervalMs": 200, "timeoutMs": 1000})
SLOT = Slot("rotate", "placebo", 1)


@dataclass
class World:
    box: Toolbox
    local: Local


@pytest.fixture
def world(program: Path, tmp_path: Path) -> Iterator[World]:
    local = Local(program, tmp_path, (STAGING, DEV), {})
    with local.running() as prober:
        yield World(toolbox(prober), local)


def toolbox(prober: Prober) -> Toolbox:
    unused: Any = None
    return Toolbox(
        run="", under_proof=(), estates=(STAGING, DEV), traffic=WISH, prober=lambda: prober, git=unused,
        delivery=unused, cluster=unused, hosts=unused, pki=unused, releases=unused, credentials=unused, accounts=unused,
        platform=unused, vault_log=unused, infrastructure=unused,
    )  # fmt: skip


class Stopping(PlaceboWindow):
    """A window in which some processes stand still until a request of theirs is late."""

    def stop(self, world: World, *which: tuple[str, str]) -> Stopping:
        self._stopped = [world.local.processes[name] for name in which]
        self._edges = [edge for edge in self.watch.edges if (edge.estate, edge.target) in which]
        return self

    def operate(self) -> None:
        # What was late before, on a busy machine, is not the operation's.
        self._begun_ms = self.load.counts().seconds * 1000
        for process in self._stopped:
            process.signal(signal.SIGSTOP)
        try:
            wait_for("each to be late", self._all_late, timeout_s=30, interval_s=0.05)
        finally:
            for process in self._stopped:
                process.signal(signal.SIGCONT)
        super().operate()

    def _all_late(self) -> bool | Pending:
        report = self.load.counts()
        late = {
            report.edges[one.edge].estate
            for one in report.failures
            if one.kind == "late" and one.from_ms > self._begun_ms
        }
        wanted = {edge.estate for edge in self._edges}
        return True if late >= wanted else Pending(f"late so far: {late}")


def seen(world: World, *which: tuple[str, str]) -> Traffic:
    def make() -> Stopping:
        return Stopping(world.box, SLOT, STAGING, STAGING.services, 0.6).stop(world, *which)

    result = run_trial(SLOT, make, world.box.clock)
    assert result.error is None
    assert result.evidence.traffic is not None
    return result.evidence.traffic


def test_a_placebo_counts_its_window_on_both_sides_of_the_change(world: World) -> None:
    window = PlaceboWindow(world.box, SLOT, STAGING, STAGING.services, 1.0)
    result = run_trial(SLOT, lambda: window, world.box.clock)
    assert result.error is None
    found = result.evidence.traffic
    assert found is not None
    assert result.seconds is not None
    assert found.seconds == pytest.approx(result.seconds, abs=1.0)
    assert found.operation.requests == pytest.approx(15 * 4 * found.seconds, abs=8)
    assert found.control is not None
    assert found.control.requests == pytest.approx(15 * 2 * found.seconds, abs=6)
    assert found.around.requests > 0
    assert found.details["sentinels"] == ["dev"]
    assert found.rate_per_s == 90.0


def test_what_was_late_is_excused_once_the_control_was_late_as_well(world: World) -> None:
    found = seen(world, ("staging", "s1"), ("dev", "s1"))
    assert found.operation.hard == 0
    assert found.control is not None
    assert found.control.late > 0
    assert found.operation.late >= found.operation.excused > 0
    assert {cause.kind for cause in found.causes} == {"late"}


def test_what_was_late_alone_is_not_excused(world: World) -> None:
    found = seen(world, ("staging", "s1"))
    assert found.operation.late > 0
    assert found.control is not None
    assert found.heartbeat is not None
    # On a machine that really stands still meanwhile it may be: then there is a witness.
    assert not found.operation.excused or found.control.late or found.heartbeat.count


def test_the_load_that_this_machine_bears_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "WINDOW_S", 0.5)
    load = calibrate(world.box, (STAGING,))
    assert load.tried[0].requests > 0
    assert load.tried[0].rate_per_s == 90.0
    assert load.traffic.timeout_ms == WISH.timeout_ms
