"""A build of a root file system that is killed: what is mounted and written in it is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.scratch import discard_left
from pov.base.wait import Pending, wait_for
from tests.processes import naming

_STAND_IN = """#!/bin/sh
# As the real one: a new system in the temporary folder, with the kernel's own folders in it, while programs run there.
root=$(mktemp -d "$TMPDIR/mmdebstrap.XXXXXX")
mkdir "$root/proc" && mount -t proc proc "$root/proc" && echo "$root" > "$TMPDIR/../ready.new"
mv "$TMPDIR/../ready.new" "$TMPDIR/../ready"
trap '' INT TERM
while :; do sleep 1; done
"""
_BUILD = """
import sys
from pathlib import Path
from pov.bundle.roots import bootstrap
bootstrap("base", ["none"], Path(sys.argv[1]), print, {})
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's namespaces are mmdebstrap's own")
def test_a_killed_build_leaves_neither_mounts_nor_files(tmp_path: Path) -> None:
    programs, temporary, out = tmp_path / "bin", tmp_path / "tmp", tmp_path / "out"
    for folder in (programs, temporary, out):
        folder.mkdir()
    (programs / "mmdebstrap").write_text(_STAND_IN)
    (programs / "mmdebstrap").chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
    building = subprocess.Popen([sys.executable, "-c", _BUILD, str(out)], env=env, stdout=subprocess.DEVNULL)
    try:
        _until("the new system stands", (temporary / "ready").exists)
        root = (temporary / "ready").read_text().strip()
        assert root.startswith(str(temporary))
        assert root not in Path("/proc/mounts").read_text(), "it is mounted for the build alone"
    finally:
        building.send_signal(signal.SIGKILL)
        building.wait(10)
    _until("its processes have ended", lambda: not naming(str(programs)))
    discard_left(temporary)
    assert [path.name for path in temporary.iterdir()] == ["ready"]


def _until(what: str, holds: Callable[[], bool]) -> None:
    wait_for(what, lambda: holds() or Pending("not yet"), timeout_s=60, interval_s=0.05)
