"""A new service in every stage: what is done, what is not believed, and that all of it goes again whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.experiments import EXPERIMENTS
from pov.experiments.provision import KINDS
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, TOOK, Cluster, Identity, Prober, World

NAME = "new-1123ab-1"
STAGES = [{"name": "staging"}, {"name": "dev", "services": "pov"}, {"name": "prod", "services": "pov"}]
FOLLOW_S = 10.0


@dataclass
class Platform:
    """Git with two branches, Vault's accounts, and an Argo CD that follows after a while; new services by name."""

    world: World
    main: set[str] = field(default_factory=set)
    prod: set[str] = field(default_factory=set)
    live: dict[str, set[str]] = field(default_factory=lambda: {"dev": set(), "staging": set(), "prod": set()})
    accounts: set[str] = field(default_factory=set)
    heads: dict[str, str] = field(default_factory=lambda: {"main": "m0", "prod": "p0"})
    commits: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    alone: bool = False
    pods: int = 1
    bad_certificate: bool = False
    prunes: bool = True

    def admit(self, name: str) -> None:
        self.world.check("vault")
        self.order.append("admit")
        self.accounts.add(name)

    def withdraw(self) -> None:
        self.order.append("withdraw")
        self.accounts.clear()

    def configuration(self, stage: str) -> Copy:
        self.world.check("git")
        return Copy(self, set(self.main))

    def webhook(self, on: bool) -> None:
        self.world.hook = on

    def head(self, stage: str) -> str:
        return self.heads["prod" if stage == "prod" else "main"]

    def review(self, stage: str, title: str, branch: str = "") -> Any:
        self.world.check("review")
        self.world.clock.sleep(2.0)
        self.asked.append((stage, title))
        self.prod, self.heads["prod"] = set(self.main), f"merge-{len(self.asked)}"
        self.follow()
        approvers = ("pov",) if self.alone else ("reviewer",)
        return SimpleNamespace(number=7, revision=self.heads["prod"], author="pov", approvers=approvers, took=TOOK)

    def follow(self) -> None:
        def now() -> None:
            for stage, held in self.live.items():
                wanted = self.prod if stage == "prod" else self.main
                held |= wanted
                if self.prunes:
                    held &= wanted

        self.world.clock.after(FOLLOW_S, now)

    def state(self, stage: str) -> Any:
        head = self.head(stage)
        return SimpleNamespace(missing=lambda revision: "" if revision == head else f"{stage} is at {head}")


@dataclass
class Copy:
    platform: Platform
    edited: set[str]

    def add_service(self, name: str, stages: Sequence[str]) -> None:
        assert list(stages) == [name for name in ("dev", "staging", "prod") if name in self.platform.live]
        self.edited.add(name)

    def remove_service(self, name: str, stages: Sequence[str]) -> bool:
        there = name in self.edited
        self.edited.discard(name)
        return there

    def commit(self, message: str) -> str:
        self.platform.commits.append(message)
        self.platform.order.append("commit")
        return f"c{len(self.platform.commits)}"

    def push(self) -> None:
        self.platform.world.check("push")
        self.platform.main = set(self.edited)
        self.platform.heads["main"] = f"c{len(self.platform.commits)}"
        self.platform.follow()

    def close(self) -> None:
        self.platform.world.closed += 1


class Eyes(Prober):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def identify(self, estate: str, services: Sequence[str] = (), *, unlisted: bool = False) -> list[Identity]:
        if NAME not in services:
            return super().identify(estate, services)
        assert unlisted, "it is on no list"
        self._platform.world.clock.sleep(0.05)
        serves = NAME in self._platform.live[estate] and NAME in self._platform.accounts
        return [Identity(NAME, "1.0.0", "ab", "" if serves else "resolve: no replica")]


class Objects(Cluster):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind not in KINDS or name != NAME:
            return super().get(kind, name, namespace)
        if NAME not in self._platform.live[str(namespace)]:
            return None
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
        return {"metadata": {"name": name}, "spec": {"replicas": 1}, "status": counts}

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        up = {"ready": True, "started": True}
        agent = {"name": "agent", **up, "started": not self._platform.bad_certificate}
        status = {"initContainerStatuses": [agent], "containerStatuses": [{"name": "service", **up}]}
        return [{"metadata": {"name": f"{NAME}-{n}"}, "status": status} for n in range(self._platform.pods)]


@pytest.fixture
def platform() -> Platform:
    return Platform(World(stages=STAGES))


def box_of(platform: Platform, folder: Path) -> Toolbox:
    any_: Any = platform
    eyes: Any = Eyes(platform)
    return replace(
        platform.world.toolbox(folder),
        git=any_,
        delivery=any_,
        accounts=any_,
        cluster=Objects(platform),
        prober=lambda: eyes,
    )


def go(platform: Platform, folder: Path) -> Result:
    slot, box = Slot("provision", "automated", 1), box_of(platform, folder)
    way = EXPERIMENTS["provision"].arms["automated"]
    return run_trial(slot, lambda: way.make(box, slot), platform.world.clock)


def left(platform: Platform) -> Mapping[str, Any]:
    """Where something of the new service is."""
    places = {"main": platform.main, "prod's branch": platform.prod, "Vault": platform.accounts, **platform.live}
    return {place: held for place, held in places.items() if held}


def test_it_comes_to_every_stage_and_goes_again(platform: Platform, tmp_path: Path) -> None:
    result = go(platform, tmp_path)
    assert result.error is None
    assert [step.name for step in result.evidence.steps] == [
        "admitted to certificates",
        "commit and push",
        "dev: seen by prober",
        "staging: seen by prober",
        "prod: asked, approved, merged",
        "prod: seen by prober",
    ]
    figures = dict(result.evidence.figures)
    assert FOLLOW_S <= figures["dev_seconds"] <= figures["staging_seconds"] < FOLLOW_S + 2
    assert figures["prod_seconds"] >= figures["staging_seconds"] + 2.0 + FOLLOW_S
    assert platform.commits == [f"New service {NAME} in dev, staging, prod", f"Without {NAME} again"]
    assert platform.asked == [("prod", f"New service {NAME} in prod"), ("prod", f"Without {NAME} again")]
    assert platform.order == ["admit", "commit", "commit", "withdraw"], "nobody is told of it before it may have one"
    assert platform.world.executed == [], "prod admits no look from inside a pod"
    assert left(platform) == {}
    details = dict(result.evidence.details)
    assert details["revision"] == "c1", "whoever verifies the run looks it up"
    review = {"stage": "prod", "pull": 7, "revision": "merge-1", "author": "pov", "approved_by": ["reviewer"]}
    assert details["reviews"] == [{**review, "seconds": TOOK}]
    seen = result.evidence.traffic
    assert seen is not None
    assert seen.operation.requests > 0, "the services beside it are under load"


def test_without_prod_there_is_nothing_to_review(tmp_path: Path) -> None:
    platform = Platform(World(stages=STAGES[:2]), live={"dev": set(), "staging": set()})
    result = go(platform, tmp_path)
    assert result.error is None
    assert (platform.asked, left(platform)) == ([], {})


def refuse_vault(platform: Platform) -> None:
    platform.world.down["vault"] = BROKEN


def refuse_push(platform: Platform) -> None:
    platform.world.down["push"] = BROKEN


def approve_oneself(platform: Platform) -> None:
    platform.alone = True


def lack_a_pod(platform: Platform) -> None:
    platform.pods = 0


def break_certificate(platform: Platform) -> None:
    platform.bad_certificate = True


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (refuse_vault, "broken"),
        (refuse_push, "broken"),
        (approve_oneself, "pull request 7 was merged without anybody else's approval"),
        (lack_a_pod, f"{NAME} has 0 pods in dev, not 1"),
        (break_certificate, f"{NAME} in dev: the kubelet does not call its agent ready"),
    ],
)
def test_whatever_goes_wrong_fails_the_trial_and_nothing_stays(
    platform: Platform, tmp_path: Path, wrong: Callable[[Platform], None], told: str
) -> None:
    wrong(platform)
    result = go(platform, tmp_path)
    assert told in (result.error or "")
    assert left(platform) == {}


def test_a_commit_that_did_not_arrive_is_not_named_as_one_that_was_deployed(platform: Platform, tmp_path: Path) -> None:
    refuse_push(platform)
    details = go(platform, tmp_path).evidence.details
    assert not {"revision", "reviews"} & set(details)


def test_a_prod_that_refuses_the_merge_leaves_nothing_either(platform: Platform, tmp_path: Path) -> None:
    first = platform.review

    def once(stage: str, title: str, branch: str = "") -> Any:
        if not title.startswith("Without"):
            raise PovError("the merge is refused")
        return first(stage, title, branch)

    platform.review = once  # type: ignore[method-assign]
    result = go(platform, tmp_path)
    assert "the merge is refused" in (result.error or "")
    assert left(platform) == {}


def test_an_interrupt_takes_it_away_without_waiting(platform: Platform, tmp_path: Path) -> None:
    seconds: list[float] = []

    def interrupt() -> None:
        seconds.append(platform.world.now)
        raise KeyboardInterrupt

    platform.world.clock.after(FOLLOW_S + 1.5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        go(platform, tmp_path)
    assert platform.world.now - seconds[0] < FOLLOW_S / 2
    assert (platform.main, platform.prod, platform.accounts) == (set(), set(), set())


def test_what_stays_in_a_stage_spoils_the_trial(platform: Platform, tmp_path: Path) -> None:
    platform.prunes = False
    assert "the new service to go: not after 240 s" in (go(platform, tmp_path).error or "")


def test_one_that_is_there_already_is_not_touched(platform: Platform, tmp_path: Path) -> None:
    platform.live["prod"].add(NAME)
    result = go(platform, tmp_path)
    assert f"there is a {NAME} already: apps/v1/Deployment in prod" in (result.error or "")
    assert (platform.commits, platform.order) == ([], [])


def test_one_that_nobody_admitted_is_not_seen(platform: Platform, tmp_path: Path) -> None:
    platform.admit = lambda name: None  # type: ignore[method-assign]
    assert f"{NAME} on every replica in dev: not after 420 s" in (go(platform, tmp_path).error or "")
    assert left(platform) == {}
