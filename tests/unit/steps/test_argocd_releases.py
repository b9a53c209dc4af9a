"""Argo CD's releases that an upgrade is between: each installed as a bring-up does it, the earlier one brought in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError
from pov.bundle.earlier import Earlier
from pov.steps.argocd import install as argocd_install
from pov.steps.argocd import releases
from pov.steps.core import Outcome
from tests.unit.steps.gitops_world import OFFICIAL, World, make

PINNED, EARLIER = "registry.example:5000/argocd:3.6.1", "registry.example:5000/argocd:v3.6.0"
CONTROLLER = ("StatefulSet", "argocd-application-controller", "argocd")


class Node:
    """A cluster with some images; what it is brought is read while it is there."""

    def __init__(self, *images: str, keeps: bool = True) -> None:
        self.images = set(images)
        self.brought: list[str] = []
        self._keeps = keeps

    def has_image(self, reference: str) -> bool:
        return reference in self.images

    def bring_images(self, archive: Path) -> None:
        self.brought.append(archive.read_text())
        if self._keeps:
            self.images.add(self.brought[-1])

    def exposed(self, service: str, port: Any) -> dict[str, Any]:
        return {"type": "LoadBalancer", "ports": [dict(port)]}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = make(tmp_path, monkeypatch)
    found.ctx.bundle = SimpleNamespace(  # type: ignore[assignment]
        images={"argocd": PINNED, "redis": "redis:1"}, argocd_manifest=found.ctx.argocd_manifest
    )
    found.ctx.cluster = Node(PINNED)  # type: ignore[assignment]
    manifest = tmp_path / "earlier.yaml"
    manifest.write_text(OFFICIAL)

    def carried(*_: object) -> Earlier:
        return Earlier("3.6.0", EARLIER, manifest, lambda path: path.write_text(EARLIER) and None)

    monkeypatch.setattr(releases.bundled, "earlier", carried)
    return found


def runs(world: World) -> str:
    held = world.kube.get(*CONTROLLER)
    assert held is not None
    return str(held["spec"]["template"]["spec"]["containers"][0]["image"])


def test_the_earlier_one_is_installed_over_the_pinned_one_and_back(world: World) -> None:
    world.run(argocd_install.step())
    earlier, pinned = releases.earlier(world.ctx), releases.pinned(world.ctx)
    assert (earlier.version, pinned.version) == ("v3.6.0", "v3.6.1")
    secret = world.kube.secret("argocd-secret", "argocd")
    for release in (earlier, pinned, earlier):
        release.install()
        assert runs(world) == release.image
    assert world.kube.secret("argocd-secret", "argocd") == secret, "nobody is logged out"


def test_a_bring_up_puts_back_what_a_killed_trial_left(world: World) -> None:
    world.run(argocd_install.step())
    releases.earlier(world.ctx).install()
    assert world.run(argocd_install.step()) is Outcome.CHANGED
    assert runs(world) == PINNED
    assert world.run(argocd_install.step()) is Outcome.UNCHANGED


def test_its_image_is_brought_to_the_node_once(world: World) -> None:
    node: Any = world.ctx.cluster
    for _ in range(2):
        releases.earlier(world.ctx)
    assert node.brought == [EARLIER]


@pytest.mark.parametrize(
    ("node", "ask", "told"),
    [
        (Node(PINNED, keeps=False), releases.earlier, f"the node does not have {EARLIER} after it was imported"),
        (Node(), releases.pinned, f"the node does not have {PINNED}"),
    ],
)
def test_nothing_is_installed_whose_image_the_node_lacks(
    world: World, node: Any, ask: Callable[..., object], told: str
) -> None:
    world.ctx.cluster = node
    with pytest.raises(PovError, match=told) as caught:
        ask(world.ctx)
    assert caught.value.fix


@pytest.mark.parametrize("told", ["v3.6.1", "v3.6.1+0f1e2d3"])
def test_its_version_is_without_what_a_build_appends(world: World, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setattr(releases, "connect", lambda ctx: SimpleNamespace(version=lambda: told))
    assert releases.version(world.ctx) == "v3.6.1"
