"""SIGKILL of `pov up` inside a step, then `pov up` again: it completes. Its children outlive it by a moment."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.config.scenario import load_scenario
from pov.state.home import Home
from pov.steps.kind.target import KindCluster
from pov.steps.plan import bring_up
from tests.e2e.harness import UP_S, Environment
from tests.journals import read_journal

pytestmark = [pytest.mark.apart, pytest.mark.timeout(1500)]

KEYS = "kill-saving:vault-recovery-keys"
STEPS = bring_up(load_scenario("quickstart"), KindCluster(Home(Path("unused")), "steps"))
FEW = {"cluster": "kill:cluster:4", "vault": KEYS, "services": "kill:services:3"}
"""While kind works; when Vault has given out its keys and none is saved; while services roll out."""


def _killed(environment: Environment, bend: str) -> None:
    ran = environment.start("up", "quickstart", bend=bend).wait(UP_S)
    assert ran.code == -signal.SIGKILL, str(ran)


def _history(environment: Environment, step: str) -> list[str]:
    return [str(entry["kind"]) for entry in read_journal(environment.home.journal) if entry.get("step") == step]


def _completes(environment: Environment) -> float:
    up = environment.up("quickstart").json
    environment.until_healthy()
    assert environment.up().json["changed"] is False
    return float(up["seconds"])


def test_killed_three_times_it_completes(own: Callable[..., Environment], facts: Callable[..., None]) -> None:
    environment = own("killed")
    for step, bend in FEW.items():
        _killed(environment, bend)
        assert _history(environment, step)[-1] == "step-started", f"killed inside {step}"
    facts(completed_after_seconds=_completes(environment))


@pytest.mark.matrix
@pytest.mark.parametrize("moment", ["middle", "end"])
@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_killed_inside_any_step_it_completes(
    own: Callable[..., Environment], step: object, moment: str, facts: Callable[..., None]
) -> None:
    assert isinstance(step, type(STEPS[0]))
    environment = own("killed")
    _killed(environment, f"kill:{step.name}:{step.expected_s / 2 if moment == 'middle' else UP_S}")
    assert _history(environment, step.name) == ["step-started"]
    facts(completed_after_seconds=_completes(environment))


@pytest.mark.matrix
def test_killed_between_giving_out_and_saving_vaults_keys(own: Callable[..., Environment]) -> None:
    environment = own("killed")
    _killed(environment, KEYS)
    _completes(environment)
