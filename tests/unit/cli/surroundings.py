"""Runs the real command in a subprocess, in surroundings that a test sets out."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
QUICKSTART = (CHECKOUT / "scenarios" / "quickstart" / "scenario.yaml").read_text()


class Surroundings:
    """A user's folder, home and PATH: with Git, without any container engine, so that nothing can be brought up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.here = root / "here"
        self.programs = root / "programs"
        for folder in (self.here, self.programs, root / "home"):
            folder.mkdir()
        self.offer("git")
        self.environment = {
            "PATH": str(self.programs),
            "HOME": str(root / "home"),
            "PYTHONPATH": str(CHECKOUT),
            "POV_CACHE": str(root / "cache"),
            "LC_ALL": "C.UTF-8",
        }

    def offer(self, program: str) -> None:
        """Put a program on the PATH."""
        found = shutil.which(program)
        assert found is not None
        (self.programs / program).unlink(missing_ok=True)
        (self.programs / program).symlink_to(found)

    def pov(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        powerless: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command line; `env` is laid over the environment, None takes a variable out.

        A powerless one minds the modes of files, also as root.
        """
        argv: Sequence[str] = [sys.executable, "-m", "pov", *arguments]
        environment = {**self.environment, **(env or {})}
        return subprocess.run(
            argv,
            cwd=cwd or self.here,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
            preexec_fn=_mind_modes if powerless else None,
        )

    def files(self) -> set[str]:
        """Every path below the user's folder."""
        return {str(path.relative_to(self.here)) for path in self.here.rglob("*")}


def _mind_modes() -> None:
    # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: gone with the next program that is started.
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        assert libc.prctl(24, 1, 0, 0, 0) == 0
        assert libc.prctl(24, 2, 0, 0, 0) == 0
