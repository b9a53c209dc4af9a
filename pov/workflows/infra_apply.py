"""`pov infra apply`: what was merged in the deal's repository is planned and judged again, and that plan is applied.

Taken is what the protected branch holds now, if the gate had let it through. The plan must be the one that the gate
told then, on the same state; else nothing is applied, and what it would do by now is told.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import CriterionNotMet, InvalidInput, PovError, Problem
from pov.base.scratch import scratch
from pov.base.whoami import whoami
from pov.bundle.on_demand import for_gate
from pov.engines.git_command import Command, Remote
from pov.engines.gitea_pulls import Pulls
from pov.model.events import Emit, Event
from pov.scoping.gate import Told, digest_given
from pov.scoping.gate_status import Green
from pov.state.terraform_log import REFUSED, LogWriter, read_log
from pov.steps.context import Context
from pov.steps.core import Report
from pov.steps.gate.names import MAIN, REPOSITORY
from pov.steps.gate.published import publish
from pov.steps.git.server import OWNER, TOKEN_FILE
from pov.steps.landing_zone.applying import Applied, Asked
from pov.steps.landing_zone.asking import requested, variables
from pov.steps.landing_zone.deal import Followed, Origin, followed, keep
from pov.steps.landing_zone.step import configuration, is_settled, run_terraform, settle, state_of
from pov.workflows.approved import allowed
from pov.workflows.environment import attach
from pov.workflows.gate import run_gate
from pov.workflows.gate_fetch import fetched, lay_out
from pov.workflows.gate_job import inside, options
from pov.workflows.gate_state import state_in
from pov.workflows.merged import WANTED, Merged, Server, brought, green, newest

COMMAND = "pov infra apply"
_AGAIN = "look at what it would do now, then: pov infra apply --checked {digest}"
_COMPLETED = "pov up: it completes what was begun"
_MOST = 20


@dataclass(frozen=True)
class ApplyOptions:
    """`checked` is the digest of the plan on the state as it is now, where somebody looked at that one."""

    root: Path
    name: str | None = None
    checked: str | None = None


@dataclass(frozen=True)
class ApplyResult:
    """What was applied, by which merge; `told` is None where there was nothing to do. Serials are the state's."""

    name: str
    merged: Merged
    new: bool
    told: Told | None
    before: int
    after: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document: addresses and actions, no values."""
        told = self.told or Told()
        return {
            "name": self.name,
            "repository": REPOSITORY,
            **vars(self.merged),
            "new": self.new,
            "plan": {
                "digest": told.digest,
                "actions": dict(told.actions),
                "changes": [{"address": one.address, "actions": list(one.actions)} for one in told.changes],
            },
            "serial": {"before": self.before, "after": self.after},
            "seconds": round(self.seconds, 3),
        }


def run_apply(options: ApplyOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> ApplyResult:
    """Apply what was merged last; once, whoever asks how often.

    Raises `CriterionNotMet` for what is refused, with nothing applied, `InvalidInput` where the environment has no
    gate, and `PovError` where a program or a server fails.
    """
    checked = digest_given("--checked", options.checked)
    ctx = attach(options.root, options.name, emit)
    if not ctx.scenario.gate:
        told = f"runs the scenario {ctx.scenario.name}, which has no gate: nothing is merged there"
        raise InvalidInput([Problem(ctx.name, told, "pov up enterprise-scope")])
    with ctx.home.lock(), scratch() as folder:
        ctx.deal = followed(ctx.home)
        token = ctx.home.secret(TOKEN_FILE)
        if token is None:
            raise PovError("Git has no login yet", fix="pov up")
        url, ca_path = ctx.url("gitea"), ctx.trust.ca_path
        remote = Remote(f"{url}/{REPOSITORY}.git", OWNER, ctx.home.secrets_dir / TOKEN_FILE, ca_path)
        server = Pulls.by_token(url, ca_path, OWNER, token)
        return apply_merged(ctx, server, fetched(folder / "repository", remote, WANTED), folder, checked, clock=clock)


def apply_merged(
    ctx: Context, server: Server, git: Command, folder: Path, checked: str, *, clock: Clock = SYSTEM_CLOCK
) -> ApplyResult:
    """The same, with what was fetched. Whoever holds the environment's lock; `folder` is for files of this run."""
    begun = clock.monotonic()
    about: dict[str, Any] = {**configuration(), "of": REPOSITORY, "commit": ""}
    known = False
    try:
        merged = newest(git, server)
        about |= {"commit": merged.commit, "merge": merged.merge, "pull": merged.pull}
        known = ctx.deal is not None and ctx.deal.origin.merge == merged.merge
        if known and is_settled(ctx):
            publish(ctx)  # it may be that this is what the last one could not do
            serial = state_of(ctx.kube).serial
            return ApplyResult(ctx.name, merged, False, None, serial, serial, clock.monotonic() - begun)
        said = green(server, merged)
        since = ctx.deal.origin.merge if ctx.deal is not None else ""
        about["pulls"] = list(brought(git, server, merged, since))
        for side in ("base", "head"):
            # Judged is what the branch holds, by what the branch holds.
            lay_out(git, merged.commit, folder / "room" / side)
        approved = _judged_again(ctx, folder, said, checked)
    except (CriterionNotMet, InvalidInput) as error:
        if known and isinstance(error, CriterionNotMet):
            error.fix = _COMPLETED
        _log(ctx, about, checked, error)
        raise
    deal = Followed(Origin(merged.commit, merged.merge, merged.pull, approved), folder / "room" / "head")
    serial, applied = _applied(ctx, deal, about)
    told, after = (applied.told, applied.serial) if applied is not None else (None, serial)
    return ApplyResult(ctx.name, merged, True, told, serial, after, clock.monotonic() - begun)


def _judged_again(ctx: Context, folder: Path, said: Green, checked: str) -> str:
    """The digest that is applied: the one that the gate told then, or that somebody names who looked since."""
    where = state_in(ctx.kube, ctx.name, folder / "access")
    if where.why_not:
        raise PovError("there is no state to apply it to", cause=where.why_not, fix="pov up")
    room = folder / "room"
    against = replace(where, beside=requested(ctx.scenario, ctx.estates))
    try:
        result = run_gate(replace(options(room, ctx.name, for_gate(ctx.emit)), against=against), ctx.emit)
    except InvalidInput as error:
        raise InvalidInput([replace(one, where=inside(room, one.where)) for one in error.problems]) from error
    if result.refusals:
        lines = [f"refused: {one.in_words}" for one in result.refusals]
        fix = "ask for what passes; pov up brings what judges up to date"
        raise CriterionNotMet(f"what {MAIN} holds is refused by now", details=lines, fix=fix)
    approved = checked or said.plan
    if result.plan.digest == approved:
        return approved
    raise CriterionNotMet(
        _why(said, checked, result.against),
        details=_changes(result.plan),
        fix=_AGAIN.format(digest=result.plan.digest),
    )


def _why(said: Green, checked: str, now: Mapping[str, Any]) -> str:
    serial = str(now.get("serial", ""))
    if checked:
        return f"the plan is another than the one that was checked: not {checked[:12]}, on serial {serial}"
    if not said.plan:
        return "the gate judged it against no state: it told no plan to compare with"
    if not said.state:
        told = "the gate was shown no state to judge it against (pov up tells why)"
        return f"{told}, and on serial {serial} the plan is another"
    if said.state != serial:
        return f"the state has moved since the gate judged it: serial {said.state} then, {serial} now"
    return f"the plan is another than the one that the gate told, on the same state (serial {serial})"


def _changes(plan: Told) -> list[str]:
    lines = [f"now: {'+'.join(one.actions)} {one.address}" for one in plan.changes] or ["now: nothing to change"]
    return lines if len(lines) <= _MOST else [*lines[:_MOST], f"and {len(lines) - _MOST} more"]


def _applied(ctx: Context, deal: Followed, about: Mapping[str, Any]) -> tuple[int, Applied | None]:
    """The state's serial before, and what was applied; the environment follows the deal from the apply on."""
    report = Report("infra", ctx.emit)
    found = allowed(deal, None, ctx.name, ctx.emit)
    ctx.deal, ctx.approved, ctx.approved_iops = deal, found.variables, found.iops
    told = variables(ctx, found.variables)

    def begins() -> None:
        ctx.deal = keep(ctx.home, deal)

    try:
        applied = run_terraform(ctx, Asked(told, COMMAND, about, deal.origin.plan, begins), report)
    except CriterionNotMet as error:
        error.fix = f"{COMMAND}: it tells what it would do by now"
        raise
    except PovError as error:
        error.fix = error.fix or _COMPLETED
        raise
    settle(ctx, told, report)
    publish(ctx)
    entry = read_log(ctx.home.terraform_log).entries[-1]
    return int(entry.before.get("serial") or 0), applied


def _log(ctx: Context, about: Mapping[str, Any], checked: str, error: CriterionNotMet | InvalidInput) -> None:
    """A line for what was refused before Terraform was asked to apply anything."""
    told = {"command": COMMAND, "actor": whoami(), "configuration": dict(about), "approved": checked}
    try:
        LogWriter(ctx.home.terraform_log).record(REFUSED, run=secrets.token_hex(4), **told, why=error.message)
    except PovError as full:
        why = f"the log of Terraform runs lacks this refusal: {full.message}: {full.cause}"
        ctx.emit(Event("warning", "infra", why))
