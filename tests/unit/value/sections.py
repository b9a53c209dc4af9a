"""Value sections for tests: a plain one to compute by hand, and a way to change one place of it."""

from __future__ import annotations

import copy
from typing import Any

from pov.config.value import Value
from pov.value.case import Case
from pov.value.plan import Find, nothing_measured, plan

WHO = {"by": "Jo Smith, operations", "when": "2026-10-01"}


def given(expected: object, low: object = None, high: object = None, **more: Any) -> dict[str, Any]:
    """One input."""
    return {"low": low, "expected": expected, "high": high, **WHO, **more}


PLAIN: dict[str, Any] = {
    "currency": "EUR",
    "asOf": "2026-11-01",
    "services": 10,
    "activities": [
        {
            "id": "deploys",
            "title": "Deploying",
            "volume": given(10, 8, 12, per="week"),
            "before": given(60),
            "after": given(30, 20, 50),
            "rate": "ops",
            "frees": "hard",
            "budgetLine": "contractors",
        }
    ],
    "rates": [{"id": "ops", "title": "Operations", "hour": given("100 EUR")}],
    "price": {"once": "10000 EUR", "yearly": "4000 EUR", "source": "quote 7", **WHO},
    "waves": [{"title": "All", "quarter": 1, "services": 10}],
    "growth": given(0),
    "discount": {"percent": 21.550625, "source": "treasury", **WHO},
}
"""10 deploys a week at 30 min less and 100 EUR an hour: 65 h and 6,500 EUR a quarter. 1.21550625 is 1.05 four times."""

FULL: dict[str, Any] = {
    **PLAIN,
    "week": {"before": 9, "after": 2, **WHO},
    "activities": [
        {**PLAIN["activities"][0], "frees": "soft", "redeployed": given(50, 25, 75)},
        {
            "id": "platform",
            "title": "Running the platform",
            "volume": given(1, per="week"),
            "before": given(0),
            "after": given(45),
            "rate": "ops",
        },
    ],
    "incidents": [
        {
            "id": "expiry",
            "title": "Expired certificate",
            "perYear": given(3),
            "cost": given("9999.99 EUR"),
            "avoided": given(80),
            "frees": "hard",
            "budgetLine": "penalties",
        }
    ],
    "costs": [
        {"id": "training", "title": "Training", "kind": "training", "once": given("3333.33 EUR"), "quarter": 2},
        {"id": "hosts", "title": "Hosts", "kind": "infrastructure", "yearly": given("1001.01 EUR"), "quarter": 2},
    ],
    "waves": [{"title": "First", "quarter": 2, "services": 3}, {"title": "Others", "quarter": 4, "services": 6}],
    "trainingDip": given(25),
    "parallel": {"quarters": 1, "perQuarter": given("250.25 EUR")},
    "growth": given(5),
    "discount": {"percent": 8, "source": "treasury", **WHO},
    "risks": [
        {"id": "slow", "title": "It is slow", "probability": given(15), "cost": given("1234.50 EUR")},
        {"id": "skills", "title": "Skills", "probability": given(20), "cost": given("5000 EUR")},
    ],
    "exit": {"cost": given("800 EUR"), "how": "manifests stay"},
    "next": {"step": "three weeks on five of your services", "by": "A. Example", "until": "2026-12-01"},
}
"""Everything that a section can hold, once."""


def changed(section: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The section with the places of `changes` (`activities.0.volume.expected`) put otherwise; None empties one."""
    found = copy.deepcopy(section)
    for place, to in changes.items():
        *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        node: Any = found
        for part in path:
            node = node[part]
        node[last] = to
    return found


def case_of(section: dict[str, Any], changes: dict[str, Any] | None = None, find: Find = nothing_measured) -> Case:
    """The case that a section makes."""
    return Case(plan(Value.model_validate(changed(section, changes or {})), find))
