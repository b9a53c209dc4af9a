from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.base.redact import Secret
from pov.state.home import Home
from pov.state.journal import read_journal


def test_secrets_are_kept_for_the_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    home.save_secret("token", Secret("s3cret-value"))
    assert home.secret("token") == Secret("s3cret-value")
    assert home.secret("other") is None
    assert stat.S_IMODE(home.secrets_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.secrets_dir / "token").stat().st_mode) == 0o600
    assert home.all_secrets() == (Secret("s3cret-value"),)
    home.forget_secret("token")
    assert home.secret("token") is None


def test_removing_keeps_runs_reports_criteria_and_journal(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    home.save_secret("token", Secret("s3cret-value"))
    home.journal_writer().record("step-done", step="x")
    (home.runs_dir / "r").mkdir(parents=True)
    home.kubeconfig.write_text("x")
    home.remove()
    assert sorted(path.name for path in home.root.iterdir()) == ["journal.jsonl", "runs"]
    assert home.remove() == []


def test_removing_leaves_no_empty_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    home.save_secret("token", Secret("s3cret-value"))
    home.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    code = (
        "import sys; from pathlib import Path; from pov.state.home import Home\n"
        f"with Home(Path({str(home.root)!r})).lock():\n print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(PovError, match=str(other.pid)), home.lock():
            pass
        other.communicate(b"")
    with home.lock():
        pass


def test_the_journal_survives_a_cut_off_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    home.journal_writer().record("one", n=1)
    with home.journal.open("a") as stream:
        stream.write('{"kind": "tw')
    assert [entry["kind"] for entry in read_journal(home.journal)] == ["one"]
    home.journal_writer().record("three")
    assert [entry["kind"] for entry in read_journal(home.journal)] == ["one", "three"]


def test_a_disk_that_refuses_the_journal_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file where the folder should be")
    with pytest.raises(PovError, match="cannot write") as caught:
        Home(tmp_path / "demo").journal_writer().record("one")
    assert "space" in caught.value.fix
