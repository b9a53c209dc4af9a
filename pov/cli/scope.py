"""`pov scope`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, command_options, settings
from pov.cli.console import console
from pov.cli.given import FOLDER, NAME, OUTPUT, Number
from pov.cli.scope_approvals import APPROVALS, register_option, trust_of, trust_options
from pov.cli.scope_options import engagement_folder, offering_option
from pov.cli.streams import say
from pov.cli.tables import show

if TYPE_CHECKING:
    from pov.scoping.assessment import Assessment
    from pov.workflows.scope import SizeResult


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
@command_options
def command(context: click.Context) -> None:
    """Which size a deal has, why it needs a review, what a constraint costs.

    Alone: shows the engagement's scope, or asks for it where there is none.
    """
    if context.invoked_subcommand is None:
        from pov.workflows.scope import has_scope

        folder = settings().engagement
        context.invoke(show_command if folder is not None and has_scope(folder) else ask_command)


@command.command("size")
@click.option("--users", type=int, required=True, metavar="N", help="Users, at the highest.")
@click.option("--availability", type=Number(), metavar="PERCENT", help="Percent of the year, such as 99.9.")
@click.option(
    "--region", "regions", type=NAME, multiple=True, metavar="NAME", help="A region it must run in; may be repeated."
)
@offering_option
@command_options
def size_command(users: int, availability: float | None, regions: tuple[str, ...], offering: Path | None) -> None:
    """Tell the size, or why an engineer looks at the deal first. Nothing needs to be set up."""
    from pov.model.events import silent
    from pov.workflows import scope

    show(scope.run_size(scope.SizeOptions(users, availability, regions, offering), silent), _size_in_words)


@command.command("sheet")
@click.option("--out", type=OUTPUT, default="offering.pdf", show_default=True, metavar="FILE", help="Where it goes.")
@offering_option
@command_options
def sheet_command(out: Path, offering: Path | None) -> None:
    """Write the standard offering as one page, PDF; one that fits no page is refused, and nothing of it is cut."""
    from pov.workflows import scope

    with console() as emit:
        result = scope.run_sheet(offering, out, emit)
    show(result, lambda done: str(done.path))


@command.command("show")
@click.option("--pdf", type=OUTPUT, metavar="FILE", help="Write it as a page, too.")
@register_option
@trust_options
@offering_option
@command_options
def show_command(
    *, pdf: Path | None, register: Path | None, signers: Path | None, revoked: Path | None, offering: Path | None
) -> None:
    """Assess the engagement's scope: size, reasons for a review, prices, capacity, what is open.

    Other deals are summed up with it by their approvals: in `--register`, else in `register/` of the user's
    configuration of pov.
    """
    from pov.workflows import scope_show

    trust = trust_of(signers, revoked)
    options = scope_show.ShowOptions(engagement_folder(), offering, pdf, register, trust)
    with console() as emit:
        result = scope_show.run_show(options, emit)
    show(result, lambda done: in_words(done.assessment) + (f"\n\n{done.path}" if done.path else ""))


@command.command("ask")
@offering_option
@command_options
def ask_command(offering: Path | None) -> None:
    """Ask every open question of discovery; an empty answer leaves it open, Ctrl-D ends it.

    Answers go into the engagement file, if this is an engagement folder.
    """
    from pov.workflows import scope

    def ask(question: str, why: str, example: str) -> str | None:
        hint = f" [{example}]" if example else ""
        say(f"{question} ({why})", errors=True)
        try:
            answer: str = click.prompt(f"  answer{hint}", default="", show_default=False, err=True)
        except click.Abort:
            say("", errors=True)
            return None  # what was answered until now is kept
        return answer

    result = scope.run_ask(settings().engagement, offering, ask, lambda text: say(f"  ! {text}", errors=True))
    show(result, lambda done: in_words(done.assessment) + (f"\n\n{done.path}" if done.path else ""))


@command.command("diff")
@click.argument("first", type=FOLDER, metavar="A")
@click.argument("second", type=FOLDER, metavar="B")
@offering_option
@command_options
def diff_command(first: Path, second: Path, offering: Path | None) -> None:
    """Tell what a changed promise costs: the scopes of two engagement folders, A before and B after."""
    from pov.cli.scope_words import diff_in_words
    from pov.workflows import scope

    with console() as emit:
        result = scope.run_diff(first, second, offering, emit)
    show(result, diff_in_words)


def in_words(assessment: Assessment) -> str:
    """An assessment for a terminal."""
    from pov.cli.scope_words import assessment_in_words

    return assessment_in_words(assessment)


def _size_in_words(result: SizeResult) -> str:
    found = result.assessment
    size = found.size
    name = f"{size.name}: {size.infrastructure}, {size.component}" if size is not None else "No size"
    chosen = found.proposal.chosen
    lines = []
    if not found.reasons:
        lines.append(f"{name}. No review needed.")
    elif len(found.reasons) == 1:
        lines.append(f"{name}. Needs an engineer's review because {found.reasons[0].text}.")
    else:
        lines.append(f"{name}. Needs an engineer's review because")
        lines += [f"  - {reason.text}" for reason in found.reasons]
    if chosen is not None and chosen.share is not None and found.scope.availability is not None:
        from pov.scoping.terms import percent

        lines.append(f"Availability of {chosen.topology.title.lower()}: {percent(chosen.share)}{chosen.label}.")
    return "\n".join(lines)


for _one in APPROVALS:
    command.add_command(_one)
