"""The one exit boundary: errors become a message, a cause, what to do next, and an exit code."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from pov.base.errors import InvalidInput, PovError, PreflightFailed, RunInterrupted
from pov.base.scratch import discard_left
from pov.cli.app import Settings, cli
from pov.cli.signals import ended_like_ctrl_c
from pov.cli.streams import colour, ensure_utf8, reader_went_away, say, take_over
from pov.cli.tables import as_text

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_NOBODY_ELSE = 0o002


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, the process's own or the one that is given, and return how it ended.

    0 done, 1 failed, 2 usage, 3 preflight, 4 a criterion was not met or a change refused, 5 one could not be judged;
    128 and the number of the signal that ended it.
    """
    # Without one, anybody could write the folders that are made here, and what programs make that are started.
    os.umask(os.umask(0o077) | _NOBODY_ELSE)
    if argv is not None:
        return _run(list(argv))
    ensure_utf8()
    output = take_over()
    code = _run(sys.argv[1:])
    output.flush()
    failure = output.descriptor.failure
    if failure is None or code != DONE:
        return code
    if not reader_went_away(failure):
        fix = "what was asked for is done; see it with `pov status` or `pov runs show`, or run it again"
        _tell(PovError("the result could not be written", cause=str(failure), fix=fix), FAILED, Settings())
    return FAILED


def _run(arguments: list[str]) -> int:
    settings = Settings(json="--json" in arguments)
    with ended_like_ctrl_c() as heard:
        try:
            discard_left()
            code = cli.main(arguments, prog_name="pov", standalone_mode=False, obj=settings, color=colour())
            return code if isinstance(code, int) else DONE
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary: people get words and a code
            if isinstance(error, NoArgsIsHelpError):
                say(error.format_message(), errors=True)
                return USAGE
            told, code = _in_words(error, settings)
            told.fix = _typed_again(told.fix, arguments)
            if code == INTERRUPTED and heard and heard[0] != signal.SIGINT:
                told, code = PovError(f"ended by {heard[0].name}", fix=told.fix), 128 + heard[0]
            _tell(told, code, settings)
            return code


def _typed_again(fix: str, arguments: Sequence[str]) -> str:
    """Dots at the end of a command line stand for what was typed."""
    return f"{fix[:-1]}{shlex.join(arguments)}" if fix.startswith("pov ") and fix.endswith(" …") else fix


def _in_words(error: BaseException, settings: Settings) -> tuple[PovError, int]:
    if isinstance(error, PovError):
        return _aimed(error, settings), error.exit_code
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "pov"
        return PovError(error.format_message(), fix=f"{command} --help"), USAGE
    if isinstance(error, click.ClickException):
        return PovError(error.format_message()), FAILED
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        fix = "run the same command again: pov up and pov bundle build go on where they stopped"
        # click hands an interrupt on as its own kind.
        ended = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(ended, RunInterrupted):
            fix = f"pov measure --resume {ended.run}{settings.hint}"
        return PovError("interrupted", fix=fix), INTERRUPTED
    if isinstance(error, OSError):
        cause = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return PovError("the operating system refused", cause=cause, fix="mend the cause, then run it again"), FAILED
    fix = "this is a fault of pov: run it again with -v and keep the traceback"
    return PovError("unexpected error", cause=f"{type(error).__name__}: {error}", fix=fix), FAILED


def _aimed(error: PovError, settings: Settings) -> PovError:
    """The same, with every command that mends it as it is typed for the same environment."""
    error.fix = settings.aimed(error.fix)
    if isinstance(error, InvalidInput | PreflightFailed):
        error.problems = tuple(replace(problem, fix=settings.aimed(problem.fix)) for problem in error.problems)
        error.details = tuple(map(str, error.problems)) if error.details else ()
    return error


def _tell(error: PovError, code: int, settings: Settings) -> None:
    if settings.json and not settings.answered:
        told = {"events": settings.events} if settings.events else {}
        say(as_text({"error": _as_json(error, code), **told}))
    colour_of = "red" if error.label == PovError.label else "yellow"
    lines = [click.style(f"{error.label}: ", fg=colour_of, bold=True) + error.message]
    lines += [f"  - {detail}" for detail in error.details]
    lines += _labelled("cause", error.cause)
    lines += _labelled("fix", error.fix)
    say("\n".join(lines), errors=True)
    if settings.verbose:
        say(traceback.format_exc(), errors=True)


def _labelled(label: str, text: str) -> list[str]:
    if not text:
        return []
    first, *rest = text.splitlines()
    return [f"  {click.style(label, bold=True)}: {first}", *(f"    {line}" for line in rest)]


def _as_json(error: PovError, code: int) -> dict[str, Any]:
    problems = [vars(problem) for problem in getattr(error, "problems", ())]
    document = {"message": error.message, "cause": error.cause, "fix": error.fix, "details": list(error.details)}
    return {**document, **({"problems": problems} if problems else {}), "exit_code": code}
