"""What the gate refuses before there is a plan: the limits on what is asked for, by the same rules as the plan's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pov.base.files import write_atomic
from pov.config.offering import Quotas
from pov.engines.conftest import Conftest
from pov.scoping.gate import Check, judged_document
from pov.steps.landing_zone.judging import refusal

RULES = "gate.asked"


def limits(judge: Conftest, given: Mapping[str, Any], iops: float, quotas: Quotas, folder: Path) -> Check:
    """What is asked for against the limits; `iops` are those that are approved. `folder` is for a file of this run."""
    path = folder / "asked.json"
    write_atomic(path, json.dumps(judged_document(given, iops, quotas, {})))
    return Check("limits", tuple(map(refusal, judge.judge(path, RULES).refused)))


def once(said: Sequence[Check], more: Sequence[Check]) -> Iterator[Check]:
    """More checks without the refusals that were said before: nobody is told twice that the same is too much."""
    before = {one for check in said for one in check.refusals}
    for check in more:
        yield replace(check, refusals=tuple(one for one in check.refusals if one not in before))
