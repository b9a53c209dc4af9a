"""A target of its own: a cluster in memory, with endpoints that are names, volumes of the default class, no node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.base.errors import NotFound
from pov.config.scenario import Scenario
from pov.engines.control_groups import Counters, Used
from pov.state.home import Home
from pov.steps.cluster import ENDPOINTS, Claim
from pov.steps.context import Context
from pov.steps.core import Outcome, Report, Step
from tests.fakes.kube import FakeKube


class FakeCluster:
    """The cluster of environment `name`; `there` once its step ran. All of one process are the same by their home."""

    made: dict[Path, FakeKube] = {}  # noqa: RUF012 - as a real cluster, it outlives whoever made it

    def __init__(self, home: Home, name: str) -> None:
        self._home = home
        self._name = name
        self.images: list[Path] = []
        self.checked: list[Scenario] = []

    def check(self, scenario: Scenario) -> None:
        self.checked.append(scenario)

    def steps(self) -> Sequence[Step]:
        network = Step("network", "A network in memory", lambda *_: Outcome.UNCHANGED, ("cluster",))
        return Step("cluster", "A cluster in memory", self._run), network

    def _run(self, ctx: Context, report: Report) -> Outcome:
        made = self._home.root not in self.made
        kube: Any = self.made.setdefault(self._home.root, FakeKube())
        ctx.kube = kube
        ctx.endpoints.update(self.endpoints())
        return Outcome.CHANGED if made else Outcome.UNCHANGED

    def endpoints(self) -> Mapping[str, str]:
        if self._home.root not in self.made:
            raise NotFound("no such cluster")
        return endpoints(self._name)

    def kube(self) -> Any:
        return self.made[self._home.root]

    def exposed(self, service: str, port: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "LoadBalancer", "ports": [dict(port)]}

    def bring_images(self, archive: Path) -> None:
        self.images.append(archive)

    def has_image(self, reference: str) -> bool:
        return True

    def claim(self, kube: Any, namespace: str, name: str, size: str) -> Claim:
        metadata = {"name": name, "namespace": namespace}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
        return Claim(name, (manifest,))

    def discard(self, kube: Any, namespace: str, name: str) -> None:
        kube.delete("v1/PersistentVolumeClaim", name, namespace)

    def counters(self) -> Counters:
        return Counters(Used(0.0, 0), Used(0.0, 0), {})

    def versions(self) -> Mapping[str, Callable[[], str]]:
        return {"cluster in memory": lambda: "1"}

    def remove(self, tell: Callable[[str], None]) -> list[str]:
        return [f"cluster {self._name}"] if self.made.pop(self._home.root, None) else []


def endpoints(name: str) -> dict[str, str]:
    """Where such an environment's services answer."""
    return {service: f"https://{service}.{name}.example" for service in ENDPOINTS}
