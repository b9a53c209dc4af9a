"""Makes runs that look like saved ones. Everything in them is drawn from a seed: nothing was measured."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pov.state.runs import RunWriter

MEDIANS = {
    ("deploy", "automated"): 24.0,
    ("deploy", "automated-poll"): 118.0,
    ("deploy", "manual"): 61.0,
    ("rotate", "automated"): 9.5,
    ("rotate", "manual"): 152.0,
}
STEPS = {
    "automated": ("commit", "push", "webhook to sync", "rollout", "seen by prober"),
    "automated-poll": ("commit", "push", "wait for poll", "rollout", "seen by prober"),
    "manual": ("copy release", "stop service", "swap link", "start service", "health check", "seen by prober"),
}
UNDER_PROOF = ("payment-gateway", "checkout-bff", "card-authorization", "fraud-scoring", "ledger")


@dataclass
class TickingClock:
    """A clock that moves only when told."""

    now: datetime = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds

    def wall(self) -> datetime:
        """The simulated time of day."""
        return self.now + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        self.seconds += seconds


def plan(seed: int = 7, trials: int = 3, pairs: Iterable[tuple[str, str]] = tuple(MEDIANS)) -> list[dict[str, Any]]:
    """Trials in a random order from a seed, experiment by experiment."""
    draw = random.Random(seed)
    order: list[dict[str, Any]] = []
    chosen = list(pairs)
    for experiment in dict.fromkeys(name for name, _ in chosen):
        some = [(arm, i) for name, arm in chosen if name == experiment for i in range(1, trials + 1)]
        draw.shuffle(some)
        order += [{"experiment": experiment, "arm": arm, "trial": trial} for arm, trial in some]
    return order


def environment(order: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """What a run records before its first trial."""
    return {
        "simulated": True,
        "started": "2026-03-09T09:30:00.000Z",
        "target": "kind",
        "order_seed": 7,
        "plan": order,
        "scenario": {"name": "gitops-35", "title": "A payments company moves 35 services to GitOps"},
        "services": 35,
        "services_seed": 35,
        "replicas": 1,
        "edges": 77,
        "under_proof": list(UNDER_PROOF),
        "stage": "staging",
        "traffic": {"interval_ms": 1000, "new_connection_interval_ms": 2000, "timeout_ms": 1000},
        "engagement": {"name": "example", "customer": {"name": "Example Payments"}},
        "baseline": [
            {
                "id": "deploy-by-hand",
                "figure": "deploy of one service by hand",
                "value": 45,
                "unit": "min",
                "origin": "stated",
                "by": "A. Example, head of operations",
                "when": "2026-03-02",
                "experiment": "deploy",
            }
        ],
        "criteria": [
            {
                "id": "deploy-time",
                "title": "A new version of the five services serves within 3 minutes of the change being ready",
                "experiment": "deploy",
                "arm": "automated",
                "metric": "median_seconds",
                "at_most": 180,
            },
            {
                "id": "rotation-disruption",
                "title": "Renewing every certificate in staging fails no request",
                "experiment": "rotate",
                "arm": "automated",
                "metric": "failed_requests",
                "at_most": 0,
            },
        ],
        "pki": {"ttl": "24h"},
        "versions": {"kubernetes": "v0.0-simulated", "argo-cd": "v0.0-simulated", "openbao": "v0.0-simulated"},
        "machine": {"cores": 2, "memory_gib": 24, "kernel": "simulated", "load": 0.4},
        **changes,
    }


def sample(item: Mapping[str, Any], draw: random.Random, *, median: float | None = None) -> dict[str, Any]:
    """One successful trial."""
    experiment, arm = item["experiment"], item["arm"]
    seconds = (median or MEDIANS.get((experiment, arm), 30.0)) * draw.uniform(0.9, 1.15)
    names = STEPS.get(arm, ("all of it",))
    weights = [draw.uniform(0.2, 2.0) for _ in names]
    requests = int(seconds * 110)
    broken = int(draw.uniform(8, 30)) if arm == "manual" else 0
    refused = [cause("ledger → fees", "hard", "refused", broken)] if broken else []
    return {
        **item,
        "origin": "executed",
        "started": "",
        "seconds": round(seconds, 3),
        "ok": True,
        "error": "",
        "steps": [
            {"name": name, "seconds": round(seconds * weight / sum(weights), 3)}
            for name, weight in zip(names, weights, strict=True)
        ],
        "figures": {},
        "traffic": traffic(requests, hard=broken, causes=refused),
        "details": {},
    }


def cause(edge: str, kind: str, text: str, count: int) -> dict[str, Any]:
    """Why some requests on an edge failed."""
    return {"edge": edge, "kind": kind, "text": text, "count": count, "fresh": True}


def traffic(
    requests: int,
    *,
    hard: int = 0,
    late: int = 0,
    excused: int = 0,
    stalls: int = 0,
    causes: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the prober saw of one trial, with `stalls` of the control and of its own."""
    shaken = {"handshakes": requests // 3, "hard_handshakes": hard // 2, "late_handshakes": late // 2}
    stood = {"longest_ms": 800.0 if stalls else 0.0, "total_ms": 800.0 * stalls, "count": stalls}
    return {
        "seconds": requests / 110,
        "operation": {"requests": requests, "hard": hard, "late": late, "excused": excused, **shaken},
        "control": {"requests": requests // 5, "hard": 0, "late": stalls},
        "around": {"requests": requests // 2},
        "causes": list(causes),
        "heartbeat": stood,
        "control_stalls": stood,
        "node": {"cpu_pressure": 0.1, "steal": None},
        "timeout_ms": 1000,
    }


def footprint(number: int) -> dict[str, Any]:
    """What parts of the platform took in the span of a sample, a little more each time."""
    shares = {"argocd": 0.02, "vault": 0.006, "agents": 0.001, "gitea": 0.002, "kubernetes": 0.09, "node": 0.11}
    shares |= {"services": 0.01, "legacy": 0.004, "prober": 0.05, "others": 0.003}
    memory = {"argocd": 402.5, "vault": 61.2, "agents": 70.4, "gitea": 99.1, "kubernetes": 940.0, "node": 512.3}
    memory |= {"services": 93.0, "legacy": 44.7, "prober": 21.5, "others": 5.2}
    containers = {"argocd": 5, "vault": 2, "agents": 70, "gitea": 1, "kubernetes": 6, "services": 70, "legacy": 2}
    span = 40.0 + number
    return {
        "seconds": span,
        "processor_s": {name: round(share * span * (1 + number / 50), 3) for name, share in shares.items()},
        "memory_mib": {name: round(value + number, 1) for name, value in memory.items()},
        "containers": {**containers, "prober": 2},
    }


CANARY = {"service": "ledger", "seen": {"edge": "payment-gateway → ledger", "kind": "hard", "cause": "expired"}}
SEEN = {
    "traffic": traffic(120, hard=37, causes=[cause("payment-gateway → ledger", "hard", "certificate expired", 37)]),
    "details": CANARY,
    "steps": [],
}
"""What a negative control leaves that saw what it had to see."""


def save(
    runs: Path,
    *,
    order: list[dict[str, Any]] | None = None,
    environment_changes: Mapping[str, Any] | None = None,
    sample_changes: Mapping[int, Mapping[str, Any]] | None = None,
    medians: Mapping[tuple[str, str], float] | None = None,
    stop_after: int | None = None,
    control: bool = True,
    finish: bool = True,
) -> Path:
    """Write a run with the real writer and return its folder. `sample_changes` is by number of the sample."""
    order = plan() if order is None else order
    clock, draw = TickingClock(), random.Random(11)
    writer = RunWriter(runs, environment(order, **(environment_changes or {})), clock=clock)
    items: list[dict[str, Any]] = list(order[:stop_after])
    if control and any(item["experiment"] == "rotate" for item in items):
        items.append({"experiment": "rotate", "arm": "negative-control", "trial": 1})
    for number, item in enumerate(items, 1):
        record = sample(item, draw, median=(medians or {}).get((item["experiment"], item["arm"])))
        if item["arm"] == "negative-control":
            record |= SEEN
        record["started"] = clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        clock.sleep((record["seconds"] or 0.0) + 20)
        writer.append({**record, **(sample_changes or {}).get(number, {})})
    if finish:
        finished = clock.wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        writer.finish({"schema": "pov.dev/summary/v1", "run": {"id": writer.run_id, "finished": finished}})
    return writer.path
