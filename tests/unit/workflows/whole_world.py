"""Everything that `pov up` meets, in memory: a further target, and every engine of the plan behind it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pov.model.events import Event
from pov.state.home import Home
from pov.steps.context import Context
from pov.steps.core import Outcome, Report
from pov.steps.git import server as git
from pov.steps.landing_zone import step as landing_zone
from pov.steps.services import prober, verify
from pov.steps.targets import TARGETS
from pov.workflows import up
from tests.fakes.argocd import FakeRest
from tests.fakes.cluster import FakeCluster
from tests.fakes.gitea import FakeServer
from tests.fakes.kube import FakeKube
from tests.fakes.prober import FakeProber
from tests.fakes.vault import Server
from tests.unit.steps.gitops_world import OFFICIAL, play_engines
from tests.unit.steps.vault_world import play_cluster, play_engine

TARGET = "memory"


class Argo(FakeRest):
    """Syncs at once whatever its ApplicationSet names, to what the branch holds."""

    def __init__(self) -> None:
        super().__init__()
        self.repository = Path()

    def call(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        if path.startswith("/api/v1/applications") and "sets" not in path:
            self.applications[:] = [self._synced(element) for element in self._elements()]
        return super().call(method, path, body, query)

    def _elements(self) -> list[dict[str, str]]:
        return [e for s in self.application_sets for g in s["spec"]["generators"] for e in g["list"]["elements"]]

    def _synced(self, element: dict[str, str]) -> dict[str, Any]:
        argv = ["git", "-C", str(self.repository), "rev-parse", element["branch"]]
        head = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
        status = {"sync": {"status": "Synced", "revision": head}, "health": {"status": "Healthy"}}
        return {"metadata": {"name": element["stage"]}, "status": status}


@dataclass
class World:
    """`root` is the user's folder; the target is there by one line, as a further one would be."""

    root: Path
    argo: Argo = field(default_factory=Argo)
    events: list[Event] = field(default_factory=list)

    def up(self, **asked: Any) -> up.UpResult:
        return up.run(up.UpOptions(self.root, **{"target": TARGET, **asked}), self.events.append)

    def kube(self, name: str) -> FakeKube:
        return FakeCluster.made[Home(self.root / ".pov" / name).root]


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path / "work")
    world.root.mkdir()
    monkeypatch.setenv("POV_CACHE", str(tmp_path / "cache"))
    server = Server()

    class Memory(FakeCluster):
        def _run(self, ctx: Context, report: Report) -> Outcome:
            outcome = super()._run(ctx, report)
            if outcome is Outcome.CHANGED:
                _play(self.made[self._home.root], server)
            return outcome

    monkeypatch.setattr(FakeCluster, "made", {})
    monkeypatch.setitem(TARGETS, TARGET, Memory)
    monkeypatch.setattr("pov.bundle.current", lambda: _bundle(tmp_path))
    world.argo.repository = play_engines(tmp_path, monkeypatch, FakeServer(), world.argo)
    play_engine(monkeypatch, server)
    monkeypatch.setattr(git, "_is_known", lambda ctx, token: True)
    monkeypatch.setattr(landing_zone, "_terraform", lambda *_: True)
    monkeypatch.setattr(landing_zone, "prove", lambda *_: None)
    monkeypatch.setattr(landing_zone, "_live", lambda _: "as Terraform left it")
    for module in (prober, verify):
        monkeypatch.setattr(module, "connect", lambda ctx: FakeProber(ctx.estates))
    return world


def _play(kube: FakeKube, server: Server) -> None:
    play_cluster(kube, server)
    gitea = {"name": "gitea-1", "namespace": "gitea"}
    kube.put({"kind": "Pod", "metadata": gitea, "spec": {"containers": []}, "status": {"phase": "Running"}})
    info = {"osImage": "an image", "containerRuntimeVersion": "a runtime", "kernelVersion": "a kernel"}
    kube.put({"kind": "Node", "metadata": {"name": "a-node"}, "status": {"nodeInfo": info}})
    vars(kube)["exec"] = lambda *_, **__: "Access token was successfully created... token-1\n"
    vars(kube)["version"] = lambda: "v1.37.2"


def _bundle(folder: Path) -> Any:
    official = folder / "install.yaml"
    official.write_text(OFFICIAL)
    names = ("gitea", "argocd", "redis", "openbao", "mock", "legacy-host")
    images = {name: f"localhost/pov/{name}:1" for name in names}
    return SimpleNamespace(key="k1", source="built", images=images, argocd_manifest=official, binaries={})


def service_types(kube: FakeKube) -> dict[str, str]:
    """How the Services that are exposed are, by name."""
    found = [item for item in kube.list("Service") if item["spec"].get("type") not in {None, "ClusterIP"}]
    return {item["metadata"]["name"]: item["spec"]["type"] for item in found}


def overlay_images(world: World) -> list[str]:
    """The names of the images that main's overlay of staging sets."""
    argv = ["git", "-C", str(world.argo.repository), "show", "main:stages/staging/kustomization.yaml"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout
    return [str(image["name"]) for image in yaml.safe_load(text)["images"]]
