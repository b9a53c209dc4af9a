"""What running the platform takes: parts of it are killed or restarted, and an answer alone is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.experiments import EXPERIMENTS
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, Cluster, World

BACK_S, LATE_S = 6.0, 2.0


@dataclass
class Platform:
    """Two parts with pods of their own. A new pod is ready after a while, and lets somebody in a moment later."""

    world: World
    pods: dict[str, list[tuple[str, bool]]] = field(
        default_factory=lambda: {"argocd": [("a1", True), ("a2", True)], "vault": [("v1", True)]}
    )
    answers: dict[str, str] = field(default_factory=lambda: {"argocd": "", "vault": ""})
    done: list[tuple[str, str]] = field(default_factory=list)
    stuck: bool = False
    forgets: bool = False
    comes_back_: bool = True
    persons_open: str = ""

    def comes_back(self, part: str) -> None:
        if part == self.persons_open:
            raise PovError("Vault would stay sealed")

    def kill(self, part: str) -> None:
        self.world.check("kill")
        self.done.append(("kill", part))
        self.world.clock.sleep(0.2)
        # What was killed may answer for a moment more.
        self.pods[part] = []
        self._back(part)

    def restart(self, part: str) -> None:
        self.world.check("restart")
        self.done.append(("restart", part))
        if not self.stuck:
            self._back(part)

    def _back(self, part: str) -> None:
        def start() -> None:
            self.pods[part], self.answers[part] = [(f"{part}-new", False)], "sealed"

        def ready() -> None:
            self.pods[part] = [(f"{part}-new", True)]
            self.world.clock.after(LATE_S, lambda: self.answers.update({part: ""}))

        self.world.clock.after(1.0, start)
        if self.comes_back_:
            self.world.clock.after(BACK_S, ready)

    def lacking(self, part: str) -> str:
        return self.answers[part]

    def certified(self, serial: str) -> tuple[str, ...]:
        return () if self.forgets else ("a name",)


class Objects(Cluster):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        def pod(uid: str, ready: bool) -> dict[str, Any]:
            conditions = [{"type": "Ready", "status": str(ready)}]
            return {"metadata": {"name": uid, "uid": uid}, "status": {"conditions": conditions}}

        gone = {"metadata": {"name": "old", "uid": "old", "deletionTimestamp": "now"}}
        return [*(pod(uid, ready) for uid, ready in self._platform.pods[str(namespace)]), gone]


@pytest.fixture
def platform() -> Platform:
    return Platform(World())


def go(platform: Platform, folder: Path, experiment: str) -> Result:
    any_: Any = platform
    delivery: Any = SimpleNamespace(state=lambda stage: SimpleNamespace(missing=lambda revision: ""))
    box = replace(platform.world.toolbox(folder), platform=any_, cluster=Objects(platform), delivery=delivery)
    slot, way = Slot(experiment, "automated", 1), EXPERIMENTS[experiment].arms["automated"]
    return run_trial(slot, lambda: way.make(box, slot), platform.world.clock)


def test_vault_is_killed_and_timed_until_another_one_lets_somebody_in(platform: Platform, tmp_path: Path) -> None:
    result = go(platform, tmp_path, "unseal")
    assert result.error is None
    assert platform.done == [("kill", "vault")]
    assert result.seconds == pytest.approx(0.2 + BACK_S + LATE_S, abs=0.2), "not when the old one answered last"
    assert [step.name for step in result.evidence.steps] == ["killed", "open again"]
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.requests > 0, "services are under load"
    assert {edge[0] for edge in platform.world.loads[0].edges} == {"staging", "dev"}


def test_both_parts_are_replaced_one_after_the_other(platform: Platform, tmp_path: Path) -> None:
    result = go(platform, tmp_path, "restart")
    assert result.error is None
    assert platform.done == [("restart", "argocd"), ("restart", "vault")]
    figures = result.evidence.figures
    for part in ("argocd", "vault"):
        assert figures[f"{part}_seconds"] == pytest.approx(BACK_S + LATE_S, abs=0.2)
    assert result.seconds == pytest.approx(sum(figures.values()), abs=0.1)


def stuck(platform: Platform) -> None:
    platform.stuck = True


def lost(platform: Platform) -> None:
    platform.comes_back_ = False


def forgetful(platform: Platform) -> None:
    platform.forgets = True


def refused(platform: Platform) -> None:
    platform.world.down |= {"kill": BROKEN, "restart": BROKEN}


@pytest.mark.parametrize(
    ("experiment", "wrong", "told"),
    [
        ("restart", stuck, "argocd has a pod of before"),
        ("restart", lost, "argocd has a pod that is not ready"),
        ("unseal", lost, "vault has a pod that is not ready"),
        ("unseal", forgetful, "Vault knows nothing of the certificate that payment-gateway shows"),
        ("unseal", refused, "broken"),
        ("restart", refused, "broken"),
    ],
)
def test_whatever_goes_wrong_fails_the_trial(
    platform: Platform, tmp_path: Path, experiment: str, wrong: Callable[[Platform], None], told: str
) -> None:
    wrong(platform)
    assert told in (go(platform, tmp_path, experiment).error or "")


def test_a_part_that_does_not_serve_is_not_touched(platform: Platform, tmp_path: Path) -> None:
    platform.answers["vault"] = "sealed"
    assert "vault to serve: not after 300 s" in (go(platform, tmp_path, "unseal").error or "")
    assert platform.done == []


@pytest.mark.parametrize("experiment", ["unseal", "restart"])
def test_nothing_is_touched_where_vault_would_stay_sealed(platform: Platform, tmp_path: Path, experiment: str) -> None:
    platform.persons_open = "vault"
    assert "Vault would stay sealed" in (go(platform, tmp_path, experiment).error or "")
    assert platform.done == [], "not even Argo CD, whose turn comes first"
