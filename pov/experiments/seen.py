"""What stops the clock, the same in every arm: the prober has seen every replica of every service as wished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pov.base.errors import PovError
from pov.base.wait import Pending, wait_for
from pov.config.estates import Estate
from pov.experiments.ports.load import Identity
from pov.experiments.toolbox import Toolbox

INTERVAL_S = 0.1
"""Pause between two looks at what stops the clock, in every experiment and arm: a run records it as its clock's."""


def until_seen(
    box: Toolbox,
    estate: Estate,
    services: Sequence[str],
    wished: Callable[[Identity], bool],
    what: str,
    *,
    timeout_s: float,
    unlisted: bool = False,
) -> dict[str, float]:
    """Wait until each replica of `services` answers as `wished`; returns when each service was first seen so, in s.

    `unlisted` services are new: the prober looks for them by their names. A service that was seen is not asked again:
    what is being waited for is not slowed down by the asking.
    """
    identify = partial(box.prober().identify, unlisted=True) if unlisted else box.prober().identify
    begun = box.clock.monotonic()
    seen: dict[str, float] = {}

    def look() -> dict[str, float] | Pending:
        left = [name for name in services if name not in seen]
        rows = _by_service(identify(estate.name, left))
        state = ""
        for name in left:
            mine = rows.get(name, [])
            if len(mine) >= estate.replicas and all(not row.error and wished(row) for row in mine):
                seen[name] = round(box.clock.monotonic() - begun, 3)
            elif not state:
                state = f"{name}: {_told(mine, estate.replicas)}"
        return seen if not state else Pending(f"{len(seen)} of {len(services)} services; {state}")

    return wait_for(what, look, timeout_s=timeout_s, interval_s=INTERVAL_S, clock=box.clock, fix="pov status")


def serials(box: Toolbox, estate: Estate) -> dict[str, list[str]]:
    """Serial numbers by service, every replica. Raises `PovError` if one does not answer: the estate is not fit."""
    found: dict[str, list[str]] = {name: [] for name in estate.services}
    for row in box.prober().identify(estate.name):
        if row.error:
            raise PovError(f"{row.service} in {estate.name} does not answer", cause=row.error, fix="pov status")
        found.setdefault(row.service, []).append(row.serial)
    silent = [name for name, values in found.items() if len(values) < estate.replicas]
    if silent:
        raise PovError(f"{silent[0]} in {estate.name} has fewer replicas than planned", fix="pov status")
    return {name: sorted(values) for name, values in found.items()}


def all_new(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> int:
    """How many certificates were renewed. Raises `PovError` for one that was not, or a serial that two share."""
    old = {serial for values in before.values() for serial in values}
    new = [serial for values in after.values() for serial in values]
    kept = [name for name, values in after.items() if old & set(values)]
    if kept:
        raise PovError(f"{len(kept)} services kept a certificate, first {kept[0]}")
    if len(set(new)) < len(new):
        raise PovError("two replicas show the same certificate")
    return len(new)


def _by_service(rows: Sequence[Identity]) -> dict[str, list[Identity]]:
    found: dict[str, list[Identity]] = {}
    for row in rows:
        found.setdefault(row.service, []).append(row)
    return found


def _told(rows: Sequence[Identity], replicas: int) -> str:
    if len(rows) < replicas:
        return f"{len(rows)} of {replicas} replicas"
    errors = [row.error for row in rows if row.error]
    return errors[0] if errors else "not all replicas yet"
