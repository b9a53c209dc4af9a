"""What differs between stages, and which of it nobody meant: a live object against what Git last had applied to it.

Argo CD leaves on each object the whole document that came from Git, and says which objects those are. What a document
does not say (defaults that the API server fills in) is nobody's change; an entry that it does not list is, and so is an
object of the same kinds that Git does not know and that not every stage has: what Kubernetes and the landing zone make
is in each of them. Secrets are left out: what they hold is for nobody's eyes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pov.base.errors import PovError
from pov.experiments.toolbox import Toolbox

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ABSENT, THERE = "–", "there"
OBJECT = "object"
"""The field that says whether there is an object at all."""
_SECRET = "v1/Secret"  # noqa: S105 - a kind
_KEYS = ("name", "mountPath", "containerPort")
"""By what entries of Kubernetes' lists are told apart, whichever comes first."""
_OWN = ("metadata", "status", "apiVersion", "kind")
_WHOLE = {"binaryData", "data", "labels", "matchLabels", "nodeSelector", "selector"}
"""Mappings of somebody's own names: the API server fills in none of these."""
_NEVER_FILLED_IN = _WHOLE | {
    "affinity", "args", "command", "egress", "env", "envFrom", "from", "hostAliases", "imagePullSecrets", "ingress",
    "initContainers", "ports", "to", "tolerations", "volumeMounts", "volumes",
}  # fmt: skip
"""What is somebody's doing wherever it stands, also in an object whose document says nothing of it."""
_GENERATED = re.compile(r"-[2456789bcdfghkmt]{10}$")
"""What kustomize puts behind the name of a ConfigMap that it generates: a digest of what is in it."""
_LONGEST = 200
"""Longer values are told by their digest."""

Key = tuple[str, str]
"""An object by `group/version/Kind` and name."""


@dataclass(frozen=True)
class Stage:
    """What a stage holds: live objects of the kinds that are compared, and which objects are Git's."""

    live: Sequence[Mapping[str, Any]]
    of_git: Collection[Key]


@dataclass(frozen=True)
class Difference:
    """One field of one object. `runs` and `asked` hold its value by stage: as it runs, and as Git asks for it."""

    kind: str
    service: str
    """The object's name: that of a service, or of what stands beside services."""
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
            "kind": self.kind,
            "service": self.service,
            "field": self.field,
            "runs": dict(self.runs),
            "asked": dict(self.asked),
            "by_hand": list(self.by_hand),
        }


def stages_now(box: Toolbox) -> dict[str, Stage]:
    """Every stage's objects of the kinds that come from Git, and which of them Argo CD looks after."""
    stages = [estate for estate in box.estates if estate.kind == "gitops"]
    of_git = {estate.name: box.delivery.state(estate.name).objects() for estate in stages}
    compared = kinds(of_git)
    return {
        estate.name: Stage(
            [one for kind in compared for one in box.cluster.list(kind, estate.namespace)], of_git[estate.name]
        )
        for estate in stages
    }


def kinds(of_git: Mapping[str, Collection[Key]]) -> tuple[str, ...]:
    """The kinds that are compared, out of each stage's objects of Git."""
    return tuple(sorted({kind for keys in of_git.values() for kind, _ in keys} - {_SECRET}))


def differences(stages: Mapping[str, Stage]) -> tuple[Difference, ...]:
    """Fields in which objects differ between stages, or from what Git asks for, by hand or not.

    Raises `PovError` for an object of Git without a record of what came from there.
    """
    held: dict[Key, dict[str, _Held]] = {}
    beside: dict[Key, set[str]] = {}
    for stage, found in stages.items():
        live = {_key(one): one for one in found.live}
        for key in found.of_git:
            if key[0] != _SECRET:
                held.setdefault(_plain(key), {})[stage] = _Held.of(live.get(key))
        for key in live.keys() - set(found.of_git):
            beside.setdefault(_plain(key), set()).add(stage)
    rows = [row for key, by_stage in held.items() for row in _of_object(key, by_stage)]
    rows += [_added(key, there, stages) for key, there in beside.items() if there != set(stages)]
    return tuple(sorted(rows, key=lambda row: (row.service, row.kind, row.field)))


@dataclass(frozen=True)
class _Held:
    """An object's values by path, as it runs and as Git asks for it; without any where it is gone."""

    runs: Mapping[str, str]
    asked: Mapping[str, str]
    there: bool

    @classmethod
    def of(cls, live: Mapping[str, Any] | None) -> _Held:
        if live is None:
            return cls({}, {}, there=False)
        asked = _asked(live)
        return cls(dict(_leaves(_own(live), _own(asked))), dict(_leaves(_own(asked), _own(asked))), there=True)


def _of_object(key: Key, held: Mapping[str, _Held]) -> Iterator[Difference]:
    kind, name = _short(key), key[1]
    gone = [stage for stage, one in held.items() if not one.there]
    if gone:
        runs = {stage: THERE if one.there else ABSENT for stage, one in held.items()}
        yield Difference(kind, name, OBJECT, runs, dict.fromkeys(held, THERE))
    there = {stage: one for stage, one in held.items() if one.there}
    for field in sorted({path for one in there.values() for path in (*one.runs, *one.asked)}):
        runs = {stage: one.runs.get(field, ABSENT) for stage, one in there.items()}
        asked = {stage: one.asked.get(field, ABSENT) for stage, one in there.items()}
        if len(set(runs.values())) > 1 or runs != asked:
            yield Difference(kind, name, field, runs, asked)


def _added(key: Key, there: Collection[str], stages: Collection[str]) -> Difference:
    """An object that is in some stages and in no Git."""
    runs = {stage: THERE if stage in there else ABSENT for stage in stages}
    return Difference(_short(key), key[1], OBJECT, runs, dict.fromkeys(stages, ABSENT))


def _key(live: Mapping[str, Any]) -> Key:
    return f"{live['apiVersion']}/{live['kind']}", live["metadata"]["name"]


def _plain(key: Key) -> Key:
    """The same in every stage, whatever is in it."""
    return (key[0], _GENERATED.sub("", key[1])) if key[0] == "v1/ConfigMap" else key


def _short(key: Key) -> str:
    return key[0].rpartition("/")[2]


def _asked(live: Mapping[str, Any]) -> Mapping[str, Any]:
    text = (live["metadata"].get("annotations") or {}).get(APPLIED)
    if not text:
        name = f"{live['metadata'].get('namespace', '')}/{live['metadata']['name']}"
        raise PovError(f"{name} holds no record of what Git asks for", fix="pov status")
    read: Mapping[str, Any] = json.loads(text)
    return read


def _own(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _OWN}


def _leaves(live: Any, asked: Any, path: str = "", *, whole: bool = False) -> Iterator[tuple[str, str]]:
    """Values by path, of what `asked` speaks of and of what nobody but a person writes; of lists all entries.

    `whole` takes all entries of a mapping, too.
    """
    if isinstance(live, Mapping):
        said = asked if isinstance(asked, Mapping) else {}
        names = [*said, *(name for name in live if name not in said and _counts(name, asked, whole=whole))]
        for name in names:
            below = f"{path}.{name}" if path else str(name)
            if name in live:
                yield from _leaves(live[name], said.get(name), below, whole=name in _WHOLE)
            elif not said[name]:
                # The API server leaves empty values out.
                yield from _leaves(said[name], said[name], below)
    elif isinstance(live, list) and live and all(isinstance(entry, Mapping) for entry in live):
        listed = dict(_entries(asked if isinstance(asked, list) else []))
        for name, entry in _entries(live):
            yield f"{path}[{name}]", THERE
            yield from _leaves(entry, listed.get(name), f"{path}[{name}]")
    else:
        yield path, _told(live if isinstance(live, str) else json.dumps(live, sort_keys=True))


def _counts(name: str, asked: Any, *, whole: bool) -> bool:
    """Whether an entry counts that the document does not speak of."""
    return whole or not isinstance(asked, Mapping) or name in _NEVER_FILLED_IN


def _told(value: str) -> str:
    if len(value) <= _LONGEST:
        return value
    return f"{len(value)} characters, SHA-256 {hashlib.sha256(value.encode()).hexdigest()[:16]}"


def _entries(values: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A list's entries by what tells them apart, or by their place."""
    key = next((key for key in _KEYS if values and all(key in entry for entry in values)), "")
    for place, entry in enumerate(values):
        yield (str(entry[key]) if key else str(place)), {name: value for name, value in entry.items() if name != key}
