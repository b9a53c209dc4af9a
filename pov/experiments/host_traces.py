"""What a legacy host holds of a change: times and owners of files, and the histories of its shells."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pov.measure.answers import Answer

FILES = "file times and owners"
HISTORY = "shell history"
HISTORY_FILE = "/root/.bash_history"
_NO_NAME = "UNKNOWN"
_MARK = "history|"
_AT = re.compile(r"#(\d{9,11})")
_NEAR = timedelta(seconds=60)
_LONGEST = 80
_LOOKS = frozenset({"cat", "diff", "file", "grep", "head", "less", "ls", "md5sum", "more", "readlink", "stat", "tail"})

SHELL = (
    "env",
    f"HISTFILE={HISTORY_FILE}",
    "HISTTIMEFORMAT=%F %T ",
    "HISTCONTROL=",
    "bash",
    "--noprofile",
    "--norc",
    "-i",
)
"""The shell of somebody who works on a host by hand. It keeps each command with its time: no shell keeps more."""


@dataclass(frozen=True)
class Typed:
    """A command as an account's history keeps it; without a time where its shell keeps none."""

    account: str
    when: datetime | None
    command: str


def typed_by_hand(*commands: str) -> bytes:
    """What somebody types, for the standard input of `SHELL`."""
    return "".join(f"{command}\n" for command in (*commands, "exit")).encode()


def reading(service: str, *files: str) -> str:
    """A shell's command that prints what a host holds of a service: its releases, the link to the one in use, files."""
    root = f"/opt/pov/{shlex.quote(service)}"
    return (
        f"stat -c '%Y|%U|%n' {root}/releases/* {' '.join(map(shlex.quote, files))}; "
        f"stat -c '%Y|%U|%N' {root}/current; "
        "for f in /root/.*_history /home/*/.*_history; do "
        f'[ -f "$f" ] && sed "s/^/{_MARK}$(stat -c %U "$f")|/" "$f"; done; true'
    )


def answers_of_host(lines: Sequence[str], service: str) -> tuple[Answer, ...]:
    """Answers out of what `reading` printed: a release's folder, the link to the one in use, other files; histories.

    The link tells which release is in use and since when; a release's folder, when it was brought. A file tells its
    last change alone: a command that names it and is older by more than a minute is a change of its own, a later one
    changed nothing. Commands that only look are left out.
    """
    found = {answer.what: answer for answer in _of_files(lines) if answer.what is not None}
    further = []
    for one in histories(lines):
        for what in _named(one.command, service, tuple(found)):
            told = f"{HISTORY} of {one.account}: {one.command[:_LONGEST]}"
            held = found[what]
            after = timedelta() if one.when is None or held.when is None else one.when - held.when
            if abs(after) <= _NEAR:
                found[what] = replace(held, source=f"{FILES}; {told}")
            elif after < timedelta():
                further.append(Answer(told, what, one.account, one.when))
    return (*found.values(), *further)


def histories(lines: Sequence[str]) -> Iterator[Typed]:
    """Commands as histories keep them; a line `#seconds` is the time of the next one."""
    at: dict[str, datetime] = {}
    for line in lines:
        if not line.startswith(_MARK):
            continue
        account, _, text = line.removeprefix(_MARK).partition("|")
        if stamp := _AT.fullmatch(text):
            at[account] = datetime.fromtimestamp(int(stamp[1]), UTC)
        else:
            yield Typed(account, at.pop(account, None), text)


def _of_files(lines: Sequence[str]) -> Iterator[Answer]:
    for line in lines:
        parts = line.split("|", 2)
        if len(parts) != 3 or not parts[0].isdigit():
            continue
        when, owner = datetime.fromtimestamp(int(parts[0]), UTC), parts[1]
        name, arrow, target = parts[2].partition(" -> ")
        if arrow:
            what = f"release {target.strip(chr(39)).rpartition('/')[2]}"
        elif "/releases/" in name:
            what = f"release {name.rpartition('/')[2]}"
        else:
            what = f"file {name}"
        # A link comes last: that a release is in use since then says more than when it was brought. An owner without
        # a name on the host is the service's own number, and nobody who did something.
        yield Answer(FILES, what, None if owner == _NO_NAME else owner, when)


def _named(command: str, service: str, known: Iterable[str]) -> list[str]:
    """Which of the changes that files tell of a command names: by a file's path, or by a release of the service."""
    try:
        words = shlex.split(command.replace(">", " > "))
    except ValueError:
        words = command.split()
    if not words or (words[0] in _LOOKS and ">" not in words):
        return []
    named = []
    for what in known:
        kind, _, name = what.partition(" ")
        if kind == "file":
            hit = name in words
        else:
            hit = f"/{service}/" in command and any(word.endswith(f"releases/{name}") for word in words)
        if hit:
            named.append(what)
    return named
