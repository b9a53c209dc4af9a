"""Requests for more that were refused: wishes outside the agreed scope, by the signed records of who refused them.

A refusal is told as it was decided: by the day of its signature, also once its days are over. What was approved later
of the same scope is no wish any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.scoping.approvals import Approval, Record, Verify, judge, read

_MANDATE = "mandate"


@dataclass(frozen=True)
class Refusal:
    """One refusal that was signed by a role that may. `request` is what was asked before, which nobody signs."""

    record: str
    approval: Approval
    by: str
    role: str
    request: Approval | None

    def as_json(self, agreed: Mapping[str, Any]) -> dict[str, Any]:
        """As a run keeps it; of the figures those that are not `agreed`, the ones of the engagement's scope."""
        figures = self.approval.figures if self.approval.kind == "scope" else {}
        other = {name: value for name, value in figures.items() if agreed.get(name) != value}
        asked = self.request
        return {
            "record": self.record,
            "kind": self.approval.kind,
            "environment": self.approval.subject.environment,
            "figures": other,
            "agreed": {name: agreed.get(name) for name in other},
            "requested": timestamp(asked.issued) if asked else "",
            "wished": asked.reason if asked else "",
            "reviewed_for": list(self.approval.reasons),
            "by": self.by,
            "role": self.role,
            "on": timestamp(self.approval.issued),
            "why": self.approval.reason,
            "until": timestamp(self.approval.expires),
        }


def refusals(records: Iterable[Record], engagement: str, verify: Verify) -> tuple[list[Refusal], list[str]]:
    """What an engagement was refused and not approved later, oldest first; and refusals that do not count, with why."""
    found: dict[tuple[str, str, str], Refusal] = {}
    requests: dict[tuple[str, str, str], list[Approval]] = {}
    newest: dict[tuple[str, str, str], Approval] = {}
    left: list[str] = []
    for record, approval in _of(records, engagement):
        key = (approval.kind, approval.subject.environment, approval.subject.scope)
        if approval.decision == "request":
            requests.setdefault(key, []).append(approval)
            continue
        # As of its own day: that its days are over since takes nothing from what was decided.
        verdict = judge(record, verify, approval.issued)
        if not verdict.counts:
            left += [f"{record.name}: {verdict.why}"] if approval.decision == "refuse" else []
            continue
        if key in newest and approval.issued < newest[key].issued:
            continue
        newest[key] = approval
        found.pop(key, None)
        if approval.decision == "refuse":
            before = [one for one in requests.get(key, []) if one.issued <= approval.issued]
            asked = max(before, key=lambda one: one.issued, default=None)
            found[key] = Refusal(record.name, approval, verdict.by, verdict.role, asked)
    return sorted(found.values(), key=lambda one: one.approval.issued), left


def _of(records: Iterable[Record], engagement: str) -> Iterable[tuple[Record, Approval]]:
    """Those of an engagement that can be read, requests first: what is asked may lie in a file of a later name."""
    known = []
    for record in records:
        try:
            approval = read(record.content)
        except PovError:
            continue
        if approval.subject.engagement == engagement and approval.kind != _MANDATE:
            known.append((record, approval))
    return sorted(known, key=lambda one: (one[1].decision != "request", one[1].issued, one[0].name))
