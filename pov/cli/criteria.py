"""`pov criteria`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, command_options, settings
from pov.cli.console import console
from pov.cli.given import FILE
from pov.cli.tables import pairs, show

if TYPE_CHECKING:
    from pov.workflows.countersigning import SignResult
    from pov.workflows.criteria import FreezeResult, SheetResult


@click.group(cls=Group)
@command_options
def command() -> None:
    """Agree on what counts before anything is measured: a sheet to sign, criteria frozen, a countersignature."""


@command.command("sheet")
@command_options
def sheet_command() -> None:
    """Write the one page to sign: criteria, owners, what is touched, when it ends, what follows."""
    from pov.workflows import criteria

    with console() as emit:
        result = criteria.run_sheet(settings().root, emit)
    show(result, _sheet_in_words)


@command.command("freeze")
@click.option("--because", default="", metavar="TEXT", help="Why what is frozen is changed; every report prints it.")
@command_options
def freeze_command(because: str) -> None:
    """Freeze criteria, plan and terms, and commit them: measuring against others is refused from then on."""
    from pov.workflows import criteria

    with console() as emit:
        result = criteria.run_freeze(settings().root, because.strip(), emit)
    show(result, _frozen_in_words)


@command.command("sign")
@click.option("--key", required=True, type=FILE, metavar="FILE", help="An SSH key.")
@click.option("--as", "signer", required=True, metavar="NAME", help="Who signs: a name or an address.")
@command_options
def sign_command(key: Path, signer: str) -> None:
    """Countersign the frozen criteria with an SSH key: a run keeps the signature, and its report names the signer."""
    from pov.workflows import criteria

    with console() as emit:
        result = criteria.run_sign(settings().root, key, signer, emit)
    show(result, signed_in_words)


def _sheet_in_words(result: SheetResult) -> str:
    lines = [f"The sheet to sign: {result.path}", f"It prints the digest {result.agreement}."]
    if result.open_points:
        lines.append(f"Left to fill in by hand, or in engagement.yaml: {', '.join(result.open_points)}.")
    following = settings().aimed("pov criteria freeze")
    return "\n".join([*lines, "", "Next:", pairs({following: "before anything is measured"})])


def _frozen_in_words(result: FreezeResult) -> str:
    again = "" if result.changed else "Nothing of it changed. "
    lines = [f"{again}Frozen in {result.path}, commit {result.commit[:12]}."]
    lines.append(f"What was agreed, as the sheet prints it: {result.agreement}")
    lines.append(f"The file, as reports print it:           {result.digest}")
    file = shlex.quote(str(result.path)) if settings().engagement_option else result.path.name
    by_hand = f"ssh-keygen -Y sign -f KEY -n criteria@pov.dev {file}"
    signing = settings().aimed("pov criteria sign --key KEY --as NAME")
    follow = {signing: "the buyer's signature", by_hand: "the same, without pov"}
    return "\n".join([*lines, "", "Next:", pairs(follow)])


def signed_in_words(result: SignResult) -> str:
    """Who signed what, and what to compare by another way."""
    lines = [f"{result.signed.name} is signed by {result.signer}: {result.path}", f"Key {result.fingerprint}"]
    if result.added:
        lines.append(f"It was not known before. Have {result.signer} tell its fingerprint by another way.")
    return "\n".join(lines)
