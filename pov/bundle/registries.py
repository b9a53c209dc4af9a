"""What of a user's settings of pip, npm and pnpm holds here: where packages come from, and as whom, and nothing else.

The rest of such a file (another target folder, a dry run, what is left out) is meant for the user's own projects.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pov.base import variables
from pov.base.files import write_atomic
from pov.base.process import run
from pov.base.scratch import scratch

_LIMIT_S = 60.0
_PIP = {
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy"),
    *("timeout", "default-timeout", "retries", "cache-dir", "keyring-provider"),
}
_PIP_LINE = re.compile(r"(?P<section>[a-z]+)\.(?P<name>[a-z-]+)=(?P<value>'.*'|\".*\")")
_NPM_LINE = re.compile(
    r"\s*(?:(?:@[^:=\s]+:)?registry|//[^=]+|_auth|_authToken|_password|username|email|ca(?:file|\[\])?|cert|key|"
    r"proxy|https-proxy|noproxy|strict-ssl|maxsockets|fetch-[a-z-]+)\s*="
)
_NPM_FILES = ("globalconfig", "userconfig")


def pip(command: str, *arguments: str, timeout_s: float) -> None:
    """Run one of pip's commands. Raises `CommandFailed`."""
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", command, *arguments]
    run(argv, timeout_s=timeout_s, env=pip_env(command))


def pip_env(command: str) -> dict[str, str]:
    """All variables for a command of pip's. What the user says by a variable goes before what stands in a file."""
    asked = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    # A file may ask for silence.
    said = run(asked, timeout_s=_LIMIT_S, env=variables.given_to("pip", {"PIP_QUIET": "0"})).stdout
    told = [found for line in said.splitlines() if (found := _PIP_LINE.fullmatch(line))]
    held = {
        f"PIP_{one['name'].replace('-', '_').upper()}": str(ast.literal_eval(one["value"]))
        for section in ("global", command)
        for one in told
        if one["section"] == section and one["name"] in _PIP
    }
    # Of these, pip reads no file when it is told of none.
    return variables.given_to("pip", {**held, **variables.taken_by("pip"), "PIP_CONFIG_FILE": os.devnull})


@contextmanager
def node_env(programs: Path, more: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """All variables for npm and pnpm, whose programs lie in `programs`, for the time of the block."""
    with scratch() as folder:
        own = folder / ".npmrc"
        write_atomic(own, "".join(_held(_npm_files())), mode=0o600)
        settings = {
            "PATH": f"{programs}{os.pathsep}{variables.search_path()}",
            "npm_config_userconfig": str(own),
            "npm_config_globalconfig": os.devnull,
            # pnpm has settings of its own in there.
            "XDG_CONFIG_HOME": str(folder),
        }
        given = variables.given_to("npm", {**settings, **(more or {})})
        yield {name: value for name, value in given.items() if name in settings or name.lower() not in settings}


def _npm_files() -> Iterator[Path]:
    """The user's, the one that counts more coming later."""
    given = {name.lower(): value for name, value in variables.taken_by("npm").items()}
    home = Path(os.environ.get("HOME", "/nonexistent"))
    usual = {"globalconfig": "", "userconfig": str(home / ".npmrc")}
    for name in _NPM_FILES:
        yield Path(given.get(f"npm_config_{name}") or usual[name] or "/nonexistent")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "pnpm", "rc")


def _held(files: Iterable[Path]) -> Iterator[str]:
    for path in files:
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            continue
        yield from (f"{_filled_in(line)}\n" for line in lines if _NPM_LINE.match(line))


def _filled_in(line: str) -> str:
    """With the variables that it names: npm itself is not given them."""
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), line)
