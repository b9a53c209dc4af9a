"""Approvals: what exactly was approved, by which role, until when, and whether that still holds.

A record is a file of JSON, signed as it lies there. What was approved is bound to it: the engagement, the environment,
the digests of the scope and of the offering, and an end. So a scope that changed and an approval that ran out are
unapproved by themselves. The role comes from the key: allowed signers are called ROLE/NAME, and nothing that a record
says of its own role is ever read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pov.base.clock import timestamp
from pov.base.errors import PovError
from pov.config.offering import Offering, Quotas
from pov.config.scope import Scope
from pov.model.reading import items, mapping, number, parsed, text
from pov.scoping.capacity import Commitment

NAMESPACE = "pov-approval"
SCHEMA = "pov.dev/approval/v1"
ROLES: Mapping[str, frozenset[str]] = {
    "scope": frozenset({"engineer", "engineering-vp", "cto"}),
    "iops": frozenset({"engineering-vp"}),
    "override": frozenset({"engineering-vp", "cto"}),
    "mandate": frozenset({"cto"}),
}
"""Who may approve what. It stands here and not in a file, so that no change under review can widen it."""
DECISIONS = ("request", "approve", "refuse")
LONGEST_DAYS = 366
_SKEW = timedelta(minutes=5)
_NOT_IN_THE_DIGEST = {"offering", "architect"}

Verify = Callable[[bytes, str], str]
"""Who signed these bytes, as the allowed signers call them; raises `PovError` with the reason if nobody did."""


@dataclass(frozen=True)
class Subject:
    """What an approval is about: nothing of it may differ. A mandate has no scope and no offering."""

    engagement: str
    environment: str
    scope: str = ""
    offering: str = ""


@dataclass(frozen=True)
class Approval:
    """One record. `figures` are the answers that were approved; `reasons` what they were reviewed for."""

    id: str
    decision: str
    kind: str
    subject: Subject
    figures: Mapping[str, Any]
    reasons: tuple[str, ...]
    reason: str
    issued: datetime
    expires: datetime

    def as_bytes(self) -> bytes:
        """The record as it is signed and kept."""
        document = {
            "schema": SCHEMA,
            "id": self.id,
            "decision": self.decision,
            "kind": self.kind,
            **vars(self.subject),
            "figures": dict(self.figures),
            "reasons": list(self.reasons),
            "reason": self.reason,
            "issued": timestamp(self.issued),
            "expires": timestamp(self.expires),
        }
        return (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


@dataclass(frozen=True)
class Record:
    """A file of the approvals' folder: its name, its bytes, and the signature beside it, if there is one."""

    name: str
    content: bytes
    signature: str | None


@dataclass(frozen=True)
class Verdict:
    """What a record is worth: `why` says why it does not count, and is empty where it does.

    `by` is who signed, `role` as what.
    """

    record: str
    approval: Approval | None
    role: str = ""
    by: str = ""
    why: str = ""

    @property
    def counts(self) -> bool:
        """Whether it approves, or refuses, what it says."""
        return not self.why

    def as_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        about = self.approval
        told = {"kind": about.kind, "decision": about.decision, "expires": timestamp(about.expires)} if about else {}
        return {"record": self.record, "role": self.role, "by": self.by, "counts": self.counts, "why": self.why, **told}


def digest_of_scope(scope: Scope) -> str:
    """SHA-256 of the answers. Who takes part, and where the offering's file lies, is not part of what is promised."""
    return _digest(scope.model_dump(mode="json", exclude=_NOT_IN_THE_DIGEST))


def digest_of_offering(offering: Offering) -> str:
    """SHA-256 of the offering: other limits, prices or sizes are another promise."""
    return _digest(offering.model_dump(mode="json"))


def figures_of(scope: Scope) -> dict[str, Any]:
    """The answers as a record keeps them; what was not answered is left out."""
    return scope.model_dump(mode="json", exclude=_NOT_IN_THE_DIGEST, exclude_none=True)


def read(content: bytes) -> Approval:
    """A record's content. Raises `PovError` with what is wrong with it."""
    try:
        return _read(mapping(parsed(content)))
    except (ValueError, TypeError) as error:
        raise PovError("not a record of an approval", cause=str(error)) from error


def _read(found: Mapping[str, Any]) -> Approval:
    if found.get("schema") != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    kind, decision = text(found.get("kind")), text(found.get("decision"))
    if kind not in ROLES or decision not in DECISIONS:
        raise ValueError(f"it is a {decision or 'nothing'} of {kind or 'nothing'}")
    return Approval(
        id=text(found.get("id")),
        decision=decision,
        kind=kind,
        subject=Subject(*(text(found.get(key)) for key in ("engagement", "environment", "scope", "offering"))),
        figures=mapping(found.get("figures")),
        reasons=tuple(text(one) for one in items(found.get("reasons"))),
        reason=text(found.get("reason")),
        issued=_moment(found.get("issued")),
        expires=_moment(found.get("expires")),
    )


def judge(record: Record, verify: Verify, now: datetime) -> Verdict:
    """Whether a record is signed by a role that may decide it, and not over. What it is about is not looked at."""
    try:
        approval = read(record.content)
    except PovError as error:
        return Verdict(record.name, None, why=f"{error.message}: {error.cause}")
    if approval.decision == "request":
        return Verdict(record.name, approval, why="it is a request")
    return _signed(record, approval, verify, now)


def _signed(record: Record, approval: Approval, verify: Verify, now: datetime) -> Verdict:
    if record.signature is None:
        return Verdict(record.name, approval, why=f"it is not signed: {record.name}.sig is missing")
    try:
        principal = verify(record.content, record.signature)
    except PovError as error:
        return Verdict(record.name, approval, why=": ".join(filter(None, (error.message, error.cause))))
    role, slash, by = principal.partition("/")
    verdict = Verdict(record.name, approval, role, by)
    if not slash or not by.strip():
        return replace(verdict, role="", by=principal, why=f"{principal} has no role: a signer is called ROLE/NAME")
    if role not in ROLES[approval.kind]:
        allowed = " or ".join(sorted(ROLES[approval.kind]))
        return replace(verdict, why=f"{by} signed as {role}, and {approval.kind} takes {allowed}")
    return replace(verdict, why=_time(approval, now))


def _time(approval: Approval, now: datetime) -> str:
    if approval.issued > now + _SKEW:
        return f"it is dated {timestamp(approval.issued)}, which is still to come"
    if approval.expires - approval.issued > timedelta(days=LONGEST_DAYS):
        return f"it would hold for longer than {LONGEST_DAYS} days"
    if approval.expires <= now:
        return f"it expired on {approval.expires:%Y-%m-%d}"
    return ""


def about(verdict: Verdict, subject: Subject) -> Verdict:
    """The verdict for one subject: what was approved for another does not count for it."""
    if verdict.approval is None or not verdict.counts:
        return verdict
    told = verdict.approval.subject
    if told.engagement != subject.engagement:
        return replace(verdict, why=f"it is for the engagement {told.engagement}")
    if told.environment != subject.environment:
        return replace(verdict, why=f"it is for the environment {told.environment}")
    if told.scope != subject.scope:
        return replace(verdict, why="the scope has changed since")
    if told.offering != subject.offering:
        return replace(verdict, why="the offering has changed since")
    return verdict


@dataclass(frozen=True)
class Approved:
    """What is needed, and for each kind the record that approves it, or why none does; every record's verdict."""

    needs: tuple[str, ...]
    by_kind: Mapping[str, Verdict]
    verdicts: tuple[Verdict, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The kinds that are needed and not approved."""
        return tuple(kind for kind in self.needs if kind not in self.by_kind)

    def tried(self, kind: str) -> str:
        """Which approvals of a kind are at hand and do not count, each with the reason; empty without any."""
        found = [v for v in self.verdicts if v.approval is not None and v.approval.kind == kind and not v.counts]
        return "; ".join(f"{v.record}: {v.why}" for v in found if v.approval and v.approval.decision == "approve")

    def why_missing(self, kind: str) -> str:
        """In one line: what is missing, why the records at hand do not do, and who may approve."""
        tried = self.tried(kind)
        who = " or ".join(sorted(ROLES[kind]))
        return f"{kind} is not approved{f' ({tried})' if tried else ''}: {who} may approve it"

    def as_json(self) -> dict[str, Any]:
        """The state as a JSON object."""
        return {
            "needs": list(self.needs),
            "missing": list(self.missing),
            "approved": {kind: verdict.as_json() for kind, verdict in self.by_kind.items()},
            "records": [verdict.as_json() for verdict in self.verdicts],
        }


def approved(
    records: Iterable[Record], subject: Subject, needs: Sequence[str], verify: Verify, now: datetime
) -> Approved:
    """Judge every record for a subject. The newest decision of a kind counts; a copy of a record counts once."""
    seen: dict[str, str] = {}
    verdicts = []
    for record in sorted(records, key=lambda one: one.name):
        verdict = about(judge(record, verify, now), subject)
        if verdict.approval is not None and verdict.counts:
            first = seen.setdefault(verdict.approval.id, record.name)
            if first != record.name:
                verdict = replace(verdict, why=f"it is a copy of {first}")
        verdicts.append(verdict)
    newest: dict[str, Verdict] = {}
    for verdict in verdicts:
        if verdict.approval is None or not verdict.counts:
            continue
        known = newest.get(verdict.approval.kind)
        if known is None or known.approval is None or verdict.approval.issued >= known.approval.issued:
            newest[verdict.approval.kind] = verdict
    decided = {k: v for k, v in newest.items() if v.approval is not None and v.approval.decision == "approve"}
    told = tuple(_overtaken(verdict, newest) for verdict in verdicts)
    return Approved(tuple(needs), decided, told)


def _overtaken(verdict: Verdict, newest: Mapping[str, Verdict]) -> Verdict:
    """An approval that somebody refused later does not count, and says so."""
    if verdict.approval is None or not verdict.counts or verdict.approval.decision != "approve":
        return verdict
    last = newest[verdict.approval.kind]
    if last.approval is not None and last.approval.decision == "refuse":
        return replace(verdict, why=f"{last.by} refused it later ({last.record}: {last.approval.reason})")
    return verdict


def guardrail_variables(found: Approved, reference: str, quotas: Quotas) -> dict[str, dict[str, Any]]:
    """What Terraform's guardrail is told: signed approvals and nothing else, whatever mode the check runs in.

    An approved scope allows the cores that it names, never more than the quota, and none where it names none; and the
    storage that it names.
    """
    told: dict[str, dict[str, Any]] = {}
    for kind, verdict in found.by_kind.items():
        reason = verdict.approval.reason if verdict.approval is not None else ""
        if kind == "scope":
            cores = number(verdict.approval.figures.get("cpu")) if verdict.approval is not None else None
            allowed = max(quotas.cpu_standard, min(quotas.cpu_scoped, cores or 0))
            told["scope"] = {"reference": reference, "approved_by": verdict.by}
            told["quotas"] = quotas.model_dump() | {"cpu_scoped": allowed}
            storage = number(verdict.approval.figures.get("storage_gib")) if verdict.approval is not None else None
            if storage:
                told["storage"] = {"gib": storage, "of": f"scope {reference}"}
        elif kind == "iops":
            told["iops_approval"] = {"role": verdict.role, "approved_by": verdict.by}
        elif kind == "override":
            told["override"] = {"approved_by": verdict.by, "reason": reason}
    return told


def commitments(records: Iterable[Record], own: str, verify: Verify, now: datetime) -> tuple[Commitment, ...]:
    """What other engagements were approved for: of each the newest scope that counts.

    Where none does, and an approval is at hand that is not over, the engagement is there with the reason.
    """
    newest: dict[str, Approval] = {}
    doubted: dict[str, str] = {}
    for record in records:
        verdict = judge(record, verify, now)
        found = verdict.approval
        if found is None or found.kind != "scope" or found.subject.engagement == own:
            continue
        if not verdict.counts:
            if found.decision == "approve" and found.expires > now:
                doubted.setdefault(found.subject.engagement, verdict.why)
            continue
        known = newest.get(found.subject.engagement)
        if known is None or found.issued >= known.issued:
            newest[found.subject.engagement] = found
    counted = [_commitment(name, found.figures) for name, found in newest.items() if found.decision == "approve"]
    in_doubt = [Commitment(name, doubt=why) for name, why in doubted.items() if name not in newest]
    return tuple(sorted((*counted, *in_doubt), key=lambda one: one.engagement))


def _commitment(engagement: str, figures: Mapping[str, Any]) -> Commitment:
    return Commitment(
        engagement,
        cpu=number(figures.get("cpu")),
        memory_gib=number(figures.get("memory_gib")),
        storage_gib=number(figures.get("storage_gib")),
        iops=number(figures.get("iops")),
    )


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(text(value))
    if found.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return found
