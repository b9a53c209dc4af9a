"""`pov scope request|approve|refuse|mandate|check`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import FILE, FOLDER, THERE
from pov.cli.scope_options import engagement_folder, offering_option
from pov.cli.tables import show

if TYPE_CHECKING:
    from pov.workflows.approvals import CheckResult, DecideResult, Trust

F = TypeVar("F", bound=Callable[..., Any])
_KINDS = click.Choice(["scope", "iops", "override"])
_DAYS = 30

_kind = click.option("--kind", type=_KINDS, default="scope", show_default=True, help="What is decided.")
_reason = click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded.")
_key = click.option("--key", type=FILE, required=True, metavar="FILE", help="The SSH key that signs.")
_days = click.option("--days", type=int, default=_DAYS, show_default=True, metavar="N", help="For how long it holds.")


register_option = click.option(
    "--register",
    type=FOLDER,
    metavar="DIR",
    help="Approvals of other deals, summed up with this. Default: register in the user's configuration of pov.",
)


def trust_options(function: F) -> F:
    """Who may sign, and whose key does not count any more."""
    signers = "Allowed signers, each called ROLE/NAME. Default: allowed_signers in the user's configuration of pov."
    function = click.option("--signers", type=THERE, metavar="FILE", help=signers)(function)
    return click.option("--revoked", type=THERE, metavar="FILE", help="Revoked keys (ssh-keygen -k).")(function)


def judging_options(function: F) -> F:
    """By whose signatures a scope is judged, and whether what is missing stops anything."""
    for add in (
        offering_option,
        trust_options,
        register_option,
        click.option("--mandate", type=FILE, metavar="FILE", help="The CTO's, without which approvals block nothing."),
        click.option(
            "--mode",
            type=click.Choice(["advise", "block"]),
            default="advise",
            show_default=True,
            help="Whether a missing approval is advice, or ends with code 4.",
        ),
    ):
        function = add(function)
    return function


def _signed(function: F) -> F:
    """The options of everything that somebody signs."""
    for add in (command_options, offering_option, trust_options, _days, _key, _reason):
        function = add(function)
    return function


@click.command("request")
@_kind
@_reason
@_days
@offering_option
@command_options
def request_command(kind: str, reason: str, days: int, offering: Path | None) -> None:
    """Ask for an approval: a record of what exactly, for whoever may sign it."""
    _decide("request", kind, reason, days, None, offering=offering, trust=None)


@click.command("approve")
@_kind
@_signed
def approve_command(
    *, kind: str, reason: str, key: Path, days: int, signers: Path | None, revoked: Path | None, offering: Path | None
) -> None:
    """Sign what the engagement's scope says now, for its environment and for some days.

    When the scope or the offering changes, or the days are over, it does not count any more. Where a solutions
    architect must be named, nothing is signed before one is.
    """
    _decide("approve", kind, reason, days, key, offering=offering, trust=trust_of(signers, revoked))


@click.command("refuse")
@_kind
@_signed
def refuse_command(
    *, kind: str, reason: str, key: Path, days: int, signers: Path | None, revoked: Path | None, offering: Path | None
) -> None:
    """Sign a refusal: approvals of the same scope from before do not count any more."""
    _decide("refuse", kind, reason, days, key, offering=offering, trust=trust_of(signers, revoked))


@click.command("mandate")
@_signed
def mandate_command(
    *, reason: str, key: Path, days: int, signers: Path | None, revoked: Path | None, offering: Path | None
) -> None:
    """Sign that `check --mode block` may stop this environment's changes: the CTO's alone."""
    _decide("approve", "mandate", reason, days, key, offering=offering, trust=trust_of(signers, revoked))


@click.command("check")
@judging_options
@command_options
def check_command(
    *,
    mode: str,
    mandate: Path | None,
    register: Path | None,
    signers: Path | None,
    revoked: Path | None,
    offering: Path | None,
) -> None:
    """Check whether everything that needs an approval has one that counts.

    `block` ends with code 4 where one is missing, and with 2 without the CTO's mandate. `advise` tells the same and
    ends with 0: it loosens nothing, Terraform's guardrail refuses what is not approved in either mode.
    """
    from pov.workflows import approvals

    trust = judges(signers, revoked)
    options = approvals.CheckOptions(engagement_folder(), trust, mode, mandate, settings().name, offering, register)
    with console() as emit:
        result = approvals.run_check(options, emit)
    show(result, _check_in_words)
    result.raise_if_blocked()


def _decide(
    decision: str, kind: str, reason: str, days: int, key: Path | None, *, offering: Path | None, trust: Trust | None
) -> None:
    from pov.workflows import approvals

    options = approvals.DecideOptions(
        engagement_folder(), decision, kind, reason, days, key, settings().name, offering, trust
    )
    with console() as emit:
        result = approvals.run_decide(options, emit)
    show(result, _decided_in_words)


def trust_of(signers: Path | None, revoked: Path | None) -> Trust | None:
    """Who may sign: what is named, else the user's own file if there is one."""
    from pov.workflows import approvals

    own = approvals.default_signers()
    if signers is None and not own.is_file():
        return None
    return approvals.Trust(signers or own, revoked or approvals.default_revoked())


def judges(signers: Path | None, revoked: Path | None) -> Trust:
    """Who may sign what is judged: as `trust_of`, and nobody where there is no file."""
    from pov.workflows import approvals

    return trust_of(signers, revoked) or approvals.Trust(approvals.default_signers())


def _decided_in_words(result: DecideResult) -> str:
    approval = result.approval
    until = f"holds until {approval.expires:%Y-%m-%d}" if approval.decision != "request" else "waits to be signed"
    about = approval.subject
    head = f"{approval.decision} of {approval.kind} for {about.engagement} in {about.environment}: {until}"
    return "\n".join([head, *(str(path) for path in result.paths)])


def _check_in_words(result: CheckResult) -> str:
    found = result.approved
    lines = []
    for kind, verdict in found.by_kind.items():
        until = f" until {verdict.approval.expires:%Y-%m-%d}" if verdict.approval is not None else ""
        lines.append(f"{kind}: approved by {verdict.by} ({verdict.role}){until}")
    lines += [f"refused: {text}" for text in result.refused]
    others = [v for v in found.verdicts if not v.counts and v.why != "it is a request"]
    lines += [f"  does not count: {verdict.record}: {verdict.why}" for verdict in others]
    lines += [f"not checked: {name}: {why}" for name, why in result.assessment.capacity.not_checked.items()]
    if not result.refused:
        lines.append("Everything that needs an approval has one." if found.needs else "No approval is needed.")
    elif result.mode == "advise":
        lines.append("Advice only: nothing is stopped here. Terraform's guardrail refuses what is not approved.")
    return "\n".join(lines)


APPROVALS = (request_command, approve_command, refuse_command, mandate_command, check_command)
