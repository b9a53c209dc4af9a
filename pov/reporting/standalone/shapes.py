"""What each file holds, as far as it is read here."""

from __future__ import annotations

from typing import Any

from pov.reporting.standalone.known import NAMES

NUMBER, INTEGER, COUNT, TEXT, FLAG = "a number", "a whole number", "a count", "a text", "true or false"
MOST = {NUMBER: 1e15, INTEGER: 1e15, COUNT: 1e9}  # no figure of a run comes near them
# What files hold, as far as this reads it. A key with `?` may be missing or null; `*` stands for every other key; a
# list has members of one kind, a tuple one member each. What is not like that is told and left out.
COUNTED = {"operation": {f"{name}?": COUNT for name in (*NAMES, "excused_handshakes")},
           "heartbeat?": {"longest_ms?": NUMBER, "count?": NUMBER},
           "causes?": [{"kind": TEXT, "text": TEXT, "edge": TEXT, "count": COUNT}],
           "control_stalls?": {"count?": NUMBER}}  # fmt: skip
SAMPLE = {
    "n": INTEGER, "experiment": TEXT, "arm": TEXT, "trial?": INTEGER, "origin?": TEXT, "ok?": FLAG, "seconds?": NUMBER,
    "steps?": [{"name": TEXT, "seconds": NUMBER}], "figures?": {}, "traffic?": COUNTED, "genesis?": {},
    "details?": {"by?": TEXT, "service?": TEXT, "seen?": {}, "recording?": {"file?": TEXT, "sha256?": TEXT}},
    "resumed?": [{"after": INTEGER, "last": TEXT, "at": TEXT}],
}  # fmt: skip
CATALOGUE = {
    "arms?": [{"name": TEXT, "label?": TEXT, "kind?": TEXT, "against?": TEXT, "spoken?": TEXT}],
    "metrics?": [{"name": TEXT, "label?": TEXT, "figure": TEXT, "unit?": TEXT, "aggregation?": TEXT}],
    "experiments?": [
        {
            "name": TEXT,
            "title?": TEXT,
            "judged_by?": TEXT,
            "metrics?": [TEXT],
            "noun?": TEXT,
            "ways?": [TEXT],
            "subject?": TEXT,
            "starts?": TEXT,
            "stops?": TEXT,
            "review?": TEXT,
        }
    ],
}
CRITERION = {"id": TEXT, "experiment": TEXT, "arm": TEXT, "metric": TEXT, "title?": TEXT, "primary_against?": TEXT}
BOUNDS = ("at_most", "at_least", "bound")
ENVIRONMENT = {
    "run?": TEXT, "criteria?": [CRITERION], "catalogue?": CATALOGUE, "machine?": {}, "value?": {},
    "order_drawn?": TEXT, "plan?": [{"experiment?": TEXT, "arm?": TEXT}], "under_proof?": [TEXT],
    "earlier_runs?": [{"run": TEXT}],
    "frozen?": {"digest?": TEXT, "changes?": [TEXT], "signatures?": {"*": TEXT}}, "own_arms?": [{"name?": TEXT}],
    "choices?": {"kill_at?": NUMBER, "error_rate?": NUMBER},
    "baseline?": [{"unit?": TEXT, "figure?": TEXT, "id?": TEXT, "by?": TEXT, "when?": TEXT}],
}  # fmt: skip
SUMMARY = {
    "digests?": {"*": TEXT}, "criteria?": [{"id": TEXT}], "run?": {},
    "experiments?": [{"name": TEXT, "arms?": [{"name": TEXT}]}],
}  # fmt: skip
HEAD = {"files?": {"*": TEXT}, "chain_head?": TEXT}
AGREED: dict[str, Any] = {"agreed?": {"experiments?": [
    {"name": TEXT, "arms?": [TEXT], "trials?": COUNT, "arm_trials?": {"*": COUNT}, "aa?": COUNT,
     "at?": TEXT, "error_rate?": NUMBER},
]}}  # fmt: skip
COUNTED_RUNS = {"runs?": [{"run?": TEXT, "state?": TEXT}]}
POINT = {"n": INTEGER, "seconds?": NUMBER, "ok": FLAG}
CELL = {"label": TEXT, "figure": TEXT, "unit": TEXT, "range": TEXT, "trials": TEXT, "loss": TEXT, "samples": TEXT,
        "note?": TEXT, "points?": [POINT]}  # fmt: skip
OUTCOME: dict[str, Any] = dict.fromkeys(("id", "title", "threshold", "today", "observed", "outcome", "reason"), TEXT)
SMALL = {"figure": TEXT, "trials": TEXT, "loss": TEXT}
BLOCKS: dict[str, Any] = {
    "heading": {"text": TEXT}, "text": {"text": TEXT}, "callout": {"title": TEXT, "text": TEXT},
    "bullets": {"items": [(TEXT, TEXT)]}, "table": {"caption": TEXT, "head": [TEXT], "rows": [[TEXT]]},
    "outcomes": {"rows": [OUTCOME], "more?": TEXT, "head?": TEXT, "observed?": TEXT},
    "overview": {"arms": [{"label": TEXT}],
                 "rows": [{"name": TEXT, "title": TEXT, "more": TEXT, "note?": TEXT, "cells": [SMALL]}]},
    "stated": {"items": [dict.fromkeys(("value", "unit", "figure", "source"), TEXT)], "note?": TEXT},
    "key_figures": {"title": TEXT, "subtitle": TEXT, "alt": TEXT, "cells": [CELL], "axis": [NUMBER]},
    "dots": {"panels": [{"label": TEXT, "points?": [POINT]}], "axis": [NUMBER]},
    "ratios": {"rows": [{"name": TEXT, "value": NUMBER, "low?": NUMBER, "high?": NUMBER, "told": TEXT}],
               "axis": [NUMBER]},
    "bars": {"rows": [{"n": INTEGER, "seconds?": NUMBER, "total": TEXT, "parts": [{"seconds": NUMBER}]}],
             "legend": [{"name": TEXT, "median": TEXT}], "axis": [NUMBER]},
    "cash": {"caption": TEXT, "alt": TEXT, "bars": [{"label": TEXT, "value": NUMBER}],
             "lines": [{"label": TEXT, "values": [NUMBER]}], "axis": [{"label": TEXT, "value": NUMBER}]},
}  # fmt: skip


def block_shape(value: Any) -> Any:
    """The shape of a block of the report, by its kind."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "columns":
        return {"kind": TEXT, "left_title": TEXT, "right_title": TEXT, "left": [block_shape], "right": [block_shape]}
    return {"kind": TEXT, **(BLOCKS.get(kind, {}) if isinstance(kind, str) else {})}


REPORT = {
    "verdict?": [TEXT], "digests?": {"*": TEXT}, "catalogue?": CATALOGUE, "problems?": [TEXT],
    "sections?": [{"id": TEXT, "title": TEXT, "blocks": [block_shape]}],
}  # fmt: skip
