"""`pov verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.base.errors import PovError
from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.criteria import signed_in_words
from pov.cli.given import FILE, NAME, THERE
from pov.cli.tables import show

if TYPE_CHECKING:
    from pov.state.attested import Signature
    from pov.workflows.verify import VerifyResult


@click.command()
@click.argument("target", type=NAME, required=False, metavar="[RUN|PDF|DIR]")
@click.option("--signers", type=THERE, metavar="FILE", help="Your own file of allowed signers.")
@click.option("--revoked", type=THERE, metavar="FILE", help="Keys that count no more: a list or a KRL.")
@click.option("--sign", "key", type=FILE, metavar="KEY", help="Countersign it with this SSH key if it verifies.")
@click.option("--as", "signer", default="", metavar="NAME", help="Who signs: a name or an address.")
@command_options
def command(target: str | None, signers: Path | None, revoked: Path | None, key: Path | None, signer: str) -> None:
    """Compute a run or a report again from its own files, and tell what could still be forged by whom.

    Ends with code 1 if anything does not match. With --sign, the head of a run, or a PDF with it, is countersigned.
    """
    chosen = settings()
    from pov.workflows import verify

    if (key is None) != (not signer):
        raise click.UsageError("--sign KEY and --as NAME go together.")
    options = verify.VerifyOptions(chosen.root, chosen.name, target, signers, revoked, key, signer)
    with console() as emit:
        result = verify.run(options, emit)
    show(result, _in_words)
    if result.wrong:
        told = f"{len(result.wrong)} of it do not match" if len(result.wrong) > 1 else "it does not match"
        raise PovError(f"{result.target.name}: {told}", fix="have the run's own files, or the report, sent again")


def _in_words(result: VerifyResult) -> str:
    lines = [f"Run {result.run}, {result.target}", ""]
    lines += [f"DOES NOT MATCH  {one}" for one in result.wrong]
    lines += [f"exploratory     {one}" for one in result.exploratory]
    lines += [f"computed again  {one}" for one in result.checked]
    lines += [f"not checked     {one}" for one in result.unseen]
    lines += [_signature(one) for one in result.signatures]
    if not any(one.by for one in result.signatures):
        lines.append("signed          by nobody: self-attested")
    lines += ["", "What could still be forged:", *(f"  {one}" for one in result.forgeable)]
    if result.signed is not None:
        lines += ["", signed_in_words(result.signed)]
    return "\n".join(lines)


def _signature(one: Signature) -> str:
    if one.by:
        return f"signed          {one.of}, by {one.by}, key {one.fingerprint}"
    return f"NOT SIGNED      {one.of}: {one.why}"
