"""What running the platform takes: parts of it are killed or restarted, and an answer alone is not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.experiments import EXPERIMENTS
from pov.experiments.workloads import POD
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, Cluster, World

BACK_S, LATE_S = 6.0, 2.0
LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
NEW = {"argocd": "server-2", "vault": "vault-0"}
"""A pod of a StatefulSet has the name of the one before it, one of a Deployment has not."""


@dataclass(frozen=True)
class Pod:
    uid: str
    ready: bool = True
    started: datetime = LONG_AGO


def manifest(part: str, name: str, pod: Pod) -> dict[str, Any]:
    running = {"name": part, "state": {"running": {"startedAt": timestamp(pod.started)}}}
    status = {
        "startTime": timestamp(pod.started),
        "conditions": [{"type": "Ready", "status": str(pod.ready)}],
        "containerStatuses": [running],
    }
    return {"metadata": {"name": name, "uid": pod.uid}, "status": status}


@dataclass
class Platform:
    """Two parts with pods of their own. A new pod is ready after a while, and lets somebody in a moment later."""

    world: World
    pods: dict[str, dict[str, Pod]] = field(
        default_factory=lambda: {
            "argocd": {"server-1": Pod("a1"), "repo-1": Pod("a2")},
            "vault": {"vault-0": Pod("v1")},
        }
    )
    bent: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = field(default_factory=dict)
    silent: dict[str, PovError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
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
        self.pods[part] = {}
        self._back(part)

    def restart(self, part: str) -> None:
        self.world.check("restart")
        self.done.append(("restart", part))
        if not self.stuck:
            self._back(part)

    def _back(self, part: str) -> None:
        def start() -> None:
            pod = Pod(f"{part}-new", ready=False, started=self.world.clock.wall())
            self.pods[part], self.answers[part] = {NEW[part]: pod}, "sealed"

        def ready() -> None:
            self.pods[part] = {name: replace(pod, ready=True) for name, pod in self.pods[part].items()}
            self.world.clock.after(LATE_S, lambda: self.answers.update({part: ""}))

        self.world.clock.after(1.0, start)
        if self.comes_back_:
            self.world.clock.after(BACK_S, ready)

    def lacking(self, part: str) -> str:
        return self.answers[part]

    def says(self, part: str) -> str:
        self.asked.append(part)
        if part in self.silent:
            raise self.silent[part]
        return f"{part} 1.0, open"

    def certified(self, serial: str) -> tuple[str, ...]:
        return () if self.forgets else ("a name",)


class Objects(Cluster):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        held = self._platform.pods[str(namespace)]
        gone = {"metadata": {"name": "old", "uid": "old", "deletionTimestamp": "now"}}
        return [*(manifest(str(namespace), name, pod) for name, pod in held.items()), gone]

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind != POD:
            return super().get(kind, name, namespace)
        pod = self._platform.pods.get(str(namespace), {}).get(name)
        told = manifest(str(namespace), name, pod or Pod("a1"))
        bend = self._platform.bent.get(name)
        return bend(told) if bend else told if pod else None


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


def test_pods_are_asked_for_by_name_and_parts_for_what_they_say_of_themselves(
    platform: Platform, tmp_path: Path
) -> None:
    result = go(platform, tmp_path, "restart")
    assert result.error is None
    rows = result.evidence.details["started_anew"]
    assert {part: [(row["pod"], row["uid"]) for row in rows[part]] for part in rows} == {
        "argocd": [("server-2", "argocd-new")],
        "vault": [("vault-0", "vault-new")],
    }
    assert result.evidence.details["says"] == {"argocd": "argocd 1.0, open", "vault": "vault 1.0, open"}
    assert platform.asked == ["argocd", "vault"]


def container(state: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def bend(pod: dict[str, Any]) -> dict[str, Any]:
        return {**pod, "status": {**pod["status"], "containerStatuses": [{"name": "server", "state": state}]}}

    return bend


def status(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda pod: {**pod, "status": {**pod["status"], **changes}}


def uid(other: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda pod: {**pod, "metadata": {**pod["metadata"], "uid": other}}


def as_it_is(pod: dict[str, Any]) -> dict[str, Any]:
    return pod


def nothing(pod: dict[str, Any]) -> None:
    return None


ALONE: list[tuple[str, str, Callable[[dict[str, Any]], dict[str, Any] | None], str]] = [
    ("unseal", "vault-0", nothing, "vault: the pod vault-0 stopped the clock, and is not there"),
    ("unseal", "vault-0", uid("v1"), "vault: the pod vault-0 is the one of before"),
    ("unseal", "vault-0", uid(""), "vault: the pod vault-0 has no unique id"),
    ("unseal", "vault-0", status(startTime="2026-03-01T00:00:00Z"), "began at 2026-03-01T00:00:00Z, before the trial"),
    ("unseal", "vault-0", status(startTime=None), "began at no time that is told, before the trial did"),
    ("unseal", "vault-0", status(startTime="2026-03-09T23:00:00"), "began at 2026-03-09T23:00:00, before the trial"),
    ("unseal", "vault-0", status(containerStatuses=[]), "tells of no container"),
    ("unseal", "vault-0", container({"waiting": {}}), "has a container that does not run: server"),
    ("unseal", "vault-0", container({"running": {}}), "has a container that does not run: server"),
    ("unseal", "vault-0", container({"running": {"startedAt": "2026-03-01T00:00:00Z"}}),
     "has a container from before: server, since 2026-03-01T00:00:00Z"),
    ("restart", "server-2", container({"running": {"startedAt": "soon"}}), "has a container from before: server"),
    ("restart", "server-1", as_it_is, "argocd: the pod server-1 of before is still there"),
]  # fmt: skip


@pytest.mark.parametrize(("experiment", "name", "bend", "told"), ALONE, ids=[told for *_, told in ALONE])
def test_a_list_that_says_otherwise_than_the_pods_themselves_is_not_believed(
    platform: Platform,
    tmp_path: Path,
    experiment: str,
    name: str,
    bend: Callable[[dict[str, Any]], dict[str, Any] | None],
    told: str,
) -> None:
    """What stops the clock is that list: the trial fails although it stopped."""
    platform.bent[name] = bend
    result = go(platform, tmp_path, experiment)
    assert told in (result.error or "")
    assert result.seconds is not None, "the clock had stopped"


def test_a_pod_of_before_may_still_be_on_its_way_out(platform: Platform, tmp_path: Path) -> None:
    platform.bent["server-1"] = lambda pod: {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "now"}}
    assert go(platform, tmp_path, "restart").error is None


@pytest.mark.parametrize(("experiment", "part"), [("unseal", "vault"), ("restart", "argocd"), ("restart", "vault")])
def test_a_part_that_says_it_is_sealed_or_nothing_fails_the_trial(
    platform: Platform, tmp_path: Path, experiment: str, part: str
) -> None:
    platform.silent[part] = PovError(f"{part} is sealed")
    assert f"{part} is sealed" in (go(platform, tmp_path, experiment).error or "")
