"""From a plan to an apply: the plan is judged, compared with what was approved, and that very file is applied.

Every end of it is a line in the log of Terraform runs. Between the look at the state and the apply somebody may still
write it: Terraform holds the state's lock while it applies, and refuses a plan that was made on another state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import CriterionNotMet, PovError
from pov.scoping.gate import Refusal, Told, told_of
from pov.state.terraform_log import APPLIED, BEGUN, EMPTY, FAILED, REFUSED, LogWriter

if TYPE_CHECKING:
    from pov.engines.terraform import Plan, Terraform
    from pov.engines.terraform_state import StateMark

_PLAN_ANEW = "plan anew: pov up"
GUARDRAIL = "Terraform's guardrail"
"""By what a plan is judged wherever there is one."""


@dataclass(frozen=True)
class Asked:
    """What Terraform is told, by which command, of which configuration; `checked` is the digest of an approved plan."""

    variables: Mapping[str, Any]
    command: str
    configuration: Mapping[str, Any]
    checked: str = ""
    begins: Callable[[], None] = lambda: None
    """What is done once the plan may be applied, and before it is."""


@dataclass(frozen=True)
class Judged:
    """By what a plan was judged, and what of it is refused."""

    by: str = GUARDRAIL
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Applied:
    """A plan that was applied, the state's serial then, and seconds until it was judged, and from there."""

    told: Told
    serial: int
    plan_seconds: float
    apply_seconds: float

    @property
    def digest(self) -> str:
        """The plan's."""
        return self.told.digest


@dataclass
class Applying:
    """One root module with its state: `state` tells the mark that it has now, `judge` what is refused of a plan."""

    terraform: Terraform
    state: Callable[[], StateMark]
    judge: Callable[[Plan, Mapping[str, Any]], Judged]
    log: LogWriter
    actor: str
    say: Callable[[str], None]
    note: Callable[[str], None]
    begin: Callable[[], object] = lambda: None
    """What Terraform needs before it plans: a run that fails at it is in the log, too."""
    clock: Clock = SYSTEM_CLOCK
    _about: dict[str, Any] = field(default_factory=dict)

    def run(self, asked: Asked) -> Applied | None:
        """Plan, judge and apply. Returns what was applied; None where there is nothing to do.

        Raises `CriterionNotMet` for a plan that is refused, with nothing applied; `PovError` where Terraform fails,
        or the disk refuses a line of the log: before an apply nothing is applied then, after one it says that it was.
        """
        begun = self.clock.monotonic()
        self._about = {
            "run": secrets.token_hex(4),
            "command": asked.command,
            "actor": self.actor,
            "configuration": dict(asked.configuration),
            "approved": asked.checked,
        }
        try:
            self.begin()
            self.say("terraform plan")
            plan = self.terraform.plan(asked.variables)
        except PovError as error:
            # The cause may hold values.
            self._failed(FAILED, begun, why=error.message)
            raise
        told = told_of(plan.document, digested(plan.made_on))
        self._about |= {
            "plan": told.digest,
            "before": plan.made_on.as_json(),
            "changes": [{"address": one.address, "actions": list(one.actions)} for one in told.changes],
        }
        judged = self._judged(asked, plan, told, begun)
        if plan.empty:
            self._ended(EMPTY, begun, judged=judged.by, after=plan.made_on.as_json())
            return None
        self.note(f"terraform plan: {plan.create} to create, {plan.update} to change, {plan.delete} to delete")
        planned = self.clock.monotonic() - begun
        after = self._apply(plan, judged, begun)
        took = self.clock.monotonic() - begun - planned
        return Applied(told, int(after.get("serial", 0)), planned, took)

    def _judged(self, asked: Asked, plan: Plan, told: Told, begun: float) -> Judged:
        judged = Judged()
        try:
            judged = self.judge(plan, asked.variables)
            _allow(judged.refusals)
            _same_variables(asked.variables, plan)
            _as_approved(asked.checked, told)
            _unmoved(plan.made_on, self.state())
            asked.begins()
        except PovError as error:
            result = REFUSED if isinstance(error, CriterionNotMet) else FAILED
            self._failed(result, begun, judged=judged.by, why=error.message, after=plan.made_on.as_json())
            raise
        return judged

    def _apply(self, plan: Plan, judged: Judged, begun: float) -> dict[str, Any]:
        self.log.record(BEGUN, **self._about, judged=judged.by)
        self.say("terraform apply")
        try:
            self.terraform.apply(plan)
        except PovError as error:
            self._failed(FAILED, begun, judged=judged.by, why=error.message, after=self._mark())
            raise
        after = self._mark()
        try:
            self._ended(APPLIED, begun, judged=judged.by, after=after)
        except PovError as refused:
            raise _applied_all_the_same(refused, after) from refused
        return after

    def _mark(self) -> dict[str, Any]:
        """The state's mark, as far as it can be told: what became of a run is written down in any case."""
        try:
            return self.state().as_json()
        except PovError:
            return {}

    def _failed(self, result: str, begun: float, **more: Any) -> None:
        """A run that failed, or was refused: why it did is what its caller raises, whatever becomes of the line."""
        try:
            self._ended(result, begun, **more)
        except PovError as refused:
            self.note(f"the log of Terraform runs lacks how this one ended: {refused.message}: {refused.cause}")

    def _ended(self, result: str, begun: float, **more: Any) -> None:
        self.log.record(result, **self._about, **more, seconds=round(self.clock.monotonic() - begun, 3))


def _applied_all_the_same(refused: PovError, after: Mapping[str, Any]) -> PovError:
    now = f", and the state stands at serial {after['serial']}" if "serial" in after else ""
    told = f"the plan was applied{now}; that it was could not be written into the log of Terraform runs"
    fix = "; then ".join(filter(None, (refused.fix, "pov up: its line tells the state as it is now")))
    return PovError(told, cause=f"{refused.message}: {refused.cause}", fix=fix)


def digested(mark: StateMark) -> dict[str, Any] | None:
    """What of a state's mark belongs to a plan's digest: nothing where the state holds nothing."""
    return {"lineage": mark.lineage, "serial": mark.serial} if mark.objects else None


def _allow(refusals: tuple[Refusal, ...]) -> None:
    if refusals:
        told = refusals[0].in_words + (f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else "")
        raise CriterionNotMet(f"the plan is refused: {told}", fix="pov gate tells each with what it passes with")


def _same_variables(given: Mapping[str, Any], plan: Plan) -> None:
    """Whatever sets a variable beside those that are handed in is refused: a file, an argument, the user's own."""
    told = plan.document.get("variables") or {}
    names = {*given, *told}
    other = sorted(name for name in names if (told.get(name) or {}).get("value") != given.get(name))
    if other:
        what = f"the plan was made with another `{other[0]}` than was handed in"
        raise CriterionNotMet(what, fix="take out what sets it: a file *.auto.tfvars, a variable TF_VAR_*")


def _as_approved(checked: str, told: Told) -> None:
    if checked and told.digest != checked:
        what = f"the plan is another than the one that was checked: {told.digest[:12]}, not {checked[:12]}"
        raise CriterionNotMet(what, fix="have it checked again: pov gate")


def _unmoved(was: StateMark, now: StateMark) -> None:
    if (was.lineage, was.serial) != (now.lineage, now.serial):
        what = f"the state moved between plan and apply: serial {was.serial} then, {now.serial} now"
        raise CriterionNotMet(what, fix=_PLAN_ANEW)
