"""Whether the pods of a part were started anew: each is read by itself, once the clock has stopped.

What stops the clock is a list of pods, asked ten times a second. Here no list is believed: each pod that it told of is
asked for by name, and has to say that it, and every container in it, began after the trial did; and each one of before
has to be gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pov.base.errors import PovError
from pov.experiments.toolbox import Toolbox
from pov.experiments.workloads import POD, is_going

_APART = timedelta(seconds=5)
"""By so much the node's clock may be behind this machine's; Kubernetes writes whole seconds beside that."""


def started_anew(
    box: Toolbox, part: str, before: Mapping[str, str], now: Sequence[str], since: datetime
) -> list[dict[str, str]]:
    """The pods named `now` as each tells of itself; `before` are unique ids by name of those that were to go.

    Raises `PovError` for one that is of before, or did not begin after `since`.
    """
    for name, uid in before.items():
        held = None if name in now else box.cluster.get(POD, name, part)
        if held is not None and held["metadata"].get("uid") == uid and not is_going(held):
            raise PovError(f"{part}: the pod {name} of before is still there")
    found = []
    for name in now:
        held = box.cluster.get(POD, name, part)
        if held is None:
            raise PovError(f"{part}: the pod {name} stopped the clock, and is not there")
        if problem := next(_problems(held, frozenset(before.values()), since), ""):
            raise PovError(f"{part}: the pod {name} {problem}")
        found.append({"pod": name, "uid": str(held["metadata"]["uid"]), "started": str(held["status"]["startTime"])})
    return found


def _problems(pod: Mapping[str, Any], before: frozenset[str], since: datetime) -> Iterator[str]:
    status = pod.get("status") or {}
    if not pod["metadata"].get("uid"):
        yield "has no unique id"
    elif pod["metadata"]["uid"] in before:
        yield "is the one of before"
    if not _after(status.get("startTime"), since):
        yield f"began at {status.get('startTime') or 'no time that is told'}, before the trial did"
    containers = status.get("containerStatuses") or []
    if not containers:
        yield "tells of no container"
    for one in containers:
        running = (one.get("state") or {}).get("running") or {}
        if not running:
            yield f"has a container that does not run: {one.get('name')}"
        elif not _after(running.get("startedAt"), since):
            since_when = running.get("startedAt") or "nobody knows when"
            yield f"has a container from before: {one.get('name')}, since {since_when}"


def _after(told: object, since: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return False
    # Without a zone it would be taken for local time; Kubernetes always writes one.
    return moment.tzinfo is not None and moment.astimezone(UTC) >= since.replace(microsecond=0) - _APART
