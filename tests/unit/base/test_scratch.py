"""Private folders of one piece of work, and what killed processes leave of them."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pov import __file__ as package
from pov.base import scratch as module
from pov.base.errors import PovError
from pov.base.scratch import Scratch, discard_left, scratch

HOLDS = """
import sys, time
from pathlib import Path
from pov.base.scratch import Scratch
made = Scratch(Path(sys.argv[1]))
(made.path / "id").write_text("PRIVATE KEY")
print(made.path, flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that holds a folder."""
    return subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a" / "b").mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []
    made = Scratch(tmp_path)
    made.close()
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        discard_left(tmp_path)
        assert (left / "id").exists(), "it is in use"
        holder.kill()
    assert (left / "id").exists()
    with scratch(tmp_path) as mine:
        assert not left.exists()
        discard_left(tmp_path)
        assert mine.exists()


def test_nothing_of_anybody_elses_is_removed(tmp_path: Path) -> None:
    for name in (".pov", ".pov-demo", "pov-0123456789ab", ".pov-0123456789abc", ".pov-0123456789AB"):
        (tmp_path / name).mkdir(mode=0o700)
    away = tmp_path / "away"
    away.mkdir()
    (away / "file").touch()
    (tmp_path / ".pov-00000000000a").symlink_to(away)
    (tmp_path / ".pov-00000000000b").write_text("a file")
    (tmp_path / ".pov-00000000000c").mkdir(mode=0o755)
    before = sorted(tmp_path.iterdir())
    discard_left(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert (away / "file").exists()


def test_places_that_are_not_there_hinder_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    discard_left(tmp_path / "missing")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: (_ for _ in ()).throw(FileNotFoundError("no usable folder")))

    def none() -> Path:
        raise PovError("no folder for temporary files will do")

    monkeypatch.setattr(module, "plain_temporary", none)
    discard_left()


def test_where_there_are_no_locks_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with scratch(tmp_path) as folder:
        discard_left(tmp_path)
        assert folder.exists()
    assert not folder.exists()


def test_no_room_makes_a_temporary_folder_that_nobody_would_take_away() -> None:
    """Those of runbooks lie in a private one."""
    root = Path(package).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"tempfile\.(TemporaryDirectory|mkdtemp)\b", path.read_text())
    }
    assert found == {"engines/ansible.py"}
