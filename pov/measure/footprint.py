"""What each part of an environment takes of processor and memory, as samples tell it: for "too many moving parts".

The node's counters are read before the first trial and after each one, so that spans follow each other without a gap. A
span over a placebo is one in which nothing is done, under the same load.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pov.model.kinds import PLACEBO
from pov.model.reading import mapping, number
from pov.model.sample import Sample
from pov.model.words import Words

DETAIL = "footprint"
"""In a sample's details: the span since the reading before, with what each part took in it."""
SERVICES, AGENTS, OTHERS, NODE = "services", "agents", "others", "node"
PLATFORM: Mapping[str, str] = {
    "argocd": "Argo CD",
    "vault": "Vault",
    AGENTS: "Vault's agents beside the services",
    "gitea": "Gitea",
}
"""The parts that the automated way brings with it."""
AROUND: Mapping[str, str] = {
    "kubernetes": "Kubernetes: API server, etcd, controllers, names",
    NODE: "Kubelet, container runtime, the node's own",
    SERVICES: "The services themselves",
    "legacy": "The legacy hosts",
    "prober": "Prober: load and looking on",
    OTHERS: "Sandboxes, and containers that ended meanwhile",
}
"""What is there beside them: in both ways, or for measuring alone."""


@dataclass(frozen=True)
class Taken:
    """One part: containers at the last reading, processor time over the spans, memory at their ends in MiB.

    `idle_s` is over placebos alone.
    """

    name: str
    containers: int
    idle_s: float
    processor_s: float
    memory_mib: float
    most_mib: float


@dataclass(frozen=True)
class Footprint:
    """All parts over the spans that were recorded: `readings` of `trials`, `seconds` in all, `idle` over placebos."""

    parts: tuple[Taken, ...]
    trials: int
    readings: int
    seconds: float
    placebos: int
    idle: float

    def share(self, names: Iterable[str], *, idle: bool = False) -> float | None:
        """Processor time of some parts by the time that passed: 1 is one core. None without such a span."""
        over = self.idle if idle else self.seconds
        wanted = set(names)
        taken = (p.idle_s if idle else p.processor_s for p in self.parts if p.name in wanted)
        return math.fsum(taken) / over if over else None

    def memory(self, names: Iterable[str]) -> float:
        """Their medians added up, in MiB."""
        wanted = set(names)
        # Exactly rounded, here as in `reporting/standalone/taken.py`: sums that end in .5 are not rare.
        return math.fsum(part.memory_mib for part in self.parts if part.name in wanted)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the summary."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Footprint:
        """Out of what `as_json` gave."""
        return cls(**{**told, "parts": tuple(Taken(**part) for part in told["parts"])})


def footprint(samples: Iterable[Sample], words: Words) -> Footprint | None:
    """Of a run's samples; None where none was recorded."""
    every = list(samples)
    told = [(sample, mapping(sample.details.get(DETAIL))) for sample in every]
    spans = [(sample, span) for sample, span in told if (number(span.get("seconds")) or 0) > 0]
    if not spans:
        return None
    quiet = [span for sample, span in spans if words.arm(sample.arm).kind == PLACEBO]
    parts = [_part(name, [span for _, span in spans], quiet) for name in (*PLATFORM, *AROUND)]
    return Footprint(
        tuple(part for part in parts if part.processor_s or part.most_mib),
        len(every),
        len(spans),
        math.fsum(_of(span, "seconds") for _, span in spans),
        len(quiet),
        math.fsum(_of(span, "seconds") for span in quiet),
    )


def _part(name: str, spans: list[Mapping[str, object]], quiet: list[Mapping[str, object]]) -> Taken:
    held = [_of(mapping(span.get("memory_mib")), name) for span in spans]
    return Taken(
        name,
        int(_of(mapping(spans[-1].get("containers")), name)),
        math.fsum(_of(mapping(span.get("processor_s")), name) for span in quiet),
        math.fsum(_of(mapping(span.get("processor_s")), name) for span in spans),
        statistics.median(held),
        max(held),
    )


def _of(told: Mapping[str, object], name: str) -> float:
    return number(told.get(name)) or 0.0
