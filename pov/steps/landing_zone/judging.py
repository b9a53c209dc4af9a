"""A plan before it is applied: the gate's policies judge it, where the program that tries them is here.

They are no part of the bundle. A bring-up builds nothing for them; one that is told an approved plan does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.files import write_atomic
from pov.base.paths import data
from pov.bundle.on_demand import conftest_at_hand, for_gate
from pov.config.offering import Quotas
from pov.engines.conftest import Conftest, Finding
from pov.scoping.gate import Refusal, judged_document
from pov.steps.landing_zone.applying import GUARDRAIL, Judged

if TYPE_CHECKING:
    from pov.engines.terraform import Plan
    from pov.model.events import Emit

BOTH = f"{GUARDRAIL} and the gate's policies"
RULES = "gate.plan"


def judge(
    quotas: Quotas, work: Path, emit: Emit, *, iops: float = 0, needed: bool = False
) -> Callable[[Plan, Mapping[str, Any]], Judged]:
    """How plans are judged here; `iops` are those that are approved.

    With `needed` the program is built where it is not there; without, it is left out.
    """

    def judged(plan: Plan, given: Mapping[str, Any]) -> Judged:
        program = conftest_at_hand() or (for_gate(emit).conftest if needed else None)
        if program is None:
            return Judged()
        document = judged_document(given, iops, quotas, plan.document)
        path = work / "judged.json"
        write_atomic(path, json.dumps(document))
        found = Conftest(program, data("policies")).judge(path, RULES)
        return Judged(BOTH, tuple(map(refusal, found.refused)))

    return judged


def refusal(found: Finding) -> Refusal:
    """What a rule refuses, as it is told."""
    return Refusal(found.text, str(found.more["limit"]), str(found.more["fix"]), tuple(found.more["who"]))
