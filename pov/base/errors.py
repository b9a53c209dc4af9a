"""What can go wrong, in words that end at the console: a message, a cause, and the next command to type.

Only the command line turns these into exit codes; a library never exits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class PovError(Exception):
    """Something failed for a reason that can be told. `cause` says why, `fix` what to type or change next."""

    exit_code: ClassVar[int] = 1
    label: ClassVar[str] = "Error"

    def __init__(self, message: str, *, cause: str = "", fix: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.fix = fix
        self.details = tuple(details)


class RunInterrupted(KeyboardInterrupt):
    """An interrupt that ended a run which had begun. `run` is its id: with that it goes on."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run} was interrupted")
        self.run = run


class Transient(PovError):
    """Failed now, worth another try soon: a connection refused, a pod not there yet."""


class NotFound(PovError):
    """What was asked for does not exist."""


class NoSuchInput(NotFound):
    """What an argument names is not there, or is no such thing: nothing was looked at and nothing changed.

    Apart from `NotFound` so that a script can tell a misspelt path from something that was looked at and is wrong.
    """

    exit_code = 2


class TimedOut(PovError):
    """A bounded wait came to its limit; the message says what was waited for and what was seen last."""


class CommandFailed(PovError):
    """A command ended with a code other than 0. Output is kept for the error; it never holds a secret of ours."""

    def __init__(self, argv: Sequence[str], code: int, stdout: str, stderr: str, *, fix: str = "") -> None:
        self.argv = tuple(argv)
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        tail = (stderr.strip() or stdout.strip())[-2000:]
        super().__init__(f"`{' '.join(self.argv[:6])}` ended with code {code}", cause=tail, fix=fix)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input or a machine: where ("file:line" or a name), what, and how to mend it."""

    where: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.fix})" if self.fix else text


class _Problems(PovError):
    def __init__(self, problems: Sequence[Problem], headline: str) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            only = self.problems[0]
            where = f"{only.where}: " if only.where else ""
            super().__init__(f"{where}{only.message}", fix=only.fix)
        else:
            super().__init__(f"{len(self.problems)} {headline}", details=[str(p) for p in self.problems])


class InvalidInput(_Problems):
    """A file or an argument is wrong; nothing was changed. Lists every problem at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems, "problems in the input; nothing was changed")


class PreflightFailed(_Problems):
    """This machine or target cannot carry what was asked; nothing was changed. Lists every problem at once."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems, "checks failed before anything was changed")


class CriterionNotMet(PovError):
    """Everything ran and is saved, and a success criterion was not met; or a change was judged, and is refused."""

    exit_code = 4


class NotShown(PovError):
    """Everything ran and is saved; no success criterion was missed, and at least one could not be judged."""

    exit_code = 5
    label = "Note"
