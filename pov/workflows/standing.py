"""How a run stands to the frozen criteria: what it records of them, which files it keeps, which runs came before it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pov.base.errors import InvalidInput, Problem
from pov.config.engagement import Engagement
from pov.config.scenario import Scenario
from pov.model.words import Words
from pov.state import frozen as store
from pov.state.frozen_plan import Pairs, departures
from pov.state.ledger import runs_in
from pov.workflows.agreement import agreed

AS_FROZEN, CHANGED, NOT_FROZEN = "as frozen", "changed", "not frozen"


@dataclass(frozen=True)
class Standing:
    """`record` goes into the run's `environment.json`, `files` beside it; `told` warns, empty for nothing."""

    record: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    told: str = ""


@dataclass(frozen=True)
class Meant:
    """What is about to be measured: trials by experiment and arm, in these words, with these arms of one's own.

    `choices` is what was chosen of single experiments, as a run records it.
    """

    plan: Pairs
    words: Words = field(default_factory=Words)
    own: Collection[str] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)


def standing(
    root: Path, scenario: Scenario, engagement: Engagement | None, meant: Meant, *, exploratory: bool = False
) -> Standing:
    """Raises `InvalidInput` where other criteria or another plan are frozen than what would be measured, unless that is
    `exploratory`.

    A run records the digests of the frozen criteria and of the signatures over them before its first sample: they
    cannot have been made for its figures.
    """
    found = store.read(root) if engagement is not None else None
    earlier = [entry.as_json() for entry in runs_in(root, found.at if found else "")]
    if found is None or engagement is None:
        told = "criteria are not frozen: the report says so; pov criteria freeze  (before anything is measured)"
        nothing = {"frozen": {"state": NOT_FROZEN}, "exploratory": [], "earlier_runs": earlier}
        return Standing(nothing, told=told if engagement is not None else "")
    changes = store.differences(found.agreed, agreed(scenario, engagement))
    plan = departures(found.agreed, meant.plan, meant.words, meant.own, meant.choices)
    if (changes or plan) and not exploratory:
        where, marked = f"frozen on {found.at[:10]}", "pov measure --exploratory  (its report says so)"
        again = 'pov criteria freeze --because "why"'
        problems = [Problem(where, told, f"{again}, put it back, or {marked}") for told in changes]
        if plan:
            told = f"the plan differs from the frozen one: {'; '.join(plan)}"
            problems.append(Problem(where, told, f"pov measure without options follows it; {again}, or {marked}"))
        raise InvalidInput(problems)
    signed = store.signatures(root)
    signers = root / store.SIGNERS
    files = {store.FILE: found.content, **{name: text.encode() for name, text in signed.items()}}
    record: dict[str, Any] = {
        "state": CHANGED if changes or plan else AS_FROZEN,
        "digest": found.digest,
        "agreement": found.agreement,
        "at": found.at,
        "number": found.number,
        "because": found.because,
        "changes": changes,
        "signatures": {name: hashlib.sha256(files[name]).hexdigest() for name in signed},
    }
    if signers.is_file():
        files[store.SIGNERS] = signers.read_bytes()
        record["signers"] = hashlib.sha256(files[store.SIGNERS]).hexdigest()
    what = " and ".join(filter(None, ["against other criteria" if changes else "", "by another plan" if plan else ""]))
    warning = f"measured {what} than frozen on {found.at[:10]}: exploratory" if what else ""
    return Standing({"frozen": record, "exploratory": [*changes, *plan], "earlier_runs": earlier}, files, warning)
