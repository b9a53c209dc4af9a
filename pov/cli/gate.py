"""`pov gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import FILE, FOLDER, NAME, OUTPUT
from pov.cli.scope_approvals import judges, judging_options
from pov.cli.scope_options import engagement_folder
from pov.cli.streams import say
from pov.cli.tables import show

if TYPE_CHECKING:
    from pov.workflows.gate import GateResult

PIPELINES = ("jenkins", "github", "gitlab")


@click.command()
@judging_options
@click.option("--terraform", type=FOLDER, metavar="DIR", help="The root module under review. Default: the toolkit's.")
@click.option("--stages", type=FILE, metavar="FILE", help="What it asks for. Default: what `pov up` would.")
@click.option("--manifests", type=FOLDER, metavar="DIR", help="Tried on the running environment, by dry run.")
@click.option(
    "--base", type=NAME, metavar="REF", help="The branch it would go into, fetched: records of decisions there stay."
)
@click.option(
    "--checked", type=NAME, metavar="DIGEST", help="Of a plan that was checked before: another one is refused."
)
@click.option("--junit", type=OUTPUT, metavar="FILE", help="Where the JUnit XML goes.")
@click.option("--pipeline", type=click.Choice(PIPELINES), help="Print a ready pipeline for this CI, and end.")
@command_options
def command(
    *,
    mode: str,
    mandate: Path | None,
    terraform: Path | None,
    stages: Path | None,
    register: Path | None,
    manifests: Path | None,
    base: str | None,
    checked: str | None,
    junit: Path | None,
    pipeline: str | None,
    signers: Path | None,
    revoked: Path | None,
    offering: Path | None,
) -> None:
    """Judge a change before it is merged: scope, approvals, the plan, and policies on it. Nothing is changed.

    Ends with 4 where something is refused, and with 2 for input that cannot be judged. What Terraform's guardrail or a
    policy refuses is refused in either mode; an approval that is missing is advice, unless `--mode block` has the
    CTO's mandate.
    """
    if pipeline is not None:
        from pov.workflows.pipelines import text_of

        say(text_of(pipeline).rstrip("\n"))
        return
    from pov.workflows import gate

    options = gate.GateOptions(
        engagement_folder(),
        judges(signers, revoked),
        mode=mode,
        mandate=mandate,
        environment=settings().name,
        running=settings().root,
        offering=offering,
        register=register,
        stages=stages,
        terraform=terraform,
        manifests=manifests,
        base=base or "",
        checked=checked,
        junit=junit,
    )
    with console() as emit:
        result = gate.run_gate(options, emit)
    show(result, _in_words)
    result.raise_if_refused()


def _in_words(result: GateResult) -> str:
    lines = [f"refused: {one.in_words}" for one in result.refusals]
    lines += [f"advice: {one.in_words}" for check in result.checks for one in check.advice]
    lines += [f"overridden: {text}" for text in result.overridden]
    lines += [f"not checked: {check.name}: {check.not_checked}" for check in result.checks if check.not_checked]
    if result.against["environment"]:
        lines.append(f"planned against the state of {result.against['environment']}{_serial(result)}")
    if result.refusals:
        lines += [f"priced: {text}" for text in result.priced]
    else:
        counts = ", ".join(f"{count} to {action}" for action, count in result.plan.actions.items())
        lines.append(f"passed: {counts}; plan {result.plan.digest}")
    return "\n".join(lines)


def _serial(result: GateResult) -> str:
    serial = result.against.get("serial")
    return f", serial {serial}" if serial is not None else ""
