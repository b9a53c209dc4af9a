"""A whole new stage: what is done, what is not believed, and that all of it goes again whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.config.estates import Estate
from pov.experiments import EXPERIMENTS
from pov.experiments.new_stage import APPLICATION, BINDING, LIMITS, NAMESPACE, POLICY, QUOTA, take_away
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, Cluster, Identity, Prober, World

PARTS = ("landing_zone", "vault", "git_repository", "argocd")
STEP_S, FOLLOW_S, GONE_S = 2.0, 10.0, 5.0


@dataclass
class Platform:
    """Brought to what is declared at once; Argo CD follows after a while, and so does what goes."""

    world: World
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    order: list[tuple[str, bool]] = field(default_factory=list)
    serves: bool = False
    namespace: bool = False
    application: bool = False
    credentials: bool = False
    stays: bool = False
    missing: str = ""
    issued: bool = True
    ready: bool = True
    labels: dict[str, str] = field(default_factory=lambda: {"pod-security.kubernetes.io/enforce": "restricted"})
    bound: tuple[str, ...] = ("dev", "qa", "staging")
    used: int = 3

    def bring(self, part: str, further: Sequence[Estate] = ()) -> None:
        self.order.append((part, bool(further)))
        self.world.check(part)
        self.world.clock.sleep(STEP_S)
        self.held[part] = tuple(stage.name for stage in further)
        if further:
            self.namespace |= part == "landing_zone"
            self.credentials |= part == "vault"
            self.application |= part == "argocd"
            if part == "argocd":
                self.world.clock.after(FOLLOW_S, self.follow)
        else:
            self.world.clock.after(GONE_S, self.follow)

    def follow(self) -> None:
        if not self.stays:
            self.namespace, self.application = bool(self.held.get("landing_zone")), bool(self.held.get("argocd"))
        self.serves = all(self.held.get(part) for part in PARTS)

    def forget(self, stage: Estate) -> None:
        self.order.append(("forget", False))
        self.credentials = False

    def certified(self, serial: str) -> tuple[str, ...]:
        return (f"spiffe://pov.dev/ns/qa/sa/{serial}",) if self.issued else ()


class Eyes(Prober):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def identify(self, estate: str, services: Sequence[str] = (), *, unlisted: bool = False) -> list[Identity]:
        if estate != "qa":
            return super().identify(estate, services)
        assert self._platform.held.get("prober") == ("qa",), "it was told of no such estate"
        self._platform.world.clock.sleep(0.05)
        error = "" if self._platform.serves else "resolve: no replica"
        return [Identity(name, "1.0.0", name, error) for name in services]


class Objects(Cluster):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        held = self._platform
        if kind == NAMESPACE:
            return {"metadata": {"labels": held.labels}} if held.namespace else None
        if kind == APPLICATION and name == "qa" and not held.application:
            return None
        if kind == BINDING:
            values = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(held.bound)}
            return {"spec": {"matchResources": {"namespaceSelector": {"matchExpressions": [values]}}}}
        if namespace == "qa":
            counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
            return {"metadata": {"name": name}, "spec": {"replicas": 1}, "status": counts}
        return super().get(kind, name, namespace)

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        if kind in {QUOTA, LIMITS, POLICY}:
            return [] if self._platform.missing == kind else [{"status": {"used": {"pods": str(self._platform.used)}}}]
        up = {"ready": self._platform.ready, "started": True}
        status = {"initContainerStatuses": [{"name": "agent", **up}], "containerStatuses": [{"name": "service", **up}]}
        return [{"metadata": {"name": "one"}, "status": status}]


class Git:
    def __init__(self, world: World) -> None:
        self._world = world

    def webhook(self, on: bool) -> None:
        self._world.hook = on

    def head(self, stage: str) -> str:
        return "c1"


@pytest.fixture
def platform() -> Platform:
    return Platform(World())


def boxed(platform: Platform, folder: Path) -> Toolbox:
    any_: Any = platform
    git: Any = Git(platform.world)
    delivery: Any = SimpleNamespace(state=lambda stage: SimpleNamespace(missing=lambda revision: ""))
    return replace(
        platform.world.toolbox(folder),
        git=git,
        delivery=delivery,
        platform=any_,
        cluster=Objects(platform),
        prober=lambda: Eyes(platform),
    )


def go(platform: Platform, folder: Path) -> Result:
    box = boxed(platform, folder)
    slot, way = Slot("new-stage", "automated", 1), EXPERIMENTS["new-stage"].arms["automated"]
    return run_trial(slot, lambda: way.make(box, slot), platform.world.clock)


def left(platform: Platform) -> list[str]:
    """What is left of the stage, and where."""
    there = [part for part, stages in platform.held.items() if stages]
    kept = {"namespace": platform.namespace, "application": platform.application, "credentials": platform.credentials}
    return there + [name for name, held in kept.items() if held]


def test_it_comes_by_the_bring_ups_own_steps_and_goes_again(platform: Platform, tmp_path: Path) -> None:
    result = go(platform, tmp_path)
    assert result.error is None
    assert [step.name for step in result.evidence.steps] == [
        "Terraform: namespace, quota, limits, policies",
        "Vault: accounts, credentials",
        "commit, push, prod by review",
        "Argo CD told of it",
        "seen by prober",
    ]
    assert result.seconds == pytest.approx(4 * STEP_S + FOLLOW_S, abs=0.5)
    assert sum(step.seconds for step in result.evidence.steps) == pytest.approx(result.seconds, abs=0.01)
    assert result.evidence.details["services"] == list(platform.world.scenario.pov_services)
    assert result.evidence.details["revision"] == "c1"
    back = [("argocd", False), ("git_repository", False), ("landing_zone", False), ("forget", False), ("vault", False)]
    assert platform.order == [("prober", True), *((part, True) for part in PARTS), *back, ("prober", False)]
    assert left(platform) == []
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.requests > 0, "the other stages are under load"
    assert {edge[0] for edge in platform.world.loads[0].edges} == {"staging", "dev"}
    assert platform.world.executed == [], "nobody looks from inside a pod"


def no_restriction(platform: Platform) -> None:
    platform.labels = {}


def no_quota(platform: Platform) -> None:
    platform.missing = QUOTA


def no_limits(platform: Platform) -> None:
    platform.missing = LIMITS


def no_network_policy(platform: Platform) -> None:
    platform.missing = POLICY


def idle_quota(platform: Platform) -> None:
    platform.used = 2


def unbound(platform: Platform) -> None:
    platform.bound = ("dev", "qa2", "staging")


def unready(platform: Platform) -> None:
    platform.ready = False


def another_issuer(platform: Platform) -> None:
    platform.issued = False


def no_application(platform: Platform) -> None:
    def refused() -> None:
        back = ("argocd", False) in platform.order or ("argocd", True) in platform.order
        platform.world.down = {} if back else {"argocd": BROKEN}

    platform.world.clock.hooks.append(refused)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (no_restriction, "qa takes pods of every kind"),
        (no_quota, "qa has no ResourceQuota"),
        (no_limits, "qa has no LimitRange"),
        (no_network_policy, "qa has no NetworkPolicy"),
        (idle_quota, "qa's quota counts no 3 pods: it is not in force"),
        (unbound, "no policy tells of changes by hand in qa"),
        (unready, "payment-gateway in qa: the kubelet does not call its agent ready"),
        (another_issuer, "Vault has issued no certificate payment-gateway for payment-gateway in qa"),
        (no_application, "broken"),
    ],
)
def test_whatever_goes_wrong_fails_the_trial_and_nothing_stays(
    platform: Platform, tmp_path: Path, wrong: Callable[[Platform], None], told: str
) -> None:
    wrong(platform)
    assert told in (go(platform, tmp_path).error or "")
    assert left(platform) == []


def test_a_way_back_that_fails_spoils_the_trial_and_the_others_are_gone(platform: Platform, tmp_path: Path) -> None:
    def fail() -> None:
        if ("argocd", False) in platform.order:
            platform.world.down["git_repository"] = BROKEN

    platform.world.clock.hooks.append(fail)
    assert "clean-up: new stage: git_repository: broken" in (go(platform, tmp_path).error or "")
    assert left(platform) == ["git_repository"]


def test_what_stays_spoils_the_trial(platform: Platform, tmp_path: Path) -> None:
    platform.world.clock.hooks.append(lambda: setattr(platform, "stays", ("argocd", False) in platform.order))
    assert "the new stage to go: not after 240 s" in (go(platform, tmp_path).error or "")


def test_one_that_is_there_already_is_not_touched(platform: Platform, tmp_path: Path) -> None:
    platform.namespace = True
    assert "there is a stage qa already" in (go(platform, tmp_path).error or "")
    assert platform.order == []


def test_an_interrupt_takes_it_away_and_waits_for_nothing(platform: Platform, tmp_path: Path) -> None:
    seconds: list[float] = []

    def interrupt() -> None:
        seconds.append(platform.world.now)
        raise KeyboardInterrupt

    platform.world.clock.hooks.append(lambda: None if seconds or not platform.serves else interrupt())
    with pytest.raises(KeyboardInterrupt):
        go(platform, tmp_path)
    assert [part for part, stages in platform.held.items() if stages] == []
    assert platform.world.now - seconds[0] < 6 * STEP_S


def killed_after(platform: Platform, parts: Sequence[str]) -> None:
    """What a trial leaves that was killed after so many of its steps: the prober had been told first."""
    stage = Estate("qa", "gitops", "qa", (), (), 1)
    for part in ("prober", *parts):
        platform.bring(part, (stage,))
    platform.order.clear()


@pytest.mark.parametrize("steps", range(len(PARTS) + 1))
def test_what_a_killed_trial_left_goes_however_far_it_had_come(platform: Platform, tmp_path: Path, steps: int) -> None:
    killed_after(platform, PARTS[:steps])
    assert take_away(boxed(platform, tmp_path)) == ()
    assert left(platform) == []
    assert [part for part, _ in platform.order] == [
        "argocd", "git_repository", "landing_zone", "forget", "vault", "prober"
    ]  # fmt: skip


def test_what_cannot_be_taken_away_is_told_and_the_prober_still_knows_of_it(platform: Platform, tmp_path: Path) -> None:
    killed_after(platform, PARTS)
    platform.world.down["landing_zone"] = BROKEN
    platform.stays = True
    problems = take_away(boxed(platform, tmp_path))
    assert problems[0].startswith("new stage: landing_zone: broken")
    assert "the new stage to go: not after 240 s" in problems[1]
    assert platform.held["prober"] == ("qa",), "by that the next one knows of it"
    assert not platform.credentials, "each step back whatever became of the others"
