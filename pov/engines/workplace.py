"""Where a person works: a shell on this machine from which `ssh HOST` reaches the estate's hosts with its own key, or
one in a working copy of the configuration.

Each shell tells, beside its prompt, that a command began and how it ended: its exit code, and whether it asked a
service if it is ready. It tells nothing of the command's words. `ShellMarks` takes these tellings out of the output
again. No shell keeps a history.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pov.base import variables
from pov.base.errors import NotFound
from pov.base.files import private_dir, write_atomic
from pov.base.redact import Secret

HERE = "here"
"""What the shell on this machine calls itself in its tellings."""
_CODE = "7770"
_LONGEST = 200
_NO_GATE = "a question that no command asks"


@dataclass(frozen=True)
class Workplace:
    """A shell to start: its arguments, all of its variables, its folder, and the mark that its tellings carry.

    `secrets` are those that a person could have shown there beside the environment's own: no recording keeps them.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    token: str
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True)
class CommandEnded:
    """A command in a shell ended with a code; `check` tells whether it asked a service if it is ready."""

    shell: str
    code: int
    check: bool


@dataclass(frozen=True)
class CommandBegan:
    """A command began in a shell."""

    shell: str


def at_hosts(folder: Path, ssh_config: Path, *, check: str) -> Workplace:
    """Write a workplace into `folder` from which hosts are reached. `check` asks a service there if it is ready.

    Raises `NotFound` without bash or ssh: a shell that cannot tell how commands end would count no mistakes.
    """
    ssh, token = _program("ssh"), secrets.token_hex(8)
    told = _telling(token, "$1", check)
    remote = f'exec env HISTFILE= PS0={told["PS0"]} PROMPT_COMMAND={told["PROMPT_COMMAND"]} TERM="$TERM" bash -i'
    config = shlex.quote(str(ssh_config))
    programs = {
        "ssh": "#!/bin/sh\n"
        "# ssh as the estate knows it: its own key and host keys. With a host alone it opens a shell there.\n"
        "case $# in 1) ;; *) exec " + f'{shlex.quote(ssh)} -F {config} "$@" ;; esac\n'
        f'case $1 in -*) exec {shlex.quote(ssh)} -F {config} "$1" ;; esac\n'
        f'{shlex.quote(ssh)} -F {config} -t "$1" {_for_host(remote)}\n'
        # How the last command over there ended was told over there; here it counts only whether the connection held.
        "[ $? -ne 255 ] || exit 255\n"
    }
    for name in ("scp", "sftp"):
        if found := variables.program(name):
            programs[name] = f'#!/bin/sh\nexec {shlex.quote(found)} -F {config} "$@"\n'
    return _shell(folder, folder, token, check, programs=programs)


def at_repository(
    folder: Path, repository: Path, env: Mapping[str, str], *, by: str, programs: Mapping[str, str] | None = None
) -> Workplace:
    """Write a workplace into `folder` whose shell starts in a working copy; `env` is what Git needs there.

    Commits are by `by`; `programs` are commands that the person has there beside the machine's own, by name. Raises
    `NotFound` without bash.
    """
    # A plain `git push` sends the branch to the one of its name, also where no upstream was ever set.
    setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "push.default", "GIT_CONFIG_VALUE_0": "current"}
    who = {"GIT_AUTHOR_NAME": by, "GIT_COMMITTER_NAME": by, "GIT_WORK_TREE": str(repository)}
    given = {**env, **setting, **who}
    return _shell(folder, repository, secrets.token_hex(8), _NO_GATE, programs=programs, env=given)


def _shell(
    folder: Path,
    start: Path,
    token: str,
    check: str,
    *,
    programs: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Workplace:
    """A shell that tells, in `start`; `programs` come before the user's own."""
    bash, own = _program("bash"), private_dir(private_dir(folder) / "bin")
    for name, text in (programs or {}).items():
        write_atomic(own / name, text, mode=0o700)
    here = _telling(token, HERE, check)
    write_atomic(
        folder / "shellrc",
        f"unset HISTFILE\nPS1='here:\\W> '\nPS0={here['PS0']}\nPROMPT_COMMAND={here['PROMPT_COMMAND']}\n",
        mode=0o600,
    )
    told = variables.given_to("a person's shell", {**(env or {}), "PATH": f"{own}:{variables.search_path()}"})
    argv = (bash, "--noprofile", "--rcfile", str(folder / "shellrc"), "-i")
    return Workplace(argv, {"TERM": "xterm-256color", **told}, start, token)


def _program(name: str) -> str:
    found = variables.program(name)
    if found is None:
        raise NotFound(f"no program `{name}`, which a person's terminal needs", fix="pov doctor --fix")
    return found


def _telling(token: str, shell: str, check: str) -> dict[str, str]:
    """Two of bash's variables, quoted for a shell: what it prints before a command and before a prompt."""
    begins = rf"\e]{_CODE};{token};C;{shell}\a"
    # bash keeps the command's exit code for whoever asks at the prompt.
    ends = (
        f'__pov=$?; case "$(HISTTIMEFORMAT= history 1)" in *{shlex.quote(check)}*) __check=1 ;; *) __check=0 ;; esac; '
        rf"printf '\033]{_CODE};{token};D;{shell};%s;%s\007' "
        '"$__pov" "$__check"'
    )
    return {"PS0": shlex.quote(begins), "PROMPT_COMMAND": shlex.quote(ends)}


def _for_host(remote: str) -> str:
    """A command for the far end, quoted for the wrapper's shell but for `$1`, the host's name as it was typed."""
    return "'" + remote.replace("'", "'\\''").replace("$1", "'\"$1\"'") + "'"


class ShellMarks:
    """Takes shells' tellings out of their output. Feed it in whatever pieces it comes."""

    def __init__(self, token: str) -> None:
        begin = rb"\x1b\]" + _CODE.encode() + b";" + token.encode() + b";"
        self._whole = re.compile(begin + rb"(?:C;([^;\x07]*)|D;([^;\x07]*);(\d+);([01]))\x07")
        self._begin = b"\x1b]" + _CODE.encode() + b";" + token.encode() + b";"
        self._kept = b""

    def feed(self, data: bytes) -> tuple[bytes, list[CommandBegan | CommandEnded]]:
        """The output without tellings, and what they told. The beginning of one is kept until the rest is there."""
        whole, self._kept = self._kept + data, b""
        shown, told, at = [], list[CommandBegan | CommandEnded](), 0
        for match in self._whole.finditer(whole):
            shown.append(whole[at : match.start()])
            at = match.end()
            began, ended, code, check = (
                None if part is None else part.decode(errors="replace") for part in match.groups()
            )
            if began is not None:
                told.append(CommandBegan(began))
            else:
                told.append(CommandEnded(ended or "", int(code or 0), check == "1"))
        left = whole[at:]
        begun = _begun(left, self._begin)
        self._kept = left[begun:]
        return b"".join([*shown, left[:begun]]), told


def _begun(data: bytes, begin: bytes) -> int:
    """Where the beginning of a telling stands at the end of `data`; its length where there is none."""
    at = data.rfind(b"\x1b")
    if at < 0:
        return len(data)
    tail = data[at:]
    is_one = begin.startswith(tail) or (tail.startswith(begin) and len(tail) < _LONGEST and b"\x07" not in tail)
    return at if is_one else len(data)
