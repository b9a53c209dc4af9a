"""The one network that all kind clusters of this machine share: it goes with the last cluster if we brought it."""

from __future__ import annotations

from pathlib import Path

from pov.base.files import write_atomic
from pov.base.paths import cache_root
from pov.engines.containers import Containers
from pov.engines.kind import NETWORK, network_id, remove_network


def note(containers: Containers) -> None:
    """Remember that it is there because of us: called before and after a cluster is made."""
    mark = _mark(containers)
    found = network_id(containers)
    if found is None:
        write_atomic(mark, "")
    elif mark.exists() and not mark.read_text():
        write_atomic(mark, found)


def leave(containers: Containers) -> list[str]:
    """Remove it if it is ours and nobody uses it; returns what was removed, in words."""
    mark = _mark(containers)
    if not mark.exists():
        return []
    found = network_id(containers)
    ours = found is not None and mark.read_text() in {"", found}
    if ours and not remove_network(containers):
        return []
    mark.unlink()
    return [f"network {NETWORK}"] if ours else []


def _mark(containers: Containers) -> Path:
    return cache_root() / "containers" / f"{containers.kind}-network"
