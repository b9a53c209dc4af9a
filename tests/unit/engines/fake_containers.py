"""A container engine in memory, for `Kind` and the cluster step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pov.base.process import Completed
from pov.engines.containers import Containers, Info


class FakeContainers(Containers):
    """Containers by name with their labels, ports and state; `said` holds every command."""

    def __init__(self) -> None:
        super().__init__("podman", None)
        object.__setattr__(self, "boxes", {})
        object.__setattr__(self, "volumes", {})
        object.__setattr__(self, "networks", {})
        object.__setattr__(self, "said", [])

    boxes: dict[str, dict[str, Any]]
    volumes: dict[str, str]
    networks: dict[str, str]
    said: list[tuple[str, ...]]

    def box(self, cluster: str, ports: dict[int, int], *, running: bool = True) -> None:
        """Put a node container of a cluster there."""
        self.boxes[f"{cluster}-control-plane"] = {"cluster": cluster, "ports": ports, "running": running}

    memory_mib = 32_000.0
    processors = 4
    folder = "/storage"

    def env(self) -> dict[str, str]:
        return {}

    def info(self) -> Info:
        return Info(
            memory_mib=self.memory_mib,
            processors=self.processors,
            architecture="amd64",
            cgroup_v1=False,
            remote=False,
            storage="/storage",
            folder=self.folder,
        )

    def run(self, *arguments: str, timeout_s: float = 60, check: bool = True, stdin: bytes | None = None) -> Completed:
        self.said.append(arguments)
        code, out = self._answer(arguments)
        return Completed(arguments, code, out, "", 0.0)

    def copy_in(self, container: str, source: Path, target: str) -> None:
        self.said.append(("cp", str(source), container))

    def _answer(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        match arguments:
            case ("container", "inspect", name):
                box = self.boxes.get(name)
                return (0, json.dumps([_inspected(name, box)])) if box else (125, "")
            case ("ps", *rest) if any(part.startswith("label=") for part in rest):
                cluster = next(part for part in rest if part.startswith("label=")).rsplit("=", 1)[1]
                return 0, "\n".join(name for name, box in self.boxes.items() if box["cluster"] == cluster)
            case ("ps", *_):
                return 0, "\n".join(self.boxes)
            case ("start", name):
                self.boxes[name]["running"] = True
            case ("rm", *_, name):
                self.boxes.pop(name, None)
            case ("volume", "ls", *rest):
                node = rest[-1].removeprefix("label=")
                return 0, "\n".join(name for name, owner in self.volumes.items() if owner == node)
            case ("volume", "rm", *_, name):
                self.volumes.pop(name, None)
            case ("network", "inspect", name):
                return (0, json.dumps([{"id": self.networks[name]}])) if name in self.networks else (125, "")
            case ("network", "rm", name):
                return (0, "") if self.networks.pop(name, None) else (1, "")
        return 0, ""


def _inspected(name: str, box: dict[str, Any]) -> dict[str, Any]:
    bindings = {
        f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(out)}] for inside, out in box["ports"].items()
    }
    return {
        "Id": f"id of {name}",
        "State": {"Running": box["running"]},
        "HostConfig": {"PortBindings": bindings},
        "Config": {"Labels": {"io.x-k8s.kind.cluster": box["cluster"]}},
    }
