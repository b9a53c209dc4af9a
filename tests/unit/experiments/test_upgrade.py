"""Argo CD is upgraded from the release before: what stops the clock, what is believed, what any ending leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.clock import timestamp
from pov.base.errors import PovError, Transient
from pov.engines.rest import Untrusted
from pov.experiments import EXPERIMENTS
from pov.experiments.core import have_at_hand
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import DEPLOYMENT, POD
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, OLD, ROLLOUT_S, SYNC_S, Cluster, World

BACK_S, LATE_S = 6.0, 2.0
LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
EARLIER, PINNED = "registry/argocd:3.6.0", "registry/argocd:3.6.1"
MARK = "1123ab-upgrade-automated-1"
COMMIT_S, PUSH_S = 0.1, 0.5


@dataclass(frozen=True)
class Pod:
    uid: str
    image: str
    ready: bool = True
    started: datetime = LONG_AGO


@dataclass
class Argo:
    """Argo CD: two pods of its own image and its cache. New pods are ready after a while, and answer a moment later."""

    world: World
    runs: str = PINNED
    says: str = PINNED
    pods: dict[str, Pod] = field(
        default_factory=lambda: {"server-1": Pod("a1", PINNED), "controller-0": Pod("c1", PINNED)}
    )
    answers: str = ""
    number: int = 1
    installed: list[str] = field(default_factory=list)
    stuck: str = ""
    unready: str = ""
    says_always: str = ""
    digest: Callable[[Pod], str] = field(default=lambda pod: f"sha256:{pod.image}")
    deployment: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda told: told)

    def comes_back(self, part: str) -> None:
        assert part == "argocd"

    def release(self, image: str) -> Any:
        number = f"v{image.rpartition(':')[2]}"
        return SimpleNamespace(version=number, image=image, install=lambda: self.install(image))

    def earlier(self) -> Any:
        self.world.check("earlier")
        return self.release(EARLIER)

    def pinned(self) -> Any:
        return self.release(PINNED)

    def install(self, image: str) -> None:
        self.world.check(f"install {image}")
        self.installed.append(image)
        self.world.clock.sleep(0.2)
        if image == self.runs:
            return
        self.runs, self.answers, self.number = image, "server: 0 of 1 ready", self.number + 1
        number = self.number

        def start() -> None:
            if self.stuck != image and number == self.number:
                made = {name: Pod(f"{name}-{number}", image, False, self.world.clock.wall())
                        for name in (f"server-{number}", "controller-0")}  # fmt: skip
                self.pods = made

        def ready() -> None:
            if self.unready != image and number == self.number:
                self.pods = {name: replace(pod, ready=True) for name, pod in self.pods.items()}
                self.world.clock.after(LATE_S, serve)

        def serve() -> None:
            if number == self.number:
                self.answers, self.says = "", image

        self.world.clock.after(1.0, start)
        self.world.clock.after(BACK_S, ready)

    def lacking(self, part: str) -> str:
        return self.answers

    def version(self) -> str:
        self.world.check("version")
        return self.says_always or f"v{self.says.rpartition(':')[2]}"

    def says_(self, part: str) -> str:
        return f"Argo CD {self.version()}"


class Objects(Cluster):
    def __init__(self, argo: Argo) -> None:
        super().__init__(argo.world)
        self._argo = argo

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        if namespace != "argocd":
            return super().list(kind, namespace, labels=labels)
        going = {"metadata": {"name": "old", "uid": "old", "deletionTimestamp": "now"}, "spec": {"containers": []}}
        cache = self._manifest("redis-1", Pod("r1", "registry/redis:8"))
        return [*(self._manifest(name, pod) for name, pod in self._argo.pods.items()), cache, going]

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        if kind == DEPLOYMENT:
            return self._argo.deployment(super().get(kind, name, namespace) or {})
        if kind != POD or namespace != "argocd":
            return super().get(kind, name, namespace)
        pod = self._argo.pods.get(name)
        return self._manifest(name, pod) if pod else None

    def _manifest(self, name: str, pod: Pod) -> dict[str, Any]:
        running = {"running": {"startedAt": timestamp(pod.started)}}
        digest = self._argo.digest(pod)
        return {
            "metadata": {"name": name, "uid": pod.uid},
            "spec": {"containers": [{"name": "argocd", "image": pod.image}]},
            "status": {
                "startTime": timestamp(pod.started),
                "conditions": [{"type": "Ready", "status": str(pod.ready)}],
                "containerStatuses": [{"name": "argocd", "imageID": digest, "state": running}],
            },
        }


@pytest.fixture
def argo() -> Argo:
    return Argo(World())


def boxed(argo: Argo, folder: Path) -> Toolbox:
    platform: Any = SimpleNamespace(
        comes_back=argo.comes_back, earlier=argo.earlier, pinned=argo.pinned, lacking=argo.lacking,
        version=argo.version, says=argo.says_,
    )  # fmt: skip
    return replace(argo.world.toolbox(folder), platform=platform, cluster=Objects(argo))


def go(argo: Argo, folder: Path) -> Result:
    slot, way = Slot("upgrade", "automated", 1), EXPERIMENTS["upgrade"].arms["automated"]
    box = boxed(argo, folder)
    return run_trial(slot, lambda: way.make(box, slot), argo.world.clock)


def test_the_clock_runs_from_the_manifest_until_a_commit_made_then_serves(argo: Argo, tmp_path: Path) -> None:
    result = go(argo, tmp_path)
    assert result.error is None
    assert argo.installed == [EARLIER, PINNED]
    figures = result.evidence.figures
    assert figures["upgraded_seconds"] == pytest.approx(0.2 + BACK_S + LATE_S, abs=0.2)
    assert figures["delivered_seconds"] == pytest.approx(COMMIT_S + PUSH_S + SYNC_S + ROLLOUT_S, abs=0.3)
    assert result.seconds == pytest.approx(sum(figures.values()), abs=0.05)
    steps = result.evidence.steps
    assert [step.name for step in steps] == ["applied", "every part replaced, serving", "commit, push", "delivered"]
    assert sum(step.seconds for step in steps) == pytest.approx(result.seconds, abs=0.05)


def test_what_it_went_from_and_to_and_what_was_delivered_is_kept(argo: Argo, tmp_path: Path) -> None:
    details: dict[str, Any] = dict(go(argo, tmp_path).evidence.details)
    assert details["upgrade"] == {"from": "v3.6.0", "to": "v3.6.1"}
    assert details["says"] == {"argocd": "Argo CD v3.6.1"}
    assert details["image_digests"] == [f"sha256:{PINNED}"]
    assert [row["pod"] for row in details["started_anew"]["argocd"]] == ["server-3", "controller-0"], "and no cache"
    service = argo.world.scenario.pov_services[0]
    assert details["delivered"]["service"] == service
    assert argo.world.images[service] == details["delivered"]["image"] == f"registry/mock:{MARK}"
    others = {image for name, image in argo.world.images.items() if name != service}
    assert others == {OLD}, "one service alone is changed"


def test_services_of_every_stage_are_under_load_meanwhile(argo: Argo, tmp_path: Path) -> None:
    seen = go(argo, tmp_path).evidence.traffic
    assert seen is not None
    assert seen.operation.requests > 0
    assert {edge[0] for edge in argo.world.loads[0].edges} == {"staging", "dev"}


@pytest.mark.parametrize(
    "error", [Transient("nobody"), Untrusted("Argo CD", "self-signed certificate in certificate chain")]
)
def test_who_is_not_argo_cd_is_told_nothing_and_waited_for(argo: Argo, tmp_path: Path, error: Exception) -> None:
    """Each time somebody asks for its release, the first to answer is another one."""
    asked = itertools.count()

    def check(what: str) -> None:
        if what == "version" and next(asked) % 2 == 0:
            raise error

    argo.world.check = check  # type: ignore[method-assign]
    result = go(argo, tmp_path)
    assert result.error is None
    assert next(asked) >= 6


def stuck(argo: Argo) -> None:
    argo.stuck = argo.unready = EARLIER


def lost(argo: Argo) -> None:
    argo.unready = EARLIER


def never_back(argo: Argo) -> None:
    """Nobody can help that: the clean-up says so as well, and the next bring-up finds what is declared."""
    argo.unready = PINNED


def says_another(argo: Argo) -> None:
    """Its API tells another release from the upgrade on, until somebody installs it once more."""
    argo.world.clock.hooks.append(
        lambda: setattr(argo, "says_always", "v3.5.9" if argo.installed == [EARLIER, PINNED] else "")
    )


def not_delivered(argo: Argo) -> None:
    """The trial's own commit comes to nothing; the one that takes it back comes through."""
    world = argo.world
    world.broken_sync = True
    world.clock.hooks.append(
        lambda: setattr(world, "broken_sync", not world.commits[-1:] or "Back" not in world.commits[-1])
    )


def same_image(argo: Argo) -> None:
    argo.digest = lambda pod: "sha256:one"


def another_image(argo: Argo) -> None:
    argo.digest = lambda pod: f"sha256:{pod.image}{'-other' if argo.number == 3 else ''}"


def without_digest(argo: Argo) -> None:
    argo.digest = lambda pod: "" if argo.number == 3 else f"sha256:{pod.image}"


def not_at_rest_with_the_earlier(argo: Argo) -> None:
    def look() -> None:
        argo.world.healthy = argo.says != EARLIER

    argo.world.clock.hooks.append(look)


def other_image_asked_for(argo: Argo) -> None:
    template = {"spec": {"containers": [{"name": "service", "image": "registry/mock:by-hand"}]}}
    argo.deployment = lambda told: {**told, "spec": {**told["spec"], "template": template}}


def not_rolled_out(argo: Argo) -> None:
    argo.deployment = lambda told: {**told, "status": {**told["status"], "updatedReplicas": 0}}


def somebody_commits(argo: Argo) -> None:
    """The stage is at rest at its newest commit, which is not the trial's."""
    world = argo.world

    def look() -> None:
        if MARK in world.versions["staging"].values() and world.commits[-1].startswith("Deploy"):
            world.head = world.synced = "somebody's"

    world.clock.hooks.append(look)


def not_put_in(argo: Argo) -> None:
    argo.world.down[f"install {EARLIER}"] = BROKEN


def not_pushed(argo: Argo) -> None:
    argo.world.down["push"] = BROKEN


WRONG: list[tuple[Callable[[Argo], None], str]] = [
    (stuck, "argocd to serve: not after 300 s"),
    (lost, "argocd to serve: not after 300 s"),
    (never_back, "clean-up: Argo CD: argocd to serve: not after 300 s"),
    (says_another, "argocd to serve: not after 300 s"),
    (not_delivered, f"version {MARK} of payment-gateway on every replica in staging: not after 420 s"),
    (same_image, "both releases of Argo CD run the same image: sha256:one"),
    (another_image, "Argo CD's pods do not run the image that they ran before the trial"),
    (without_digest, f"does not tell that it runs {PINNED}"),
    (not_at_rest_with_the_earlier, "Argo CD's application staging: not after 240 s"),
    (
        other_image_asked_for,
        "payment-gateway is to run registry/mock:by-hand in the cluster, not registry/mock:" + MARK,
    ),
    (not_rolled_out, "payment-gateway is not rolled out"),
    (somebody_commits, "staging is at somebody, not at rev-1"),
    (not_put_in, "broken"),
    (not_pushed, "broken"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=[wrong.__name__ for wrong, _ in WRONG])
def test_whatever_goes_wrong_fails_the_trial_and_leaves_the_pinned_release(
    argo: Argo, tmp_path: Path, wrong: Callable[[Argo], None], told: str
) -> None:
    wrong(argo)
    result = go(argo, tmp_path)
    assert told in (result.error or "")
    assert argo.runs == PINNED
    assert {pod.image for pod in argo.pods.values()} == {PINNED}


def test_a_change_that_was_not_delivered_is_taken_back_by_an_argo_cd_that_is_whole(argo: Argo, tmp_path: Path) -> None:
    not_delivered(argo)
    assert "clean-up" not in (go(argo, tmp_path).error or "")
    assert set(argo.world.images.values()) == {OLD}
    assert argo.world.commits[-1] == "Back to the state before trial 1 of upgrade"
    assert argo.world.closed == 2
    assert argo.world.synced == argo.world.head, "and waited for"
    calls = [call for call in argo.world.calls if call == "push" or call.startswith("install")]
    put_in = f"install {PINNED}"
    assert calls == [f"install {EARLIER}", put_in, "push", put_in, "push", put_in], "it is whole before it is asked"


def test_no_clock_starts_before_the_earlier_release_has_every_stage_at_rest(argo: Argo, tmp_path: Path) -> None:
    not_at_rest_with_the_earlier(argo)
    assert go(argo, tmp_path).seconds is None


def test_a_webhook_that_a_poll_left_off_is_on_again(argo: Argo, tmp_path: Path) -> None:
    argo.world.hook = False
    assert go(argo, tmp_path).evidence.figures["delivered_seconds"] < 30


def test_another_release_than_the_pinned_one_is_left_as_it_is(argo: Argo, tmp_path: Path) -> None:
    argo.says_always = "v3.7.0"
    assert "Argo CD v3.7.0 runs, and v3.6.1 was to" in (go(argo, tmp_path).error or "")
    assert argo.installed == []


def test_the_release_before_is_had_once_before_the_first_trial(argo: Argo, tmp_path: Path) -> None:
    names = ("deploy", "upgrade", "unseal", "upgrade")
    have_at_hand(boxed(argo, tmp_path), [EXPERIMENTS[name] for name in names])
    assert argo.world.calls.count("earlier") == 1
    assert argo.installed == []


def test_a_release_before_that_cannot_be_had_touches_nothing(argo: Argo, tmp_path: Path) -> None:
    argo.world.down["earlier"] = PovError("no module")
    assert "no module" in (go(argo, tmp_path).error or "")
    assert argo.installed == []


def test_without_a_release_before_there_is_no_upgrade(argo: Argo, tmp_path: Path) -> None:
    argo.earlier = argo.pinned  # type: ignore[method-assign]
    assert "there is no release before Argo CD v3.6.1" in (go(argo, tmp_path).error or "")
    assert argo.installed == []


def test_a_pod_that_does_not_answer_for_a_moment_is_waited_for(argo: Argo, tmp_path: Path) -> None:
    def once() -> None:
        argo.world.down["version"] = Transient("no answer")
        argo.world.clock.after(1.0, lambda: argo.world.down.pop("version", None))

    argo.world.clock.after(8.0, once)
    assert go(argo, tmp_path).error is None


@pytest.mark.parametrize(
    ("where", "installed"),
    [("version", 1), (f"install {PINNED}", 1), ("version", 2), ("push", 2), ("prober", 2)],
    ids=[
        "in set-up",
        "while it is applied",
        "while pods are replaced",
        "while a commit is pushed",
        "before it is seen",
    ],
)
def test_ctrl_c_leaves_the_pinned_release_and_waits_for_nothing(
    argo: Argo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, installed: int
) -> None:
    check, pressed = argo.world.check, list[float]()

    def press(what: str) -> None:
        check(what)
        if what == where and len(argo.installed) == installed and not pressed:
            pressed.append(argo.world.now)
            raise KeyboardInterrupt

    monkeypatch.setattr(argo.world, "check", press)
    with pytest.raises(KeyboardInterrupt):
        go(argo, tmp_path)
    assert argo.runs == argo.installed[-1] == PINNED
    assert argo.world.now - pressed[0] < 1.0
