"""The programs that `pov up` and the arms call on this machine: there, what they are called, and new enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pov.base import variables
from pov.base.errors import NotFound, PovError, Problem
from pov.base.process import run
from pov.engines import ssh, terraform

_LIMIT_S = 20.0


@dataclass(frozen=True)
class Tool:
    """A program, and what it says of itself; `pattern` finds the first two parts of its version in that."""

    name: str
    asked: tuple[str, ...]
    given: str
    pattern: str
    least: tuple[int, int]
    because: str

    def trouble(self) -> str:
        """What is wrong with it, in words; empty if nothing is."""
        done = run([self.name, *self.asked], timeout_s=_LIMIT_S, env=variables.given_to(self.given), check=False)
        said = f"{done.stdout}{done.stderr}".strip()
        found = re.search(self.pattern, said)
        if done.code != 0 or found is None:
            return f"it does not say its version (code {done.code}): {said[:200] or 'nothing'}"
        version = int(found[1]), int(found[2])
        if version < self.least:
            return f"it is {version[0]}.{version[1]}, and {self.least[0]}.{self.least[1]} is needed {self.because}"
        return ""


TOOLS = (
    Tool("git", ("--version",), "git", r"^git version (\d+)\.(\d+)", (2, 28), "to name a first branch"),
    Tool("ssh", ("-V",), "ssh", r"^OpenSSH_\D*(\d+)\.(\d+)", (7, 3), "to leave the user's agent out"),
    Tool("openssl", ("version",), "file tool", r"^(?:Open|Libre)SSL (\d+)\.(\d+)", (1, 1), "by the runbooks"),
)


def problems(binaries: Mapping[str, Path] | None) -> list[Problem]:
    """What is wrong with any of them, all at once. `binaries` are the bundle's; None while it is still to be built."""
    looks: dict[str, Callable[[], str]] = {tool.name: tool.trouble for tool in TOOLS}
    looks["ssh-keygen"] = _key
    if binaries is not None:
        looks["terraform"] = lambda: _terraform(binaries)
    with ThreadPoolExecutor(len(looks)) as pool:
        told = dict(zip(looks, pool.map(_told, looks.values()), strict=True))
    return [Problem(name, trouble, _fix(name)) for name, trouble in told.items() if trouble]


def _told(look: Callable[[], str]) -> str:
    try:
        return look()
    except PovError as error:
        return f"{error.message}: {error.cause}" if error.cause else error.message


def _key() -> str:
    made = ssh.make_key("probe").public
    return "" if made.startswith("ssh-ed25519 ") else f"it does not make a key: {made[:200] or 'nothing'}"


def _terraform(binaries: Mapping[str, Path]) -> str:
    try:
        terraform.find_program(binaries)
    except NotFound as error:
        return f"{error.message}, and the bundle has no OpenTofu"
    return ""


def _fix(name: str) -> str:
    if name == "terraform":
        return "pov bundle build  (it builds OpenTofu), or install a newer Terraform"
    if variables.program("apt-get") is not None:
        return "pov doctor --fix, or put a newer one first on the PATH"
    return f"install a newer {name} with this system's package manager"
