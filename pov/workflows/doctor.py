"""`pov doctor`: what this machine lacks for a demo, and how to get it. Changes nothing unless asked to."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pov.base.errors import PovError
from pov.base.paths import cache_root
from pov.base.ports import LOOPBACK
from pov.model.events import Emit, Event

Verdict = Literal["ok", "warning", "lacking"]

DISK_GIB = 12.0
MEMORY_GIB = 7.0
INOTIFY = {"max_user_instances": 512, "max_user_watches": 65_536}
"""What dozens of pods' watchers need of the kernel; distributions ship 128 instances."""


@dataclass(frozen=True)
class DoctorOptions:
    """`fix` installs and sets what can be; `root` is where environments will live."""

    root: Path
    fix: bool = False


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, what is needed, and how to get it."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorResult:
    """Every check; `fixed` tells what was changed."""

    checks: tuple[Check, ...]
    fixed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is lacking; warnings do not count."""
        return all(check.verdict != "lacking" for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {"ok": self.ok, "checks": [vars(check) for check in self.checks], "fixed": list(self.fixed)}


def run(options: DoctorOptions, emit: Emit) -> DoctorResult:
    """Look at everything; with `fix`, get what is lacking first. What cannot be got is told, not raised."""
    fixed = tuple(_mend(emit)) if options.fix else ()
    looks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Python", _python),
        ("packages", _packages),
        ("tools", _tools),
        ("containers", _containers),
        ("disk", lambda: _disk(options.root)),
        ("memory", _memory),
        ("inotify", _inotify),
        ("ports", _ports),
        ("bundle", _bundle),
    )
    checks = []
    for name, look in looks:
        emit(Event("progress", "doctor", f"looking at {name}"))
        try:
            checks.append(look())
        except PovError as error:
            checks.append(Check(name, "lacking", error.message, error.fix))
        except OSError as error:
            checks.append(Check(name, "lacking", str(error), "mend that, then look again"))
    return DoctorResult(tuple(checks), fixed)


def _mend(emit: Emit) -> list[str]:
    from pov.bundle import hostpackages

    fixed = []
    missing = hostpackages.missing()
    if missing:
        emit(Event("started", "packages", f"Installing {', '.join(missing)}", 30))
        try:
            hostpackages.install(missing, emit)
            fixed.append(f"installed {', '.join(missing)}")
            emit(Event("changed", "packages", f"Installed {', '.join(missing)}"))
        except PovError as error:
            emit(Event("failed", "packages", f"{error.message} {error.cause}".strip()))
    for name, wanted in INOTIFY.items():
        path = _sysctl(name)
        try:
            if int(path.read_text()) < wanted:
                path.write_text(str(wanted))
                fixed.append(f"fs.inotify.{name} = {wanted} until the next boot")
        except (OSError, ValueError) as error:
            emit(Event("warning", "inotify", f"cannot set {name}: {error}"))
    return fixed


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    return Check("Python", "ok" if good else "lacking", version, "" if good else "install Python 3.11 or newer")


def _packages() -> Check:
    from pov.bundle import hostpackages

    missing = hostpackages.missing()
    if not missing:
        return Check("packages", "ok", "all installed")
    return Check("packages", "lacking", f"missing: {', '.join(missing)}", "pov doctor --fix")


def _tools() -> Check:
    from pov.bundle import current
    from pov.workflows import tools

    bundle = current()
    found = tools.problems(bundle.binaries if bundle is not None else None)
    if not found:
        return Check("tools", "ok", f"{', '.join(tool.name for tool in tools.TOOLS)} are there and new enough")
    said = "; ".join(f"{problem.where}: {problem.message}" for problem in found)
    return Check("tools", "lacking", said, "; ".join(dict.fromkeys(problem.fix for problem in found)))


def _containers() -> Check:
    from pov.engines.container_choice import candidates

    said = []
    for engine in candidates():
        why = engine.probe()
        if why is None:
            return Check("containers", "ok", f"{engine.version()}, runs a privileged container")
        said.append(f"{engine.kind}: {why}")
    return Check("containers", "lacking", "; ".join(said), "pov doctor --fix, or start Docker")


def _disk(root: Path) -> Check:
    free = {}
    for path in (cache_root(), root):
        there = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
        free[str(path)] = shutil.disk_usage(there).free / 2**30
    tight = {path: gib for path, gib in free.items() if gib < DISK_GIB}
    if not tight:
        return Check("disk", "ok", f"{min(free.values()):.0f} GiB free")
    tightest, gib = min(tight.items(), key=lambda item: item[1])
    fix = f"free {DISK_GIB - gib:.1f} GiB, or set POV_CACHE to a folder on another disk"
    return Check("disk", "lacking", f"{gib:.1f} GiB free at {tightest}, {DISK_GIB:.0f} needed", fix)


def _memory() -> Check:
    from pov.engines.container_choice import candidates
    from pov.steps.kind.room import room

    for engine in candidates():
        try:
            found = room(engine.kind, engine.info(), running=False)
        except PovError:
            continue
        gib = found.mib / 1024
        said = f"{engine.kind} can have {gib:.1f} GiB and {found.cores:g} processors"
        if gib >= MEMORY_GIB:
            return Check("memory", "ok", said)
        return Check("memory", "warning", said, f"gitops-35 needs {MEMORY_GIB:.0f} GiB: pov up quickstart")
    return Check("memory", "warning", "cannot be told: no engine answers", f"gitops-35 needs {MEMORY_GIB:.0f} GiB")


def _inotify() -> Check:
    found = {}
    for name in INOTIFY:
        try:
            found[name] = int(_sysctl(name).read_text())
        except (OSError, ValueError):
            return Check("inotify", "warning", "cannot be told here")
    said = ", ".join(f"{name} {value}" for name, value in found.items())
    low = {name: wanted for name, wanted in INOTIFY.items() if found[name] < wanted}
    if not low:
        return Check("inotify", "ok", said)
    command = "; ".join(f"sysctl -w fs.inotify.{name}={wanted}" for name, wanted in low.items())
    return Check("inotify", "lacking", said, f"as root: {command}" if os.geteuid() else "pov doctor --fix")


def _sysctl(name: str) -> Path:
    return Path("/proc/sys/fs/inotify", name)


def _ports() -> Check:
    # Environments take free ports, so only the loopback address itself can be lacking.
    try:
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
    except OSError as error:
        return Check("ports", "lacking", f"cannot listen on {LOOPBACK}: {error.strerror}", "bring the loopback up")
    return Check("ports", "ok", f"{LOOPBACK} gives free ports")


def _bundle() -> Check:
    from pov.bundle import current

    bundle = current()
    if bundle is None:
        return Check("bundle", "warning", "none yet", "pov bundle build (10 to 20 min, once; pov up does it, too)")
    return Check("bundle", "ok", f"{bundle.key[:12]}, images {bundle.source}")
