"""What the gate judges, and what it says: pure functions over the offering, the approvals and a plan.

Limits come from the offering and the approvals alone; the policies in `policies/` compare, and hold no figure.
"""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pov.base.errors import InvalidInput, Problem
from pov.config.offering import Offering, Quotas
from pov.config.scope import Scope
from pov.model.reading import number
from pov.scoping.approvals import ROLES, Approved, Verdict, guardrail_variables
from pov.scoping.assessment import Assessment, Line
from pov.scoping.figures import amount
from pov.scoping.sizing import bounds_variable, storage_variable

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_OF_THE_CHANGE = {"timestamp", "terraform_version", "format_version", "prior_state"}
_FIGURES = {"cpu": "CPU cores", "memory_gib": "GiB of memory", "pods": "pods", "services": "services"}


@dataclass(frozen=True)
class Refusal:
    """One thing that is not let through: what, which limit, what would make it pass, and who may approve it."""

    what: str
    limit: str
    fix: str
    who: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """All of it in one line."""
        parts = [
            self.what,
            f"limit: {self.limit}" if self.limit else "",
            f"passes with: {self.fix}" if self.fix else "",
        ]
        who = f"may approve: {' or '.join(self.who)}" if self.who else ""
        return " ".join("; ".join(filter(None, [*parts, who])).split())

    def as_json(self) -> dict[str, Any]:
        """The refusal as a JSON object."""
        return {"what": self.what, "limit": self.limit, "fix": self.fix, "who": list(self.who)}


@dataclass(frozen=True)
class Check:
    """One thing that the gate looked at. `not_checked` says why it did not; `advice` is told and stops nothing."""

    name: str
    refusals: tuple[Refusal, ...] = ()
    advice: tuple[Refusal, ...] = ()
    not_checked: str = ""

    def as_json(self) -> dict[str, Any]:
        """The check as a JSON object."""
        outcome = "not checked" if self.not_checked else "refused" if self.refusals else "passed"
        return {
            "name": self.name,
            "outcome": outcome,
            "refusals": [one.as_json() for one in self.refusals],
            "advice": [one.as_json() for one in self.advice],
            "not_checked": self.not_checked,
        }


@dataclass(frozen=True)
class Change:
    """What would happen to one object: its address and the actions, and no value of it."""

    address: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A plan in short: what would change, and the digest of what it says."""

    changes: tuple[Change, ...] = ()
    digest: str = ""
    actions: Mapping[str, int] = field(default_factory=dict)


def missing_approvals(assessment: Assessment, approved: Approved) -> tuple[Refusal, ...]:
    """A line for each reason that needs an approval which is not there, or does not count."""
    found = []
    for kind in approved.missing:
        tried, who = approved.tried(kind), tuple(sorted(ROLES[kind]))
        at_hand = f", which is not at hand ({tried})" if tried else ""
        fix = f"an approval of {kind} (pov scope approve --kind {kind}){at_hand}"
        reasons = [reason for reason in assessment.reasons if reason.needs == kind]
        found += [Refusal(reason.text, reason.limit, fix, who) for reason in reasons]
        if not reasons:
            found.append(Refusal(f"{kind} is not approved", "", fix, who))
    return tuple(found)


def beyond_capacity(assessment: Assessment, approved: Approved) -> tuple[Refusal, ...]:
    """What the platform has no room for beside other deals, and is approved: whoever did that was shown no sum."""
    over = [one for one in assessment.reasons if one.id.startswith("capacity-") and one.needs in approved.by_kind]
    return tuple(Refusal(f"{one.text}; it is approved all the same", "", "less, or a larger platform") for one in over)


def unnamed(assessment: Assessment) -> tuple[Refusal, ...]:
    """That nobody is named where a solutions architect must take part."""
    if not assessment.shadow:
        return ()
    what = f"no solutions architect is named: {assessment.shadow.partition(': ')[2]}"
    limit = "one takes part above the deal value, and where a deal needs a review"
    return (Refusal(what, limit, "a name at scope.architect in engagement.yaml", ("whoever asks",)),)


def holds_until(approved: Approved, *others: Verdict | None) -> datetime | None:
    """When the first of the records that count runs out; None where nothing rests on any."""
    counting = (*approved.by_kind.values(), *filter(None, others))
    return min((one.approval.expires for one in counting if one.approval is not None), default=None)


def prices(assessment: Assessment) -> tuple[str, ...]:
    """What the scope costs, a sentence a line item, then the totals. An example is called one, and gives no total.

    What is too old is marked.
    """
    currency = assessment.offering.currency
    told = [_price(line, currency) for line in assessment.lines]
    for name, total in (("once", assessment.once), ("a month", assessment.monthly)):
        if total.amount is not None or total.notes:
            figure = f"{amount(total.amount)} {currency}" if total.amount is not None else ""
            told.append(f"total {name}: {'; '.join(filter(None, (figure, *total.notes)))}")
    return tuple(told)


def _price(line: Line, currency: str) -> str:
    price = line.price if line.worth.shown else None
    ends = (
        ((price.once, f"{currency} once"), (price.monthly, f"{currency} a month"), (price.lead_weeks, "weeks"))
        if price
        else ()
    )
    told = ", ".join(f"{amount(figure)} {unit}" for figure, unit in ends if figure is not None)
    return f"{line.title}, for {line.rule}: {told or f'no price: {line.worth.why}'}{line.worth.mark}"


def variables(
    stages: Mapping[str, Mapping[str, Any]], approved: Approved, reference: str, offering: Offering, scope: Scope
) -> dict[str, Any]:
    """All that Terraform is told: what is asked for, the offering's limits, what the scope names, signed approvals."""
    quotas = offering.quotas
    told = guardrail_variables(approved, reference, quotas)
    storage = storage_variable(offering, scope.users, told)
    limits = {"quotas": quotas.model_dump(), **told, **storage, **bounds_variable(offering, scope, reference)}
    return {"stages": dict(stages), **limits}


def approved_iops(approved: Approved) -> float:
    """The IOPS that an approval names. One that names none approves none."""
    iops = approved.by_kind.get("iops")
    figures = iops.approval.figures if iops is not None and iops.approval is not None else {}
    return number(figures.get("iops")) or 0


def judged_document(given: Mapping[str, Any], iops: float, quotas: Quotas, plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the policies on a plan are given; `iops` are those that are approved."""
    return {
        "given": dict(given),
        "approved": {"iops": iops},
        "quotas": quotas.model_dump(),
        "roles": {kind: sorted(roles) for kind, roles in ROLES.items()},
        "plan": dict(plan),
    }


def too_small(own: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> tuple[Refusal, ...]:
    """Where less is asked for a stage than the services take that an environment's scenario runs in it (`own`)."""
    return tuple(
        Refusal(
            f"{stage}: {asked[stage][figure]:g} {unit} asked for",
            f"{needed[figure]:g}, which what runs there takes",
            f"at least {needed[figure]:g}",
            ("whoever asks",),
        )
        for stage, needed in own.items()
        for figure, unit in _FIGURES.items()
        if stage in asked and asked[stage][figure] < needed[figure]
    )


def reserved(stages: Iterable[str], names: Collection[str], begin: tuple[str, ...]) -> tuple[Refusal, ...]:
    """Stages that are called as a namespace is which is not for a deal: by name, or by how names `begin`."""
    return tuple(
        Refusal(f"the stage {stage} is asked for", "a namespace of the platform", "another name", ("whoever asks",))
        for stage in stages
        if stage in names or stage.startswith(begin)
    )


def digest_given(option: str, digest: str | None) -> str:
    """A digest of a plan as somebody typed it; empty where they gave none. Raises `InvalidInput` for anything else."""
    if digest is not None and re.fullmatch(r"[0-9a-f]{64}", digest) is None:
        fix = "the 64 letters and digits that an earlier gate told"
        raise InvalidInput([Problem(option, "is no digest of a plan", fix)])
    return digest or ""


def told_of(plan: Mapping[str, Any], made_on: Mapping[str, Any] | None = None) -> Told:
    """A plan in short. Its digest is over all that it says, but for when it was made, by which version, and the state
    before, of which each change says its part.

    `made_on` marks the state where that holds anything: the same plan on a state that has moved is another one.
    """
    changes = tuple(
        Change(str(one["address"]), tuple(one["change"]["actions"]))
        for one in plan.get("resource_changes") or ()
        if one["change"]["actions"] != ["no-op"]
    )
    actions = [action for change in changes for action in change.actions]
    counts = {name: actions.count(name) for name in ("create", "update", "delete")}
    said = {key: value for key, value in plan.items() if key not in _NOT_OF_THE_CHANGE}
    if made_on:
        said = {"plan": said, "made_on": dict(made_on)}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return Told(changes, hashlib.sha256(canonical.encode()).hexdigest(), counts)


def junit_xml(checks: Sequence[Check], seconds: float) -> str:
    """The checks as JUnit XML: a case each, with its refusals as one failure; what was not checked is skipped."""
    failed = sum(bool(check.refusals) for check in checks)
    skipped = sum(bool(check.not_checked) for check in checks)
    suite = ET.Element("testsuite", name="pov gate", tests=str(len(checks)), failures=str(failed), errors="0")
    suite.set("skipped", str(skipped))
    suite.set("time", f"{seconds:.3f}")
    for check in checks:
        case = ET.SubElement(suite, "testcase", name=check.name, classname="pov.gate")
        if check.refusals:
            lines = _lines(check.refusals)
            ET.SubElement(case, "failure", message=lines[0], type="refused").text = "\n".join(lines)
        if check.not_checked:
            ET.SubElement(case, "skipped", message=_NOT_XML.sub("?", check.not_checked))
        if check.advice:
            ET.SubElement(case, "system-out").text = "\n".join(_lines(check.advice))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _lines(refusals: Iterable[Refusal]) -> list[str]:
    return [_NOT_XML.sub("?", refusal.in_words) for refusal in refusals]
