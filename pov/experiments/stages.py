"""What differs between stages, and which of it nobody meant: a live object against what Git last had applied to it.

Argo CD leaves on each object the whole document that came from Git. What the document does not say (defaults that the
API server fills in) is nobody's change; an entry that it does not list is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.base.errors import PovError

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ABSENT = "–"
_KEYS = ("name", "mountPath", "containerPort")
"""By what entries of Kubernetes' lists are told apart, whichever comes first."""
_OWN = ("metadata", "status", "apiVersion", "kind")


@dataclass(frozen=True)
class Difference:
    """One field of one service. `runs` and `asked` hold its value by stage: as it runs, and as Git asks for it."""

    service: str
    field: str
    runs: Mapping[str, str]
    asked: Mapping[str, str]

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The stages in which it runs otherwise than Git asks for; empty for a difference that stands in Git."""
        return tuple(stage for stage, value in self.runs.items() if value != self.asked[stage])

    def as_json(self) -> dict[str, Any]:
        """As a sample keeps it."""
        return {
            "service": self.service,
            "field": self.field,
            "runs": dict(self.runs),
            "asked": dict(self.asked),
            "by_hand": list(self.by_hand),
        }


def differences(stages: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Difference, ...]:
    """Fields in which services differ between stages, or from what Git asks for, by hand or not.

    `stages` holds each stage's live Deployments. Raises `PovError` for one without a record of what came from Git.
    """
    found: dict[str, dict[str, tuple[dict[str, str], dict[str, str]]]] = {}
    for stage, deployments in stages.items():
        for live in deployments:
            asked = _asked(live)
            found.setdefault(live["metadata"]["name"], {})[stage] = (
                dict(_leaves(_own(live), _own(asked))),
                dict(_leaves(_own(asked), _own(asked))),
            )
    return tuple(row for service, held in sorted(found.items()) for row in _of_service(service, held))


def _of_service(service: str, held: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]) -> Iterator[Difference]:
    for field in sorted({name for live, asked in held.values() for name in (*live, *asked)}):
        runs = {stage: live.get(field, ABSENT) for stage, (live, _) in held.items()}
        asked = {stage: said.get(field, ABSENT) for stage, (_, said) in held.items()}
        if len(set(runs.values())) > 1 or runs != asked:
            yield Difference(service, field, runs, asked)


def _asked(live: Mapping[str, Any]) -> Mapping[str, Any]:
    text = (live["metadata"].get("annotations") or {}).get(APPLIED)
    if not text:
        name = f"{live['metadata'].get('namespace', '')}/{live['metadata']['name']}"
        raise PovError(f"{name} holds no record of what Git asks for", fix="pov status")
    read: Mapping[str, Any] = json.loads(text)
    return read


def _own(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _OWN}


def _leaves(live: Any, asked: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Values by path, of what `asked` speaks of; entries of lists also where it does not list them."""
    if isinstance(live, Mapping):
        for name in asked if isinstance(asked, Mapping) else live:
            if name in live:
                below = asked[name] if isinstance(asked, Mapping) else None
                yield from _leaves(live[name], below, f"{path}.{name}" if path else str(name))
    elif isinstance(live, list) and live and all(isinstance(entry, Mapping) for entry in live):
        said = dict(_entries(asked if isinstance(asked, list) else []))
        for name, entry in _entries(live):
            yield f"{path}[{name}]", "there"
            yield from _leaves(entry, said.get(name), f"{path}[{name}]")
    else:
        yield path, live if isinstance(live, str) else json.dumps(live, sort_keys=True)


def _entries(values: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A list's entries by what tells them apart, or by their place."""
    key = next((key for key in _KEYS if values and all(key in entry for entry in values)), "")
    for place, entry in enumerate(values):
        yield (str(entry[key]) if key else str(place)), {name: value for name, value in entry.items() if name != key}
