"""What the container engine's storage holds of earlier builds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pov.engines.container_choice import find
from pov.engines.containers import Containers


class Storage:
    """The engine's images, listed once: several checks one after the other would take several times as long."""

    def __init__(self, engine_of: Callable[[], Containers]) -> None:
        self._engine_of = engine_of
        self._ids: dict[str, str] | None = None

    def has(self, facts: Mapping[str, Any]) -> bool:
        """Whether the image that a component made is still there, by its `reference` and `id`."""
        if self._ids is None:
            form = "{{.Repository}}:{{.Tag}} {{.ID}}"
            lines = self._engine_of().run("images", "--no-trunc", "--format", form).stdout.splitlines()
            self._ids = {name: image.removeprefix("sha256:") for name, _, image in (x.partition(" ") for x in lines)}
        return self._ids.get(str(facts["reference"])) == str(facts["id"])


def remove_others(containers: Containers, repositories: Collection[str], wanted: Collection[str]) -> None:
    """Remove images of these repositories but the wanted ones; one that a cluster still uses stays."""
    for name in containers.run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split():
        if name not in wanted and name.rpartition(":")[0] in repositories:
            # Without force: a node that runs from it needs it for its next start.
            containers.run("rmi", name, check=False)


def remove_all() -> list[str]:
    """Remove every image that a bundle brought into the storage; returns what was removed."""
    return find().remove_images("pov")


def remove_leftovers(containers: Containers, prefix: str) -> None:
    """Remove containers named PREFIX-PID-… whose process is gone: what a killed build has left."""
    for name in containers.run("ps", "--all", "--format", "{{.Names}}").stdout.split():
        kind, _, rest = name.partition(f"{prefix}-")
        pid = rest.partition("-")[0]
        if not kind and pid.isdigit() and not Path("/proc", pid).exists():
            containers.remove(name)
