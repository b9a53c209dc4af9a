"""The root command: global options, and commands that are imported only when they are called."""

from __future__ import annotations

import difflib
import importlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from pov.base.errors import InvalidInput, Problem
from pov.base.names import RULE, is_name
from pov.cli.given import PLACE
from pov.model.events import Event

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "init": "Write an engagement folder: customer, services under proof, criteria.",
    "doctor": "Tell what this machine lacks, and get it.",
    "bundle": "Everything that is needed without a network.",
    "criteria": "Agree on criteria before anything is measured: sheet, freeze, sign.",
    "up": "Bring the environment up, or finish what was cut off.",
    "open": "Open a page of it, and tell how to log in.",
    "status": "Tell what runs, how healthy, and where.",
    "measure": "Measure the arms of each experiment.",
    "runs": "List, show and compare what was measured.",
    "people": "Recordings of people at a terminal: watch, agree, take back.",
    "report": "Write the report of a run: PDF, JSON, workbook.",
    "verify": "Compute a run or a report again; countersign it.",
    "compliance": "Look at controls of PCI DSS and SOC 2; keep evidence.",
    "scope": "Which size a deal has, why it needs a review, what it costs.",
    "gate": "Judge a change before it is merged: scope, approvals, plan, policies.",
    "infra": "Apply what was merged by Terraform; what it did, by whom.",
    "down": "Take the environment away; runs and reports stay.",
    "scenarios": "List, show and smoke-test the scenarios.",
    "version": "Tell the versions of everything.",
}
ENGAGEMENT_FILE = "engagement.yaml"
_OF_NO_ENVIRONMENT = {"init", "doctor", "bundle", "scenarios", "version"}
_NEXT = re.compile(rf"(?<!&& )\bpov (?=(?:{'|'.join(name for name in COMMANDS if name not in _OF_NO_ENVIRONMENT)})\b)")


@dataclass
class Settings:
    """The global options, wherever on the line they were given."""

    engagement_option: Path | None = None
    name: str | None = None
    json: bool = False
    plain: bool = False
    verbose: bool = False
    answered: bool = False
    """Whether the one JSON document is out already: then an error is told in words alone."""

    events: list[dict[str, Any]] = field(default_factory=list)
    """For the JSON document: the steps and trials that ended, and the warnings, in the order in which they came."""

    def hear(self, event: Event) -> None:
        """Keep what the document is to tell."""
        ended = event.data is not None and event.kind not in {"started", "progress"}
        if self.json and (ended or event.kind == "warning"):
            self.events.append(event.as_json())

    @property
    def engagement(self) -> Path | None:
        """The engagement folder: the one that was named, or the current one if it is one."""
        folder = self.engagement_option
        if folder is None:
            here = _here()
            return here if _holds_engagement(here) else None
        if not _holds_engagement(folder):
            raise InvalidInput([_no_engagement(folder)])
        return _here() / folder

    @property
    def root(self) -> Path:
        """The folder that holds `.pov/`."""
        return self.engagement or _here()

    @property
    def hint(self) -> str:
        """What to repeat on the next command's line so that it means the same environment."""
        folder = f" --engagement {shlex.quote(str(self.engagement_option))}" if self.engagement_option else ""
        return folder + (f" --name {self.name}" if self.name else "")

    def aimed(self, text: str) -> str:
        """Commands in a text as they have to be typed so that they mean the same environment.

        Typed as it stands, `pov up` would bring one up in the folder that somebody happens to be in. What a text names
        itself, the folder or the environment, is left to it.
        """
        meant = replace(
            self,
            engagement_option=None if "--engagement" in text else self.engagement_option,
            name=None if "--name" in text else self.name,
        )
        return _NEXT.sub(lambda _: f"pov{meant.hint} ", text)


def as_typed(path: Path) -> str:
    """A path as an argument to type in a shell."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def _no_engagement(folder: Path) -> Problem:
    if folder.is_dir() or not folder.exists():
        told = f"no engagement folder: it holds no {ENGAGEMENT_FILE}"
        return Problem(str(folder), told, f"pov init {as_typed(folder)}")
    ours = folder.name == ENGAGEMENT_FILE
    fix = f"--engagement {as_typed(folder.parent)}" if ours else f"the folder that holds {ENGAGEMENT_FILE}"
    return Problem(str(folder), "no engagement folder: it is a file", fix)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise InvalidInput([Problem("this folder", "is not there any more", "cd to one that is")]) from error


def _holds_engagement(folder: Path) -> bool:
    try:
        return (folder / ENGAGEMENT_FILE).is_file()
    except OSError as error:
        raise InvalidInput([Problem(str(folder), str(error.strerror), "check the path")]) from error


def settings() -> Settings:
    """The global options of the command that runs now."""
    found: Settings = click.get_current_context().find_root().ensure_object(Settings)
    return found


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or value is False or context.resilient_parsing:
        return
    if parameter.name == "name" and not is_name(value):
        raise InvalidInput([Problem("--name", f"`{value}` cannot name an environment", RULE)])
    setattr(context.find_root().ensure_object(Settings), parameter.name or "", value)


def _global_options(hidden: bool) -> list[Callable[[F], F]]:
    def option(*declarations: str, **more: Any) -> Callable[[F], F]:
        return click.option(*declarations, expose_value=False, callback=_remember, hidden=hidden, **more)

    return [
        option("--engagement", "engagement_option", type=PLACE, metavar="DIR", help="Engagement folder."),
        option("--name", metavar="NAME", help="Environment, where there are several."),
        option("--json", is_flag=True, help="One JSON document on standard output."),
        option("--plain", is_flag=True, help="Progress as plain lines."),
        option("-v", "--verbose", "verbose", is_flag=True, help="Tell more; a traceback on failure."),
    ]


def command_options(function: F) -> F:
    """Take the global options after the command's name, too: people type them there."""
    for add in _global_options(hidden=True):
        function = add(function)
    return function


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"pov {version('pov')}")
        context.exit()


class _Aware(click.Group):
    """Tells of a wrong option whose it is: click forgets that of an option whose value is missing."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command below."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            below = self.get_command(ctx, name) if error.ctx is None and name is not None else None
            if below is not None:
                error.ctx = click.Context(below, parent=ctx, info_name=name)
            raise


class LazyGroup(_Aware):
    """Knows its commands by name and one line each; imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which people use them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pov.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or tell the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            remedy = f"Did you mean '{close[0]}'?" if close else f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command '{args[0]}'. {remedy}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class Group(_Aware):
    """A command with commands below it, listed in the order of their use and each with its whole first sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they are written."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them: click would cut a sentence off where the line ends."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=1000)) for name, one in self.commands.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def cli() -> None:
    """Bring up a real GitOps platform, measure it against today's way of working, report it.

    \b
    pov up         the engagement's scenario, else gitops-35: 35 services on a local cluster
    pov measure    the scenario's experiments, each arm
    pov report     the PDF
    pov down       takes it away; runs and reports stay
    """


for _add in _global_options(hidden=False):
    cli = _add(cli)
