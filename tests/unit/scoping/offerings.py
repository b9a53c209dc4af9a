"""Offerings for tests: the shipped one, changed; and one whose prices are given, so that there are totals."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

from ruamel.yaml import YAML

from pov.config.offering import Offering, shipped

TODAY = date(2026, 11, 28)


def document() -> dict[str, Any]:
    """The shipped offering as plain data."""
    found: dict[str, Any] = YAML(typ="safe").load(shipped().read_text())
    return found


def given(as_of: date = TODAY, source: str = "price list 7") -> dict[str, Any]:
    """The same with every figure given by a source on a day."""

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            kept = {key: replaced(value) for key, value in node.items() if key != "example"}
            return kept | ({"source": source, "asOf": as_of} if "example" in node else {})
        return [replaced(value) for value in node] if isinstance(node, list) else node

    found: dict[str, Any] = replaced(document())
    return found


def offering(base: dict[str, Any] | None = None, **changes: Any) -> Offering:
    """An offering with top-level keys changed."""
    return Offering.model_validate({**copy.deepcopy(base or document()), **changes})


def sizes(*bounds: tuple[int, int | None]) -> list[dict[str, Any]]:
    """Sizes A, B, … for these users."""
    return [
        {
            "name": chr(65 + index),
            "users": {"atLeast": least, "below": below},
            "infrastructure": "i",
            "component": "K8s-Sml",
            "topology": "shared",
        }
        for index, (least, below) in enumerate(bounds)
    ]
