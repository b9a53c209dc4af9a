"""What a bare Debian lacks for running a bundle and for building one, and how it gets there.

A need is judged by the program or file that is used, never by a package's name: other systems package them otherwise.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pov.base import variables
from pov.base.errors import CommandFailed, PovError, PreflightFailed, Problem
from pov.base.paths import cache_root
from pov.base.process import run
from pov.base.scratch import scratch
from pov.base.wait import Pending, wait_for
from pov.bundle import current
from pov.engines.containers import Containers
from pov.model.events import Emit, Event

_UPDATE_S = 180.0
_INSTALL_S = 600.0
_LOCK_S = 300.0
_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/libexec/podman", "/usr/local/lib/podman")
"""Where programs lie that people do not call by hand: not on everybody's PATH."""

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l", "LC_ALL": "C"}
_SPARING = (
    "-o", "Dpkg::Options::=--force-confold", "-o", "Acquire::Retries=2",
    "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20",
)  # fmt: skip
_INSTALL = "apt-get install -y --no-install-recommends"
_LOCKED = re.compile(r"could not get lock|unable to lock|unable to acquire the dpkg", re.IGNORECASE)
_HOLDER = re.compile(r"held by process (\d+)(?: \(([^)]*)\))?")


@dataclass(frozen=True)
class Need:
    """A Debian package, and what of it is used: any one of these programs, or of these files (with a leading slash)."""

    package: str
    any_of: tuple[str, ...]

    def met(self) -> bool:
        """Whether this machine has it, wherever it came from."""
        return any(
            Path(one).exists() if one.startswith("/") else variables.program(one, *_FOLDERS) for one in self.any_of
        )


RUNNING = (
    Need("ca-certificates", ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem", "/etc/ssl/cert.pem")),
    Need("git", ("git",)),
    Need("openssh-client", ("ssh",)),
    Need("openssl", ("openssl",)),
)
"""For every environment: Git and SSH are called by what drives the arms, openssl by the customer's runbook."""

CONTAINERS = (
    Need("podman", ("podman",)),
    Need("runc", ("runc",)),
    Need("netavark", ("netavark",)),
    Need("aardvark-dns", ("aardvark-dns",)),
    Need("iptables", ("iptables",)),
)
"""Podman as kind can use it: Debian only recommends its network parts, and crun refuses hybrid control groups."""

BUILDING = (
    Need("mmdebstrap", ("mmdebstrap",)),
    Need("debian-archive-keyring", ("/usr/share/keyrings/debian-archive-keyring.gpg",)),
    Need("gcc", ("gcc",)),
    Need("libc6-dev", ("/usr/include/stdio.h",)),
)
"""For building images from nothing: root file systems, Gitea's SQLite, the pause program."""

RUNTIME_PACKAGES = tuple(need.package for need in (*RUNNING, *CONTAINERS))
"""What an archive of the bundle carries for a machine without any registry."""


def missing(*, building: bool | None = None) -> list[str]:
    """Debian packages whose programs are not here.

    Those for `building` count while there is no bundle yet, unless told otherwise. Podman's count only where no
    Docker runs a privileged container.
    """
    wanted = list(RUNNING)
    if platform.system() == "Linux":
        lacks_podman = not all(need.met() for need in CONTAINERS)
        if not (lacks_podman and _docker_works()):
            wanted += CONTAINERS
        if building if building is not None else current() is None:
            wanted += BUILDING
    return [need.package for need in wanted if not need.met()]


def require_for_building() -> None:
    """Raise `PreflightFailed` if a program that building calls is not here: before minutes of work, not after."""
    lacking = missing(building=True)
    if lacking:
        fix = f"{'' if os.geteuid() == 0 else 'sudo '}{_INSTALL} {' '.join(lacking)}"
        raise PreflightFailed([Problem("packages", f"building the bundle needs {', '.join(lacking)}", fix)])


def _docker_works() -> bool:
    return variables.program("docker") is not None and Containers("docker").probe() is None


def packages_folder() -> Path:
    """Where `pov bundle load` puts the runtime packages of an archive."""
    return cache_root() / "bundle" / "packages"


def install(packages: Sequence[str], emit: Emit) -> None:
    """Install packages: from the loaded bundle where it carries them, else from the system's own sources.

    Waits for another package manager to finish (at most five minutes, told). Raises `PovError` with the command to
    type without root, and with the names on a system without apt.
    """
    if not packages:
        return
    _refuse_what_cannot_work(packages)
    if (packages_folder() / "Packages").is_file():
        try:
            _install_carried(packages, emit)
            return
        except CommandFailed:
            _say(emit, "the bundle's packages do not fit here: asking the system's sources")
    try:
        _apt(["install", "-y", "--no-install-recommends", *_SPARING, *packages], _INSTALL_S, emit)
    except CommandFailed:
        # Lists are missing or out of date on most machines that were not used for a while.
        _say(emit, "refreshing the package lists")
        try:
            _apt(["update", "-q", *_SPARING], _UPDATE_S, emit)
            _apt(["install", "-y", "--no-install-recommends", *_SPARING, *packages], _INSTALL_S, emit)
        except CommandFailed as error:
            raise PovError(
                f"cannot install {', '.join(packages)}",
                cause=_last_lines(error.stderr or error.stdout),
                fix="reach a package source, or load an archive that carries them: pov bundle load FILE",
            ) from error
    still = [name for name in packages if name in missing(building=True)]
    if still:
        raise PovError(f"installed, and still not found: {', '.join(still)}", fix="pov doctor")


def _refuse_what_cannot_work(packages: Sequence[str]) -> None:
    if variables.program("apt-get") is None:
        names = ", ".join(packages)
        fix = f"with this system's package manager, install what gives: {_programs(packages)}"
        raise PovError(f"missing here: {names} (Debian's names)", cause="this system has no apt", fix=fix)
    if os.geteuid() != 0:
        fix = f"sudo {_INSTALL} {' '.join(packages)}"
        raise PovError(f"missing here: {', '.join(packages)}", cause="installing needs root", fix=fix)


def _programs(packages: Sequence[str]) -> str:
    needs = {need.package: need.any_of[0] for need in (*RUNNING, *CONTAINERS, *BUILDING)}
    return ", ".join(needs.get(name, name) for name in packages)


def _apt(arguments: Sequence[str], timeout_s: float, emit: Emit) -> None:
    def attempt() -> Pending | bool:
        try:
            env = variables.given_to("apt", _QUIET)
            run(["apt-get", *arguments], timeout_s=timeout_s, env=env, on_line=lambda line: _tell(line, emit))
        except CommandFailed as error:
            if _LOCKED.search(error.stderr):
                return Pending(f"another package manager is at work{_holder(error.stderr)}")
            raise
        return True

    wait_for(
        "the package manager",
        attempt,
        timeout_s=_LOCK_S,
        interval_s=2.0,
        on_pending=lambda waiting: _say(emit, waiting.state),
        fix="let it finish, then: pov doctor --fix",
    )


def _install_carried(packages: Sequence[str], emit: Emit) -> None:
    """From the folder of packages alone: apt picks from it what is missing, with the system's own sources left out."""
    _say(emit, "installing from the bundle")
    with scratch() as root:
        (root / "lists" / "partial").mkdir(parents=True)
        # Trusted, since every file was compared with the archive's manifest when it was loaded.
        (root / "sources.list").write_text(f"deb [trusted=yes] file:{packages_folder()} ./\n")
        only = (
            "-o", f"Dir::Etc::sourcelist={root / 'sources.list'}", "-o", "Dir::Etc::sourceparts=/dev/null",
            "-o", f"Dir::State::lists={root / 'lists'}", "-o", f"Dir::Cache={root}",
            "-o", "APT::Sandbox::User=root",
        )  # fmt: skip
        _apt(["update", "-q", *only], _UPDATE_S, emit)
        _apt(["install", "-y", "--no-install-recommends", *_SPARING, *only, *packages], _INSTALL_S, emit)


def _tell(line: str, emit: Emit) -> None:
    if line.startswith(("Get:", "Unpacking ", "Setting up ", "Preparing to ")):
        _say(emit, line[:100])


def _say(emit: Emit, text: str) -> None:
    emit(Event("progress", "packages", text))


def _holder(text: str) -> str:
    found = _HOLDER.search(text)
    if found is None:
        return ""
    return f" ({found[2] or 'process'}, process {found[1]})"


def _last_lines(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.startswith(("E:", "W:"))] or text.strip().splitlines()
    return "\n".join(lines[-4:])
