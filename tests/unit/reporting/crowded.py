"""Runs that crowd page one: more experiments, arms, criteria, risks and longer names than anybody has had so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pov.model.catalogue import EXPERIMENTS
from pov.reporting.model import Report, build
from pov.reporting.sections import SECTIONS
from pov.state.runs import read_run
from tests.unit.reporting import simulated
from tests.unit.value.sections import FULL, changed, given

LONG = "The Very Long Named International Payments and Settlement Company of Northern Europe plc & Co. KG"
OWNER = "Alexandra Example-Longname, deputy head of platform operations and resilience"
ARM = {"name": "acme-shell", "label": "Acme's scripts", "kind": "script", "spoken": "Acme's scripts"}
NAMED = {key: {**FULL[key], "by": OWNER} for key in ("price",)}
VALUE = changed(
    {**FULL, **NAMED},
    {
        "risks": [
            {
                "id": f"risk-{i}",
                "title": f"Risk {i}: the team that would have to run the new platform is not named, or leaves half-way",
                "probability": {**given(20), "by": OWNER},
                "cost": {**given("900 EUR"), "by": OWNER},
            }
            for i in range(6)
        ],
        "next.by": OWNER,
    },
)


def experiments(count: int) -> list[str]:
    """Names of so many experiments: those of the catalogue first, then some that only the run knows."""
    known = list(EXPERIMENTS)[:count]
    return known + [f"extra-{i}" for i in range(count - len(known))]


def crowded(
    folder: Path,
    count: int,
    *,
    only: Sequence[str] = (),
    criteria: int = 0,
    value: Mapping[str, Any] | None = None,
    arms: int = 2,
    trials: int = 4,
) -> Report:
    """The report of a run with so many experiments, each in so many arms, and against itself; `only` some sections."""
    names = experiments(count)
    ways = ["automated", "manual", "scripted", "acme-shell", "automated-poll"][:arms]
    order = simulated.plan(trials=trials, pairs=[(e, arm) for e in names for arm in (*ways, "automated-again")])
    usual, stated = simulated.environment([])["criteria"], simulated.environment([])["baseline"][0]
    more = [{"name": n, "title": f"Something of their own: {n}", "noun": n} for n in names if n not in EXPERIMENTS]
    changes: dict[str, Any] = {
        "catalogue": {"experiments": more, "arms": [ARM]},
        "engagement": {"customer": {"name": LONG}},
        "baseline": [{**stated, "id": f"figure-{i}", "by": OWNER} for i in range(max(1, criteria))],
    }
    if criteria:
        agreed = {"agreed_by": OWNER, "agreed_on": "2026-03-01"}
        changes["criteria"] = [{**usual[i % 2], **agreed, "id": f"criterion-{i}"} for i in range(criteria)]
    if value is not None:
        changes["value"] = value
    failed = {"ok": False, "error": "timed out"}
    run = simulated.save(
        folder, order=order, environment_changes=changes, sample_changes={2: failed}, finish=not criteria
    )
    return build(read_run(run), [one for one in SECTIONS if not only or one.id in only])
