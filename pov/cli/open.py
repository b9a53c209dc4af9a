"""`pov open`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pov.base.errors import InvalidInput, NotFound, Problem
from pov.cli.app import command_options, settings
from pov.cli.console import console
from pov.cli.given import NAME
from pov.cli.tables import pairs, show

if TYPE_CHECKING:
    from pov.workflows.open import OpenResult, Page


@click.command()
@click.argument("what", type=NAME, required=False)
@click.option("--show-password", is_flag=True, help="Print the password, too; to a terminal only.")
@click.option("--no-browser", is_flag=True, help="Tell, and open nothing.")
@command_options
def command(what: str | None, show_password: bool, no_browser: bool) -> None:
    """Tell where a page is and how to log in, and open it in the browser if there is one.

    WHAT is argocd, gitea or vault; left out, all are told and none is opened.
    """
    chosen = settings()
    if show_password and (chosen.json or not sys.stdout.isatty()):
        problem = "passwords are printed to a terminal only"
        raise InvalidInput([Problem("--show-password", problem, "leave it out: the file with the password is named")])
    from pov.workflows import open as workflow

    with console() as emit:
        result = workflow.run(workflow.OpenOptions(chosen.root, chosen.name, what, not no_browser), emit)
    show(result, lambda found: _in_words(found, show_password))


def _in_words(result: OpenResult, show_password: bool) -> str:
    parts = [_page(page, show_password) for page in result.pages]
    parts.append(f"Certificates are signed by the environment's own CA: {result.ca}")
    if not show_password and any(page.password_file for page in result.pages):
        parts.append(f"Passwords on this terminal: pov open{settings().hint} --show-password")
    return "\n\n".join(parts)


def _page(page: Page, show_password: bool) -> str:
    facts = {"address": page.url}
    if page.user:
        facts["user"] = page.user
    if page.password_file is not None:
        facts["password"] = _password(page) if show_password else f"in {page.password_file}"
    if page.note:
        facts["note"] = page.note
    login = f"\n  log in (the answer's auth.client_token is Vault's):\n    {page.command}" if page.command else ""
    return f"{page.title}\n{pairs(facts)}{login}"


def _password(page: Page) -> str:
    if page.password_file is None:
        return ""
    try:
        return page.password_file.read_text().strip()
    except OSError as error:
        raise NotFound(f"no password for {page.title}", cause=str(error), fix="pov up") from error
