"""What Terraform's guardrail is told of approvals: those that are signed, for this environment, and hold now."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.model.events import Emit, Event
from pov.scoping.approvals import Approved, Verify, approved, guardrail_variables
from pov.scoping.assessment import assess
from pov.scoping.gate import approved_iops
from pov.steps.gate.names import DEAL
from pov.steps.landing_zone.deal import Followed
from pov.workflows.approvals import FOLDER, Trust, apart, default_revoked, default_signers, records, subject_of
from pov.workflows.scope import deal, today


@dataclass(frozen=True)
class Allowed:
    """The guardrail's variables that approvals set, each only where it is approved; and the IOPS that are."""

    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    iops: float = 0


def allowed(followed: Followed | None, folder: Path | None, environment: str, emit: Emit) -> Allowed:
    """By the approvals of the deal that an environment follows, else by those in the engagement's `folder`."""
    if followed is None:
        return by_records(folder, environment, emit)
    return by_records(followed.folder / DEAL, environment, emit, offering=followed.offering_file)


def by_records(
    folder: Path | None, environment: str, emit: Emit, *, offering: Path | None = None, clock: Clock = SYSTEM_CLOCK
) -> Allowed:
    """The variables `scope`, `iops_approval` and `override` of the guardrail, each only where it is approved.

    With an approved scope its `quotas` too: no more cores than were approved.

    By the user's own file of allowed signers alone; without it nothing counts, which is told. Raises `InvalidInput`
    where the scope cannot be, or the signers lie in what is under review.
    """
    if folder is None or not (folder / FOLDER).is_dir():
        return Allowed()
    signers = default_signers()
    if not signers.is_file():
        emit(Event("warning", "up", f"approvals do not count: nobody is allowed to sign, {signers} is missing"))
        return Allowed()
    trust = Trust(signers, default_revoked())
    apart(trust, folder)
    found = deal(folder, offering)
    check: Verify = trust.verify
    needs = assess(found.scope, found.offering, today(clock)).needs
    state = approved(records(folder / FOLDER), subject_of(found, environment), needs, check, clock.wall())
    _tell(state, emit)
    return Allowed(guardrail_variables(state, found.engagement.name, found.offering.quotas), approved_iops(state))


def _tell(state: Approved, emit: Emit) -> None:
    for verdict in state.verdicts:
        if not verdict.counts and verdict.approval is not None and verdict.approval.decision == "approve":
            emit(Event("warning", "up", f"the approval {verdict.record} does not count: {verdict.why}"))
