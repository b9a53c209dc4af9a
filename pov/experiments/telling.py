"""What an arm that is a script is told, in variables. docs/own-arm.md says it to those who write one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.config.legacy import Host
from pov.experiments.brought import OwnScript
from pov.measure.order import Slot


def tell(
    own: OwnScript,
    slot: Slot,
    hosts: Sequence[Host],
    services: Collection[str],
    *,
    variables: Mapping[str, Any],
    folder: Path,
) -> dict[str, str]:
    """What a runbook gets as `variables` it gets as `POV_NAME`, lists by spaces; what is where stands in a file.

    That file is `places` in `folder`: host, service, port and health port of each of `services`, a line each. A runbook
    that is told `places` is told the same.
    """
    placed = [(host.name, place) for host in hosts for place in host.services if place.service in services]
    places = folder / "places"
    places.write_text("".join(f"{name} {p.service} {p.port} {p.health_port}\n" for name, p in placed))
    told = {name: value for name, value in variables.items() if name != "places"}
    return {f"POV_{name.upper()}": _as_text(value) for name, value in told.items()} | {
        "POV_EXPERIMENT": slot.experiment,
        "POV_ARM": slot.arm,
        "POV_TRIAL": str(slot.trial),
        "POV_HOSTS": " ".join(dict.fromkeys(name for name, _ in placed)),
        "POV_PLACES": str(places),
        # Each Deployment of the automated arm may run one pod more than it has replicas (maxSurge).
        "POV_SURGE": str(len(services)),
        "POV_TIME_LIMIT": f"{own.limit_s:.0f}",
    }


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
