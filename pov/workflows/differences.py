"""What runs, against the scenario it was made from: somebody may have edited one of them since `pov up`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pov.base.errors import PovError
from pov.config.estates import NEW_STAGE, Estate

_PROBER = ("v1/ConfigMap", "prober", "pov-system")
_CONTAINER = "service"
_AGENT = "agent"


class Cluster(Protocol):
    """The cluster, as far as this looks at it."""

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object."""
        ...

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """Objects."""
        ...


@dataclass(frozen=True)
class Asked:
    """What the scenario asks for, as far as a measurement depends on it; `image` is the services' as it was built."""

    estates: tuple[Estate, ...]
    image: str
    ttl: str
    under_proof: tuple[str, ...]


def compare(cluster: Cluster, asked: Asked) -> tuple[str, ...]:
    """What differs and can be measured all the same, in words.

    Raises `PovError` where stages, services or edges differ: the prober would call what is not there, and arms would
    not be alike.
    """
    _refuse_other_estates(cluster, asked.estates)
    found: list[str] = []
    for estate in asked.estates:
        if estate.kind == "gitops":
            found += _of_stage(cluster, estate, asked)
    return tuple(found)


def known_to_the_prober(cluster: Cluster) -> dict[str, Mapping[str, Any]]:
    """Stages and the legacy estate as the prober was told of them, by name. Raises `PovError` where there is none."""
    held = cluster.get(*_PROBER)
    if held is None:
        raise PovError("the prober is not there", fix="pov up")
    told = json.loads((held.get("data") or {}).get("prober.json") or "{}")
    return {str(one["name"]): one for one in told.get("estates") or ()}


def _refuse_other_estates(cluster: Cluster, estates: tuple[Estate, ...]) -> None:
    runs = known_to_the_prober(cluster)
    wanted = {estate.name: estate for estate in estates}
    if NEW_STAGE in runs:
        # No scenario can have it: nobody edited anything.
        raise PovError(
            f"the stage {NEW_STAGE} of a trial of new-stage is still there",
            cause="that trial was killed before it took its stage away, or could not",
            fix="pov up takes all of it away; then this again",
        )
    faults = [f"{name} is in the scenario and was not brought up" for name in wanted if name not in runs]
    faults += [f"{name} was brought up and is no longer in the scenario" for name in runs if name not in wanted]
    for name in (name for name in wanted if name in runs):
        faults += _edited(name, runs[name], wanted[name])
    if faults:
        raise PovError(
            "what runs is not what the scenario asks for: it or the engagement was edited after pov up",
            cause="; ".join(faults),
            fix="pov up, or take the edit back",
        )


def _edited(name: str, runs: Mapping[str, Any], estate: Estate) -> list[str]:
    here, there = set(estate.services), set(runs["services"])
    if here != there:
        more, fewer = sorted(here - there), sorted(there - here)
        parts = [f"{len(more)} services more ({more[0]} …)"] if more else []
        parts += [f"{len(fewer)} services fewer ({fewer[0]} …)"] if fewer else []
        return [f"{name} has {' and '.join(parts)} in the scenario than in the cluster"]
    edges = {(edge.source, edge.target) for edge in estate.edges}
    if edges != {(source, target) for source, target in runs["edges"]}:
        return [f"{name} has other edges in the scenario than in the cluster"]
    return []


def _of_stage(cluster: Cluster, estate: Estate, asked: Asked) -> list[str]:
    found = []
    deployed = {item["metadata"]["name"]: item for item in cluster.list("apps/v1/Deployment", estate.namespace)}
    absent = [name for name in estate.services if name not in deployed]
    if absent:
        raise PovError(f"{absent[0]} does not run in {estate.name}", cause=f"{len(absent)} absent", fix="pov up")
    there = {name: deployed[name]["spec"] for name in estate.services}
    other = [name for name, spec in there.items() if int(spec.get("replicas", 1)) != estate.replicas]
    if other:
        runs = there[other[0]].get("replicas", 1)
        found.append(
            f"{estate.name}: {len(other)} services run other than {estate.replicas} replicas ({other[0]}: {runs})"
        )
    # A service under proof may run what an earlier run deployed: a version of its own, of the same image.
    images = {name: _image(spec) for name, spec in there.items()}
    foreign = [
        name
        for name, image in images.items()
        if (_repository(image) != _repository(asked.image) if name in asked.under_proof else image != asked.image)
    ]
    if foreign:
        first = foreign[0]
        found.append(f"{estate.name}: {len(foreign)} services run another image ({first}: {images[first]})")
    lives = {life for spec in there.values() if (life := _ttl(spec))}
    if lives and lives != {asked.ttl}:
        found.append(f"{estate.name}: certificates live {', '.join(sorted(lives))}, the scenario says {asked.ttl}")
    return found


def _pod(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = spec["template"]["spec"]
    return pod


def _image(spec: Mapping[str, Any]) -> str:
    return next((str(c["image"]) for c in _pod(spec)["containers"] if c["name"] == _CONTAINER), "")


def _ttl(spec: Mapping[str, Any]) -> str:
    arguments = (a for c in _pod(spec).get("initContainers") or [] if c["name"] == _AGENT for a in c.get("args") or [])
    return next((str(a).removeprefix("--ttl=") for a in arguments if str(a).startswith("--ttl=")), "")


def _repository(reference: str) -> str:
    head, _, tag = reference.rpartition(":")
    return head if head and "/" not in tag else reference
