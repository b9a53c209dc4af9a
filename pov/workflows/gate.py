"""`pov gate`: what stands in front of a merge. Scope, approvals, the text of a change, its plan, the policies on both.

Signers, policies, modules and offering are never those of what is under review. Two rules say what stops whom. What
Terraform's guardrail or a policy refuses is refused in either mode: it could not be applied, or must not be. What is
only missing an approval is advice, unless `block` has the CTO's mandate.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock, timestamp
from pov.base.errors import CriterionNotMet, InvalidInput, PovError, Problem
from pov.base.files import require_writable, save, write_atomic
from pov.base.paths import data
from pov.base.scratch import scratch
from pov.bundle.on_demand import GatePrograms, for_gate
from pov.config.engagement import load_engagement
from pov.config.offering import Quotas, shipped
from pov.config.stages import load_stages
from pov.engines.conftest import Conftest
from pov.model.events import Emit
from pov.scoping.approvals import Approved, Verdict
from pov.scoping.gate import (
    Check,
    Refusal,
    Told,
    approved_iops,
    beyond_capacity,
    digest_given,
    holds_until,
    judged_document,
    junit_xml,
    missing_approvals,
    prices,
    reserved,
    told_of,
    too_small,
    unnamed,
    variables,
)
from pov.steps.gate.names import RESERVED, RESERVED_BEGIN
from pov.steps.landing_zone.deal import followed, joined
from pov.steps.landing_zone.judging import refusal
from pov.workflows.approvals import CheckOptions, CheckResult, run_check, subject_of, under_review
from pov.workflows.environment import home_of
from pov.workflows.gate_admission import admission
from pov.workflows.gate_asked import limits, once
from pov.workflows.gate_records import kept
from pov.workflows.gate_room import Room, furnish, of_the_process, with_copy, with_state, without_state
from pov.workflows.gate_state import Against, against, as_json
from pov.workflows.scope import Deal, deal

_SOURCES = "gate.sources"
_UNREAD = "parse config: "
"""What conftest says in front of what it finds wrong in a file that it cannot read."""
_MEND = "mend the text: terraform fmt tells the line"

First = Callable[[Sequence[Check], Sequence[str]], None]
"""Whoever wants to know checks that need no plan, and what the scope costs, before the plan is made."""


@dataclass(frozen=True)
class GateOptions(CheckOptions):
    """What is judged, and by whose signatures. `terraform` is the root module under review, `stages` what it asks for.

    Without them: the toolkit's own root module, and what `pov up` would ask for.
    """

    stages: Path | None = None
    terraform: Path | None = None
    base: str | None = None
    """The commit that it would go into, by any name that Git knows here: what it holds of records stays. Empty: none is
    named, which is told. None: they were compared already.
    """

    checked: str | None = None
    """The digest of a plan that was checked before: another one is refused."""

    running: Path | None = None
    """The folder with `.pov/`, where a running environment is to be asked for its state. Nobody is, by default: in what
    is under review it would lead wherever that says.
    """

    against: Against | None = None
    """The state to plan against, where that is known already: nobody is asked for another one."""

    manifests: Path | None = None
    junit: Path | None = None
    programs: GatePrograms | None = None
    """Where they are at hand; by default they are looked for, and made where they are missing."""


@dataclass(frozen=True)
class GateResult:
    """Every check, the plan in short, who set a limit aside (`overridden`), what the scope costs (`priced`).

    `holds_until` is when the first of the approvals that it rests on runs out; `against` is the state of the plan.
    """

    mode: str
    mandate: Verdict | None
    checks: tuple[Check, ...]
    plan: Told
    overridden: tuple[str, ...]
    priced: tuple[str, ...]
    holds_until: datetime | None
    seconds: float
    against: Mapping[str, Any]

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """All refusals, in the order of the checks."""
        return tuple(one for check in self.checks for one in check.refusals)

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document: addresses and actions of the plan, no values."""
        return {
            "outcome": "refused" if self.refusals else "passed",
            "mode": self.mode,
            "mandate": self.mandate.as_json() if self.mandate is not None else None,
            "checks": [check.as_json() for check in self.checks],
            "plan": {
                "digest": self.plan.digest,
                "actions": dict(self.plan.actions),
                "changes": [{"address": one.address, "actions": list(one.actions)} for one in self.plan.changes],
                "against": dict(self.against),
            },
            "overridden": list(self.overridden),
            "priced": list(self.priced),
            "holds_until": timestamp(self.holds_until) if self.holds_until is not None else None,
            "seconds": round(self.seconds, 3),
        }

    def raise_if_refused(self) -> None:
        """Raises `CriterionNotMet` where anything is refused."""
        if count := len(self.refusals):
            told = "1 thing is" if count == 1 else f"{count} things are"
            raise CriterionNotMet(f"{told} refused", fix="what each passes with stands above")


def run_gate(
    options: GateOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK, first: First | None = None
) -> GateResult:
    """Judge a change; nothing is changed anywhere.

    `first` is told, before the plan is made, what needs none; all of that stands in the result as well.

    Raises `InvalidInput` for what cannot be judged: `block` without a mandate that counts, signers or an offering from
    what is under review, files that are wrong. Raises `PovError` where a program fails.
    """
    started = clock.monotonic()
    if options.junit is not None:
        require_writable(options.junit)
    digest_given("--checked", options.checked)
    records = kept(options.folder, options.base)
    offering = _offering(options)
    found = deal(options.folder, offering)
    environment = subject_of(found, options.environment).environment
    asked = load_stages(options.stages) if options.stages is not None else _as_brought_up(found, options, environment)
    own = options.against.beside if options.against is not None else {}
    stages = joined(own, asked)
    scope = run_check(replace(options, offering=offering), emit, clock=clock, stages=stages)
    quotas = found.offering.quotas
    given = variables(stages, scope.approved, found.engagement.name, found.offering, found.scope)
    where = Against(why_not="nothing was planned")
    with scratch() as folder:
        room = furnish(folder, options.terraform)
        programs = options.programs or for_gate(emit)
        judge = Conftest(programs.conftest, data("policies"))
        checks = [
            _scope_check(scope),
            *_unseen(scope),
            *records,
            *_beside(own, asked),
            of_the_process(os.environ),
            _text(room, judge),
        ]
        if checks[-1].refusals:
            why = "Terraform is not shown a text that is refused"
            made = _Planned(tuple(Check(name, not_checked=why) for name in ("terraform validate", "plan")))
        else:
            if first is not None:
                checks.append(limits(judge, given, approved_iops(scope.approved), quotas, folder))
                first(tuple(checks), prices(scope.assessment))
            where = options.against or against(options.running, environment, room.work)
            made = _planned(room, programs, judge, _Asked(given, scope.approved, quotas, where))
        checks += once(checks, made.checks)
    if options.checked is not None:
        checks.append(_same(options.checked, made.plan))
    checks.append(admission(options.manifests, options.folder, environment))
    seconds = clock.monotonic() - started
    if options.junit is not None:
        save(options.junit, junit_xml(checks, seconds))
    priced = prices(scope.assessment)
    until = holds_until(scope.approved, scope.mandate)
    about = (made.plan, made.overridden, priced, until, seconds, as_json(where, made.mark))
    return GateResult(options.mode, scope.mandate, tuple(checks), *about)


def _offering(options: GateOptions) -> Path:
    """The offering that limits come from: the one that the caller names, else the shipped one."""
    named = load_engagement(options.folder).scope
    if options.offering is not None:
        if tree := under_review(options.offering, options.folder):
            fix = "name a file outside: of the protected branch"
            raise InvalidInput([Problem(str(options.offering), f"lies in what is under review, {tree}", fix)])
        return options.offering
    if named is not None and named.offering:
        fix = "--offering FILE, of the protected branch"
        told = f"names the offering {named.offering}, and the gate takes its limits from nothing under review"
        raise InvalidInput([Problem(str(options.folder / "engagement.yaml"), told, fix)])
    return shipped()


def _beside(own: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> tuple[Check, ...]:
    """In an environment: whether what runs in the scenario's stages still fits, and the platform is left alone."""
    taken = reserved(asked, RESERVED, RESERVED_BEGIN)
    return (Check("stages of the scenario", (*taken, *too_small(own, asked))),) if own else ()


def _as_brought_up(found: Deal, options: GateOptions, environment: str) -> dict[str, dict[str, Any]]:
    from pov.config.estates import estates
    from pov.config.scenario import load_scenario
    from pov.steps.landing_zone.asking import requested

    scenario = load_scenario(found.engagement.scenario)
    own = requested(scenario, estates(scenario))
    deal = followed(home_of(options.running, environment)) if options.running is not None else None
    return joined(own, deal.stages) if deal is not None else own


def _scope_check(scope: CheckResult) -> Check:
    missing, over = (told(scope.assessment, scope.approved) for told in (missing_approvals, beyond_capacity))
    missing = (*missing, *unnamed(scope.assessment))
    return Check("scope and approvals", *((missing, over) if scope.mode == "block" else ((), (*missing, *over))))


def _unseen(scope: CheckResult) -> Iterator[Check]:
    """What of capacity nobody looked at; what was, stands with the scope."""
    return (Check(name, not_checked=why) for name, why in scope.assessment.capacity.not_checked.items())


def _text(room: Room, judge: Conftest) -> Check:
    """What the text says. Raises `InvalidInput` with each file that is no text of Terraform."""
    try:
        judged = judge.judge_blocks(room.files, _SOURCES).refused if room.files else ()
    except PovError as error:
        if _UNREAD not in error.cause:
            raise
        raise InvalidInput(list(_unread(room.files, judge)) or [Problem("", error.cause, _MEND)]) from error
    return Check("text of the change", (*room.refusals, *map(refusal, judged)))


def _unread(files: Sequence[Path], judge: Conftest) -> Iterator[Problem]:
    for path in files:
        try:
            judge.judge_blocks([path], _SOURCES)
        except PovError as error:
            yield Problem(path.name, " ".join(error.cause.rpartition(_UNREAD)[2].split()), _MEND)


@dataclass(frozen=True)
class _Asked:
    """What a plan is made with, and judged by."""

    given: Mapping[str, Any]
    approved: Approved
    quotas: Quotas
    where: Against


@dataclass(frozen=True)
class _Planned:
    """What became of the plan: its checks, itself in short, what was set aside, and the state that it was made on."""

    checks: tuple[Check, ...]
    plan: Told = field(default_factory=Told)
    overridden: tuple[str, ...] = ()
    mark: Mapping[str, Any] | None = None


def _planned(room: Room, programs: GatePrograms, judge: Conftest, asked: _Asked) -> _Planned:
    from pov.engines.terraform import Terraform
    from pov.engines.terraform_state import made_on
    from pov.steps.landing_zone.applying import digested

    access, copy = asked.where.access, asked.where.copy
    if copy:
        with_copy(room, copy)
    else:
        (with_state if access else without_state)(room)
    terraform = Terraform(programs.terraform, room.root, providers=programs.providers, work=room.work, env=access)
    try:
        terraform.init()
        terraform.validate()
    except PovError as error:
        unsound = Refusal(_one_line(error), "a sound root module", "mend what Terraform says", ("platform team",))
        return _Planned((Check("terraform validate", (unsound,)), Check("plan", not_checked="there is none")))
    plan = terraform.judged(asked.given, refresh=not copy)
    document = judged_document(asked.given, approved_iops(asked.approved), asked.quotas, plan.document)
    path = room.work / "judged.json"
    write_atomic(path, json.dumps(document))
    judged = judge.judge(path, "gate.plan")
    if plan.failure and not judged.refused:
        raise PovError("Terraform could not plan", cause=plan.failure)
    mark = digested(made_on(plan.path)) if access or copy else None
    told = told_of(plan.document, mark)
    overridden = tuple(f"{one.text}: set aside by {one.more['by']}: {one.more['why']}" for one in judged.told)
    checks = (Check("terraform validate"), Check("plan", tuple(map(refusal, judged.refused))))
    return _Planned(checks, told, overridden, mark)


def _same(checked: str, plan: Told) -> Check:
    """Whether the plan is the one that was checked before; where there is none now, that is told elsewhere."""
    if not plan.digest:
        return Check("same plan", not_checked="there is no plan")
    if plan.digest == checked:
        return Check("same plan")
    what = f"the plan is another than the one that was checked: {plan.digest[:12]}, not {checked[:12]}"
    return Check("same plan", (Refusal(what, "what was checked is what is merged", "have it checked again"),))


def _one_line(error: PovError) -> str:
    return " ".join(f"{error.message}: {error.cause}".split())
