"""The one exit boundary: errors become a message, a cause, what to do next, and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from pov.base.errors import PovError
from pov.cli.app import Settings, cli

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, and return how it ended.

    0 done, 1 failed, 2 usage, 3 preflight, 4 a criterion was not met, 5 one could not be judged, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    settings = Settings(json="--json" in arguments)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = cli.main(arguments, prog_name="pov", standalone_mode=False, obj=settings)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except BrokenPipeError:
        # Whoever read standard output has gone (`pov … | head`); nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary: people get words and a code
        told, code = _in_words(error)
        _tell(told, code, settings)
        return code
    finally:
        signal.signal(signal.SIGTERM, previous)


def _in_words(error: BaseException) -> tuple[PovError, int]:
    if isinstance(error, PovError):
        return error, error.exit_code
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "pov"
        return PovError(error.format_message(), fix=f"{command} --help"), USAGE
    if isinstance(error, click.ClickException):
        return PovError(error.format_message()), FAILED
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return PovError("interrupted", fix="run the same command again: it goes on where it stopped"), INTERRUPTED
    if isinstance(error, OSError):
        cause = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return PovError("the operating system refused", cause=cause, fix="mend the cause, then run it again"), FAILED
    fix = "this is a fault of pov: run it again with -v and keep the traceback"
    return PovError("unexpected error", cause=f"{type(error).__name__}: {error}", fix=fix), FAILED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _tell(error: PovError, code: int, settings: Settings) -> None:
    if settings.json and not settings.answered:
        told = {"events": settings.events} if settings.events else {}
        click.echo(json.dumps({"error": _as_json(error, code), **told}, indent=2, ensure_ascii=False))
    lines = [click.style("Error: ", fg="red", bold=True) + error.message]
    lines += [f"  - {detail}" for detail in error.details]
    lines += _labelled("cause", error.cause)
    lines += _labelled("fix", error.fix)
    click.echo("\n".join(lines), err=True)
    if settings.verbose:
        click.echo(traceback.format_exc(), err=True)


def _labelled(label: str, text: str) -> list[str]:
    if not text:
        return []
    first, *rest = text.splitlines()
    return [f"  {click.style(label, bold=True)}: {first}", *(f"    {line}" for line in rest)]


def _as_json(error: PovError, code: int) -> dict[str, Any]:
    problems = [vars(problem) for problem in getattr(error, "problems", ())]
    document = {"message": error.message, "cause": error.cause, "fix": error.fix, "details": list(error.details)}
    return {**document, **({"problems": problems} if problems else {}), "exit_code": code}
