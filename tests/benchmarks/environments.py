"""`pov up` against the floor, `pov up` again, and the node's memory and processor time at rest, for one scenario."""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pov.bundle import require_current
from pov.measure.footprint import AROUND, PLATFORM
from pov.steps.context import Context
from pov.steps.vault.layout import wishes
from pov.workflows.metering import Meter
from pov.workflows.toolbox import toolbox
from tests.benchmarks import memory, processor
from tests.benchmarks.floor import Blueprint, Floor
from tests.benchmarks.manifests import dump
from tests.e2e.harness import UP_S, Environment, containers

GOAL_S = {"gitops-35": 150.0, "quickstart": 60.0}
GOAL_RATIO, GOAL_AGAIN_S, GOAL_MEMORY_GB = 1.15, 3.0, 7.0
GOAL_AT_REST = 0.3
"""Of one core, by everything on the node while nobody asks it for anything."""


@dataclass
class Figures:
    """What was measured of one scenario: seconds of each round, and what they are made of."""

    scenario: str
    up: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    up_steps: list[dict[str, float]] = field(default_factory=list)
    floor_marks: list[dict[str, float]] = field(default_factory=list)
    memory_bytes: int = 0
    memory_shares: Mapping[str, int] = field(default_factory=dict)
    processor_at_rest: Mapping[str, float] = field(default_factory=dict)
    processor_under_load: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Median of `up` over median of the floor."""
        return statistics.median(self.up) / statistics.median(self.floor)

    def as_json(self) -> dict[str, Any]:
        """Everything, with the ratio."""
        return {**vars(self), "ratio": round(self.ratio, 3)}


def measure(scenario: str, rounds: int) -> Figures:
    """Rounds of `up`, `up` again, `down`, floor. The first `up` gives the floor its manifests."""
    figures = Figures(scenario)
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="pov-bench-") as folder:
            environment = Environment(Path(folder), "bench")
            try:
                _say(f"{scenario}, round {number + 1} of {rounds}: pov up")
                blueprint = _up(environment, figures, first=number == 0)
            finally:
                figures.down.append(environment.pov("down", timeout_s=180).seconds)
                containers().remove(environment.node)
            _say(f"{scenario}, round {number + 1} of {rounds}: the floor")
            floor = Floor(blueprint, require_current(), containers(), Path(folder))
            try:
                figures.floor.append(round(floor.run(), 3))
                figures.floor_marks.append(floor.marks)
            finally:
                floor.remove()
    return figures


def _up(environment: Environment, figures: Figures, *, first: bool) -> Blueprint:
    up = environment.up(figures.scenario, timeout_s=UP_S)
    # The command's own wall time, the start of Python included: what a person waits.
    figures.up.append(round(up.seconds, 3))
    figures.up_steps.append({step["name"]: step["seconds"] for step in up.json["steps"]})
    for _ in range(3 if first else 1):
        again = environment.up(timeout_s=UP_S)
        assert again.json["changed"] is False, "the second run is to change nothing"
        figures.again.append(round(again.seconds, 3))
    context = environment.context()
    if first:
        _say(f"{figures.scenario}: memory at rest")
        figures.memory_bytes = memory.at_rest(containers(), environment.node)
        pods = {
            item["metadata"]["uid"]: (item["metadata"]["namespace"], item["metadata"]["name"])
            for item in environment.objects("pods", "--all-namespaces")
        }
        # Static pods are known to the node by another UID than to the API.
        pods |= {
            item["metadata"]["annotations"]["kubernetes.io/config.hash"]: ("kube-system", item["metadata"]["name"])
            for item in environment.objects("pods", "-n", "kube-system")
            if "kubernetes.io/config.hash" in item["metadata"].get("annotations", {})
        }
        figures.memory_shares = memory.shares(containers(), environment.node, pods)
        _say(f"{figures.scenario}: processor time at rest, and under a trial's load")
        box, meter = toolbox(context), Meter.of(context)
        figures.processor_at_rest = processor.at_rest(box, meter)
        figures.processor_under_load = processor.under_load(box, meter)
    return _blueprint(environment, context)


def _blueprint(environment: Environment, context: Context) -> Blueprint:
    from pov.steps.services import prober

    token = environment.home.secret(prober.TOKEN)
    assert token is not None
    return Blueprint(
        cluster=f"pov-{context.name}",
        manifests=tuple(dump(lambda *arguments: environment.kubectl(*arguments).out)),
        wishes=wishes(context),
        estates=tuple(estate.name for estate in context.estates),
        ca=context.trust.ca_pem,
        prober_token=token,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def told(figures: Figures) -> list[tuple[str, str, str, str]]:
    """Rows for people: what, measured, goal, verdict."""
    up, floor, again = (statistics.median(values) for values in (figures.up, figures.floor, figures.again))
    name = figures.scenario
    rows = [
        _row(f"pov up {name}, warm", up, "s", GOAL_S.get(name)),
        _row(f"the floor of {name}", floor, "s", None),
        _row(f"pov up {name} / its floor", figures.ratio, "", GOAL_RATIO if name == "gitops-35" else None),
        _row(f"pov up {name} again", again, "s", GOAL_AGAIN_S),
        _row(f"pov down {name}", statistics.median(figures.down), "s", None),
    ]
    goal = GOAL_MEMORY_GB if name == "gitops-35" else None
    rest, load = (math.fsum(found.values()) for found in (figures.processor_at_rest, figures.processor_under_load))
    return [
        *rows,
        _row(f"node memory at rest, {name}", figures.memory_bytes / 1e9, "GB", goal),
        _row(f"node processor at rest, no load, {name}", rest, "of a core", GOAL_AT_REST),
        _row(f"the same under a trial's load, {name}", load, "of a core", None),
    ]


def _row(what: str, value: float, unit: str, goal: float | None) -> tuple[str, str, str, str]:
    verdict = "" if goal is None else "met" if value <= goal else "NOT MET"
    return what, f"{value:.2f} {unit}".strip(), "" if goal is None else f"{goal:g} {unit}".strip(), verdict


def memory_table(figures: Figures) -> list[tuple[str, str]]:
    """What takes the node's memory, the largest first; the rest is page cache, buffers and the kernel's own."""
    rows = [(name, f"{size / 1e6:8.0f} MB") for name, size in list(figures.memory_shares.items())[:24]]
    resident = sum(figures.memory_shares.values())
    rest = sum(list(figures.memory_shares.values())[24:])
    rows += [("smaller ones", f"{rest / 1e6:8.0f} MB")] if rest else []
    rows.append(("page cache and kernel", f"{(figures.memory_bytes - resident) / 1e6:8.0f} MB"))
    return [*rows, ("in all", f"{figures.memory_bytes / 1e6:8.0f} MB")]


def processor_table(figures: Figures) -> list[tuple[str, str, str]]:
    """Shares of one core by part: at rest, and under a trial's load."""
    rest, load = figures.processor_at_rest, figures.processor_under_load
    names = {**PLATFORM, **AROUND}
    rows = [(names.get(one, one), rest.get(one, 0.0), load.get(one, 0.0)) for one in dict.fromkeys((*rest, *load))]
    rows.append(("in all", math.fsum(rest.values()), math.fsum(load.values())))
    return [("", "at rest", "under load"), *((name, f"{one:.3f}", f"{two:.3f}") for name, one, two in rows)]


def as_text(record: Any) -> str:
    """JSON for a file."""
    return json.dumps(record, indent=2, default=str) + "\n"
