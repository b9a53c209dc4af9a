from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.experiments import EXPERIMENTS
from pov.experiments.toolbox import Toolbox
from pov.measure.order import Slot
from pov.measure.trials import Result, run_trial
from tests.unit.experiments.world import BROKEN, OLD, TOOK, Cluster, Identity, Prober, World

STAGES = [{"name": "staging"}, {"name": "dev", "services": "pov"}, {"name": "prod", "services": "pov"}]
FOLLOW_S = 10.0
Images = dict[str, dict[str, str]]


@dataclass
class Server:
    """A Git server with two branches, and an Argo CD that follows each after a while."""

    world: World
    main: Images
    prod: dict[str, str]
    live: Images
    branches: dict[str, Images] = field(default_factory=dict)
    merges: list[tuple[str, str]] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=lambda: {"main": "m0", "prod": "p0"})
    commits: list[str] = field(default_factory=list)
    hook: bool = False
    alone: bool = False
    follows: bool = True

    def configuration(self, stage: str) -> Copy:
        self.world.check("git")
        return Copy(self, stage, {name: dict(images) for name, images in self.main.items()})

    def webhook(self, on: bool) -> None:
        self.hook = on

    def head(self, stage: str) -> str:
        return self.heads["prod" if stage == "prod" else "main"]

    def review(self, stage: str, title: str, branch: str = "") -> Any:
        self.world.check("review")
        self.world.clock.sleep(2.0)
        held = self.branches[branch] if branch else self.main
        self.merges.append((branch or "main", stage))
        revision = f"merge-{len(self.merges)}"
        if stage == "prod":
            self.prod, self.heads["prod"] = dict(held["prod"]), revision
        else:
            self.main, self.heads["main"] = held, revision
        self.follow()
        approvers = ("pov",) if self.alone else ("reviewer",)
        return SimpleNamespace(number=len(self.merges), revision=revision, author="pov", approvers=approvers, took=TOOK)

    def forget(self, branch: str) -> None:
        self.branches.pop(branch, None)

    def follow(self) -> None:
        wanted = {**self.main, "prod": self.prod}
        if self.follows:
            self.world.clock.after(FOLLOW_S, lambda: self.live.update({k: dict(v) for k, v in wanted.items()}))

    def state(self, stage: str) -> Any:
        wanted = self.prod if stage == "prod" else self.main[stage]
        head = self.head(stage)

        def missing(revision: str) -> str:
            return "" if revision == head and self.live[stage] == wanted else f"{stage} is at {head}"

        return SimpleNamespace(missing=missing)


@dataclass
class Copy:
    server: Server
    stage: str
    edited: Images

    def head(self) -> str:
        return self.server.heads["main"]

    def images(self) -> Mapping[str, str]:
        return self.edited[self.stage]

    def set_images(self, images: Mapping[str, str]) -> None:
        self.edited[self.stage] |= images

    def of(self, stage: str) -> Copy:
        return Copy(self.server, stage, self.edited)

    def commit(self, message: str) -> str:
        self.server.commits.append(message)
        self.server.world.clock.sleep(0.1)
        return f"c{len(self.server.commits)}"

    def push(self) -> None:
        self.server.main = {name: dict(images) for name, images in self.edited.items()}
        self.server.heads["main"] = f"c{len(self.server.commits)}"
        self.server.follow()

    def push_as(self, branch: str) -> None:
        self.server.branches[branch] = {name: dict(images) for name, images in self.edited.items()}

    def close(self) -> None:
        self.server.world.closed += 1


class Eyes(Prober):
    def __init__(self, server: Server) -> None:
        super().__init__(server.world)
        self._server = server

    def identify(self, estate: str, services: Sequence[str] = ()) -> list[Identity]:
        rows = super().identify(estate, services)
        live = self._server.live.get(estate, {})
        return [replace(row, version=live.get(row.service, "x:1").rpartition(":")[2]) for row in rows]


class Deployments(Cluster):
    def __init__(self, server: Server) -> None:
        super().__init__(server.world)
        self._server = server

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        container = {"name": "service", "image": self._server.live[namespace or ""][name]}
        done = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
        spec = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
        return {"metadata": {"name": name}, "spec": spec, "status": done}


class Stages:
    def __init__(self, folder: Path, stages: list[dict[str, Any]]) -> None:
        self.world = World(stages=stages)
        images = {e.name: dict.fromkeys(e.services, OLD) for e in self.world.estates if e.kind == "gitops"}
        live = {name: dict(held) for name, held in images.items()}
        self.server = Server(self.world, images, dict(images.get("prod", {})), live)
        self.folder = folder

    @property
    def box(self) -> Toolbox:
        return replace(
            self.world.toolbox(self.folder),
            git=self.server,
            delivery=self.server,
            cluster=Deployments(self.server),
            prober=lambda: Eyes(self.server),
        )

    def go(self) -> Result:
        slot = Slot("promote", "automated", 1)
        make = EXPERIMENTS["promote"].arms["automated"].make
        return run_trial(slot, lambda: make(self.box, slot), self.world.clock)


VERSION = "1123ab-promote-automated-1"
NEW = f"registry/mock:{VERSION}"


def test_a_version_goes_from_stage_to_stage_by_review(tmp_path: Path) -> None:
    stages = Stages(tmp_path, STAGES)
    result = stages.go()
    assert result.error is None
    assert stages.server.merges == [(f"promote-{VERSION}", "staging"), ("main", "prod")]
    proof = stages.world.scenario.pov_services
    assert all(stages.server.live[stage][name] == NEW for stage in ("dev", "staging", "prod") for name in proof)
    assert stages.server.live["staging"]["ledger"] == OLD, "not under proof"
    assert stages.server.branches == {}
    assert stages.server.hook
    assert result.evidence.details["revision"] == "c2", "after the commit to the first stage"
    reviews: Any = result.evidence.details["reviews"]
    assert [(r["stage"], r["author"], r["approved_by"]) for r in reviews] == [
        ("staging", "pov", ["reviewer"]),
        ("prod", "pov", ["reviewer"]),
    ]


def test_each_stage_has_its_time_and_the_steps_add_up(tmp_path: Path) -> None:
    result = Stages(tmp_path, STAGES).go()
    figures = result.evidence.figures
    assert figures["staging_seconds"] == pytest.approx(0.1 + 2 + FOLLOW_S, abs=0.3)
    assert figures["prod_seconds"] == pytest.approx(0.1 + 2 * (2 + FOLLOW_S), abs=0.5)
    assert figures["review_seconds"] == 2 * sum(TOOK.values())
    assert [row["seconds"] for row in result.evidence.details["reviews"]] == [TOOK, TOOK]  # type: ignore[attr-defined]
    assert result.seconds == pytest.approx(figures["prod_seconds"], abs=0.01)
    assert sum(step.seconds for step in result.evidence.steps) == pytest.approx(result.seconds, abs=0.01)


def test_the_load_is_on_every_stage_that_the_version_comes_to(tmp_path: Path) -> None:
    stages = Stages(tmp_path, STAGES)
    stages.go()
    assert stages.world.loads[0].estates == ("staging", "prod")


def test_two_stages_are_enough_and_one_is_not(tmp_path: Path) -> None:
    two = Stages(tmp_path, STAGES[:2])
    assert two.go().error is None
    assert [stage for _, stage in two.server.merges] == ["staging"]
    assert "there is one stage alone" in (Stages(tmp_path, STAGES[:1]).go().error or "")


def test_a_merge_that_nobody_else_approved_is_no_promotion(tmp_path: Path) -> None:
    stages = Stages(tmp_path, STAGES)
    stages.server.alone = True
    result = stages.go()
    assert "pull request 1 was merged without anybody else's approval" in (result.error or "")
    assert stages.server.live == {name: dict.fromkeys(held, OLD) for name, held in stages.server.live.items()}


def test_a_refused_review_leaves_no_branch_and_the_images_from_before(tmp_path: Path) -> None:
    stages = Stages(tmp_path, STAGES)
    stages.world.down["review"] = BROKEN
    result = stages.go()
    assert result.error == "broken (because)"
    assert not {"revision", "reviews"} & set(result.evidence.details), "the branch went, and its commit with it"
    assert stages.server.branches == {}
    assert set(stages.server.live["dev"].values()) == {OLD}
    assert stages.server.commits[-1] == "Back to the state before trial 1 of promote"


def test_a_merge_that_is_never_seen_is_named_all_the_same(tmp_path: Path) -> None:
    stages = Stages(tmp_path, STAGES)
    first = stages.server.review

    def stuck(stage: str, title: str, branch: str = "") -> Any:
        stages.server.follows = not branch
        return first(stage, title, branch)

    stages.server.review = stuck  # type: ignore[method-assign]
    details = stages.go().evidence.details
    assert details["revision"] == "c2"
    reviews: Any = details["reviews"]
    assert [(row["stage"], row["revision"]) for row in reviews] == [("staging", "merge-1")]
