"""A namespace with a quota: through Git and Terraform or by hand, not believed, and gone again whatever happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import CriterionNotMet, PovError
from pov.experiments import EXPERIMENTS
from pov.experiments.infra_asked import LIMITS, NAMESPACE, POLICY, QUOTA
from pov.experiments.infra_by_hand import RESTRICTED, hard_of, manifests
from pov.experiments.infra_change import ASKED, name_of
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, TOOK, Cluster, Git, LegacyHosts, Runbooks, Task, World

NAMES = {
    "automated": "team-1123ab-automated-1",
    "manual": "team-1123ab-manual-1",
    "scripted": "team-1123ab-scripted-1",
}
ARMS = tuple(NAMES)
TERRAFORM_S, GOES_S = 4.0, 6.0


@dataclass
class Platform:
    """Git with what is asked for, Terraform that makes it, and a cluster that holds a quota; a test bends a part."""

    world: World
    asked: dict[str, Any] = field(default_factory=dict)
    branches: dict[str, dict[str, Any]] = field(default_factory=dict)
    head: str = "rev-0"
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    approvers: tuple[str, ...] = ("reviewer",)
    refuses: str = "exceeded quota: landing-zone"
    takes_all: bool = False
    takes_none: str = ""
    stays: bool = False
    idle: bool = False
    fails: PovError | None = None
    readied: int = 0
    hard: dict[str, str] = field(default_factory=lambda: hard_of(ASKED))
    further: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: dict(RESTRICTED))
    limited: bool = True
    shut: tuple[str, ...] = ("Ingress", "Egress")

    kubectl: Path = Path("/kubectl")
    kubeconfig: Path = Path("/kubeconfig")

    def ready(self) -> None:
        self.readied += 1

    def follow(self, revision: str) -> Any:
        assert revision == self.head, "what is applied is what main says now"
        self.followed.append(revision)
        self.world.clock.sleep(TERRAFORM_S)
        made, gone = self.asked.keys() - self.live.keys(), self.live.keys() - self.asked.keys()
        if self.idle or not made | gone:
            return None
        for name in made:
            self.make(name)
        for name in gone:
            self.delete(name)
        if self.fails is not None and made:
            raise self.fails
        return SimpleNamespace(digest="d" * 64, serial=7, plan_seconds=2.0, apply_seconds=1.5)

    def make(self, name: str) -> None:
        quotas = [self.hard, self.further] if self.further else [self.hard]
        self.live[name] = {
            NAMESPACE: [{"metadata": {"name": name, "labels": dict(self.labels)}}],
            QUOTA: [{"status": {"hard": dict(each)}} for each in quotas],
            LIMITS: [{"spec": {}}] if self.limited else [],
            POLICY: [{"spec": {"podSelector": {}, "policyTypes": list(self.shut)}}],
        }

    def delete(self, name: str) -> None:
        if not self.stays:
            self.world.clock.after(GOES_S, lambda: self.live.pop(name, None) and None)


class Copy:
    """A working copy: what is edited shows in Git once it is pushed."""

    def __init__(self, platform: Platform) -> None:
        platform.world.check("git")
        self._platform, self._edited = platform, dict(platform.asked)

    def ask_for_namespace(self, name: str, asked: Mapping[str, float]) -> None:
        self._edited[name] = dict(asked)

    def drop_namespace(self, name: str) -> bool:
        return self._edited.pop(name, None) is not None

    def commit(self, message: str) -> str:
        self._platform.commits.append(message)
        return f"c{len(self._platform.commits)}"

    def push_as(self, branch: str) -> None:
        self._platform.world.check("push")
        self._platform.branches[branch] = self._edited

    def push(self) -> None:
        self._platform.asked, self._platform.head = self._edited, f"c{len(self._platform.commits)}"

    def close(self) -> None:
        self._platform.world.closed += 1


@dataclass(frozen=True)
class Server(Git):
    platform: Platform

    def configuration(self, stage: str) -> Any:
        return Copy(self.platform)

    def head(self, stage: str) -> str:
        return self.platform.head

    def review(self, stage: str, title: str, branch: str = "") -> Any:
        self.platform.world.check("review")
        self.platform.world.clock.sleep(1.0)
        self.platform.asked, self.platform.head = self.platform.branches[branch], "merge-1"
        return SimpleNamespace(number=3, revision="merge-1", author="pov", approvers=self.platform.approvers, took=TOOK)

    def forget(self, branch: str) -> None:
        self.platform.branches.pop(branch, None)


class Objects(Cluster):
    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.world)
        self._platform = platform

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind != NAMESPACE:
            return super().get(kind, name, namespace)
        held: list[dict[str, Any]] = self._platform.live.get(name, {}).get(kind, [])
        return held[0] if held else None

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        self._world.clock.sleep(0.05)
        found: list[dict[str, Any]] = self._platform.live.get(str(namespace), {}).get(kind, [])
        return found

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0) -> bool:
        if kind != NAMESPACE:
            return super().delete(kind, name, namespace, wait_s=wait_s)
        self._platform.delete(name)
        return True

    def can_i_dry_run(
        self, manifest: Mapping[str, Any], *, as_user: str, as_groups: Sequence[str] = ()
    ) -> tuple[bool, str, tuple[str, ...]]:
        asked = manifest["spec"]["containers"][0]["resources"]["requests"]["cpu"]
        assert manifest["metadata"]["namespace"] in self._platform.live
        if self._platform.takes_none:
            return False, self._platform.takes_none, ()
        over = int(asked.removesuffix("m")) > ASKED["cpu"] * 1000
        return (False, self._platform.refuses, ()) if over and not self._platform.takes_all else (True, "", ())


class ByHand(Runbooks):
    """Applies what it is told lies in the folder of manifests."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        super().__init__(platform.world, folder)
        self._platform = platform

    def run(self, playbook: str, variables: Mapping[str, Any], *, timeout_s: float) -> list[Task]:
        assert playbook == "infra_change.yml"
        self._world.clock.sleep(2.0)
        apply_by_hand(self._platform, str(variables["space"]), Path(variables["manifests"]))
        return [Task("localhost", "namespace", 0.5), Task("localhost", "quota", 0.5)]


def apply_by_hand(platform: Platform, name: str, folder: Path) -> None:
    quota = json.loads((folder / "2-quota.yaml").read_text())
    assert quota["metadata"]["namespace"] == name
    assert quota["spec"]["hard"]["requests.cpu"] == "2"
    platform.make(name)
    if platform.fails is not None:
        raise platform.fails


@dataclass(frozen=True)
class Desk(LegacyHosts):
    platform: Platform

    def runbooks(self) -> Runbooks:
        return ByHand(self.platform, self.folder)


@pytest.fixture
def platform() -> Platform:
    found = Platform(World())

    def work(script: Any) -> None:
        found.world.clock.sleep(1.0)
        assert script.told["POV_KUBECTL"] == "/kubectl"
        assert script.told["POV_KUBECONFIG"] == "/kubeconfig"
        apply_by_hand(found, script.told["POV_SPACE"], Path(script.told["POV_MANIFESTS"]))

    found.world.script = work
    return found


def go(platform: Platform, folder: Path, arm: str) -> Result:
    world = platform.world
    any_: Any = platform
    box = replace(
        world.toolbox(folder),
        git=Server(world, platform),
        hosts=Desk(world, folder, platform),
        cluster=Objects(platform),
        infrastructure=any_,
    )
    slot = Slot("infra-change", arm, 1)
    return run_trial(slot, lambda: EXPERIMENTS["infra-change"].arms[arm].make(box, slot), world.clock)


def left(platform: Platform) -> set[str]:
    """Namespaces that somebody asks for, or that are there; and branches."""
    return {*platform.asked, *platform.live, *platform.branches}


def test_it_goes_through_git_review_and_terraform_and_is_gone_again(platform: Platform, tmp_path: Path) -> None:
    result = go(platform, tmp_path, "automated")
    assert result.error is None
    steps = {step.name: step.seconds for step in result.evidence.steps}
    assert list(steps) == [
        "commit and push",
        "asked, approved, merged",
        "merge fetched, Terraform started",
        "planned and judged",
        "that plan applied",
        "seen in the cluster",
    ]
    terraform = [steps[name] for name in list(steps)[2:5]]
    assert terraform == pytest.approx([0.5, 2.0, 1.5]), "all of the time has a name"
    assert sum(steps.values()) == pytest.approx(result.seconds)
    details = dict(result.evidence.details)
    assert (details["plan"], details["state_serial"], details["revision"]) == ("d" * 64, 7, "c1")
    assert details["reviews"][0]["approved_by"] == ["reviewer"]
    assert details["refused"] == "exceeded quota"
    assert platform.commits == [
        f"A namespace for {NAMES['automated']}",
        f"Without the namespace for {NAMES['automated']} again",
    ]
    assert platform.followed == ["merge-1", "c2"], "Terraform makes it from the merge, and takes it away from the next"
    assert platform.readied == 1, "what judges is built before the clock starts"
    assert left(platform) == set()
    assert result.evidence.traffic is not None, "what is beside it is under load"


@pytest.mark.parametrize("arm", ["manual", "scripted"])
def test_by_hand_it_is_kubectl_and_the_same_look(platform: Platform, tmp_path: Path, arm: str) -> None:
    result = go(platform, tmp_path, arm)
    assert result.error is None
    assert result.evidence.steps[-1].name == "seen in the cluster"
    assert result.evidence.details["refused"] == "exceeded quota"
    assert platform.followed == platform.commits == []
    assert platform.world.deleted == [], "no host starts anew for it"
    assert left(platform) == set()


def test_what_is_written_by_hand_is_what_git_is_asked_for() -> None:
    files = manifests("team", ASKED)
    assert list(files) == ["1-namespace.yaml", "2-quota.yaml", "3-limits.yaml", "4-deny.yaml"]
    hard = json.loads(files["2-quota.yaml"])["spec"]["hard"]
    assert (hard["requests.cpu"], hard["requests.memory"], hard["pods"], hard["services"]) == ("2", "2Gi", "10", "5")


def _same_person(platform: Platform) -> None:
    platform.approvers = ("pov",)


def _nothing_to_do(platform: Platform) -> None:
    platform.idle = True


def _refused_plan(platform: Platform) -> None:
    def refuse(revision: str) -> Any:
        platform.followed.append(revision)
        raise CriterionNotMet("the plan is refused: 96 cores")

    if not platform.followed:
        platform.follow = refuse  # type: ignore[method-assign]


def _refused_push(platform: Platform) -> None:
    platform.world.down["push"] = BROKEN


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (_same_person, "merged without anybody else's approval"),
        (_nothing_to_do, "Terraform found nothing to do"),
        (_refused_plan, "the plan is refused: 96 cores"),
        (_refused_push, "broken"),
    ],
)
def test_what_goes_wrong_on_the_way_fails_the_trial_and_leaves_git_as_it_was(
    platform: Platform, tmp_path: Path, bend: Callable[[Platform], None], told: str
) -> None:
    bend(platform)
    result = go(platform, tmp_path, "automated")
    assert told in (result.error or "")
    assert (platform.asked, platform.branches) == ({}, {})


def _half(platform: Platform) -> None:
    platform.fails = PovError("it stopped half way")


def _unbounded(platform: Platform) -> None:
    platform.takes_all = True


def _shut(platform: Platform) -> None:
    platform.takes_none = "denied: no pods here"


def _other_reason(platform: Platform) -> None:
    platform.refuses = "violates PodSecurity"


def _other_quota(platform: Platform) -> None:
    platform.hard["requests.cpu"] = "1"


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (_half, "it stopped half way"),
        (_unbounded, "takes a pod that is larger than its quota"),
        (_shut, "refuses a pod that fits into its quota"),
        (_other_reason, "for another reason than its quota"),
        (_other_quota, "has no such quota yet"),
    ],
)
def test_what_the_cluster_does_not_hold_fails_the_trial_and_nothing_stays(
    platform: Platform, tmp_path: Path, arm: str, bend: Callable[[Platform], None], told: str
) -> None:
    bend(platform)
    result = go(platform, tmp_path, arm)
    assert told in (result.error or "")
    assert left(platform) == set()


@pytest.mark.parametrize("arm", ARMS)
def test_what_stays_spoils_the_trial(platform: Platform, tmp_path: Path, arm: str) -> None:
    platform.stays = True
    assert "the namespace to go: not after 180 s" in (go(platform, tmp_path, arm).error or "")


@pytest.mark.parametrize("arm", ARMS)
def test_one_that_is_there_already_is_not_touched(platform: Platform, tmp_path: Path, arm: str) -> None:
    platform.make(NAMES[arm])
    assert f"there is a namespace {NAMES[arm]} already" in (go(platform, tmp_path, arm).error or "")
    assert set(platform.live) == {NAMES[arm]}
    assert platform.commits == []


@pytest.mark.parametrize(
    "written", [{}, {"requests.cpu": "2000m"}, {"requests.memory": "2048Mi", "limits.memory": "2147483648"}]
)
def test_a_quota_is_known_however_it_is_written(platform: Platform, tmp_path: Path, written: dict[str, str]) -> None:
    platform.hard |= written
    result = go(platform, tmp_path, "manual")
    assert result.error is None
    assert result.evidence.details["told"] == platform.hard, "what the cluster told is kept, figure by figure"


def _figure(key: str, value: str) -> Callable[[Platform], None]:
    def bend(platform: Platform) -> None:
        platform.hard[key] = value

    return bend


def _less_memory_by_another_quota(platform: Platform) -> None:
    platform.further = {"requests.memory": "64Mi"}


def _no_bound_on_services(platform: Platform) -> None:
    del platform.hard["services"]


def _any_kind_of_pod(platform: Platform) -> None:
    platform.labels = {}


def _weaker_warning(platform: Platform) -> None:
    platform.labels["pod-security.kubernetes.io/warn"] = "baseline"


def _no_limits(platform: Platform) -> None:
    platform.limited = False


def _open_to_traffic(platform: Platform) -> None:
    platform.shut = ("Ingress",)


def _several(platform: Platform) -> None:
    _no_limits(platform)
    platform.hard["services"] = "6"


OTHER: list[tuple[Callable[[Platform], None], str]] = [
    (_figure("requests.memory", "1Gi"), "requests.memory is 1Gi, not 2Gi"),
    (_figure("limits.memory", "2Ti"), "limits.memory is 2Ti, not 2Gi"),
    (_figure("limits.memory", "two"), "limits.memory is two, not 2Gi"),
    (_figure("services", "50"), "services is 50, not 5"),
    (_less_memory_by_another_quota, "requests.memory is 64Mi, not 2Gi"),
    (_no_bound_on_services, "its quota bounds no services"),
    (_any_kind_of_pod, "its label pod-security.kubernetes.io/enforce is missing, not restricted"),
    (_weaker_warning, "its label pod-security.kubernetes.io/warn is baseline, not restricted"),
    (_no_limits, "its containers have no limits"),
    (_open_to_traffic, "no policy keeps traffic out of it"),
    (_several, "services is 6, not 5; its containers have no limits"),
]


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(("bend", "told"), OTHER, ids=[told for _, told in OTHER])
def test_everything_that_was_asked_for_is_compared_after_the_clock(
    platform: Platform, tmp_path: Path, arm: str, bend: Callable[[Platform], None], told: str
) -> None:
    """CPU and number of pods stop the clock; an arm that got the rest wrong has not done the work."""
    bend(platform)
    result = go(platform, tmp_path, arm)
    assert f"{NAMES[arm]} is not as it was asked for: {told}" in (result.error or "")
    assert left(platform) == set()


def test_no_two_trials_ask_for_the_same_namespace_whatever_their_arms_are_called(tmp_path: Path) -> None:
    """Arms of an engagement's own are called as it likes: by one first letter two would share branch and namespace."""
    box = World().toolbox(tmp_path)
    longest = "m" * 30
    arms = ["automated", "automated-poll", "manual", "mine", "mine-1", "scripted", "script-2", longest]
    slots = [Slot("infra-change", arm, trial) for arm in arms for trial in (1, 11, 1000)]
    names = [name_of(replace(box, run="1129041500ab12r12"), slot) for slot in slots]
    assert len(set(names)) == len(slots)
    for name in names:
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name), "a namespace may be called so"
