"""Completion in a shell, as the README says how it is switched on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pov.base.paths import data

README = data("README.md")


def completed(words: str, folder: Path) -> list[str]:
    """What bash offers for the last of `words`, after the README's line."""
    program = folder / "pov"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pov "$@"\n')
    program.chmod(0o755)
    (line,) = re.findall(r"`(eval .*?_POV_COMPLETE=bash_source.*?)`", README.read_text())
    script = f"""
        {line}
        complete -p pov >/dev/null
        COMP_WORDS=({words})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _pov_completion pov
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    argv = ["bash", "--norc", "-e", "-c", script]
    done = subprocess.run(argv, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pov sc", ["scope", "scenarios"]),
        ("pov scope s", ["size", "sheet", "show"]),
        ("pov gate --ma", ["--mandate", "--manifests"]),
        ("pov nothing", []),
    ],
)
def test_commands_and_options_are_completed(words: str, offered: list[str], tmp_path: Path) -> None:
    assert sorted(completed(words, tmp_path)) == sorted(offered)
