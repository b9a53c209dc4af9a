from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pov.base.errors import PovError, PreflightFailed
from pov.base.paths import data
from pov.base.redact import Secret
from pov.cli import down
from pov.cli.main import main
from pov.reporting.numbers import listing
from pov.state.home import KEPT, Home
from pov.state.terraform_log import APPLIED, LogWriter
from pov.workflows.environment import environments, home_of
from tests.journals import read_journal


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


def test_what_outlives_an_environment_is_one_list_that_code_help_and_readme_share(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    home.root.mkdir(parents=True)
    for name in (*KEPT, "kubeconfig", "cluster.json"):
        (home.root / name).write_text("x")
    home.remove()
    assert {path.name for path in home.root.iterdir()} == set(KEPT)
    assert {path.name for path in home.kept()} == set(KEPT)
    said = listing(list(KEPT.values()))
    assert said in " ".join(str(down.command.help).split())
    (row,) = (line for line in data("README.md").read_text().splitlines() if line.startswith("| `pov down"))
    assert said in row
    assert "`--images`" in row
    assert "`rm -r ~/.cache/pov`" in row


def test_removing_leaves_no_empty_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    home.save_secret("token", Secret("s3cret-value"))
    home.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_removed_is_found_again_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a name `pov down` goes by the record: secrets that nobody finds any more would stay for ever."""
    home = Home(tmp_path / ".pov" / "demo")
    home.save_secret("token", Secret("s3cret-value"))
    (home.root / "environment.json").write_text("{}")

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with monkeypatch.context() as patched:
        patched.setattr("pov.state.home.shutil.rmtree", refuse)
        with pytest.raises(PermissionError):
            home.remove()
    assert environments(tmp_path) == ("demo",)
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


HOLD = """
import subprocess, sys
from pathlib import Path
from pov.state.home import Home
with Home(Path(sys.argv[1])).lock():
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_lock_dies_with_its_process_though_a_child_of_it_lives_on(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    argv = [sys.executable, "-c", HOLD, str(home.root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with pytest.raises(PovError, match=f"process {holder.pid} on "), home.lock():
                pass
            holder.kill()
            holder.wait()
            os.kill(child, 0)
            assert str(holder.pid) in (home.root / "lock").read_text()
            with home.lock():
                pass
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("left", ["1", "4711 on another-host", "somebody@else", "\0\xff", "", "9" * 5000])
def test_what_stands_in_a_lock_stops_nobody(tmp_path: Path, left: str) -> None:
    home = Home(tmp_path / "demo")
    home.root.mkdir()
    (home.root / "lock").write_bytes(left.encode("latin-1"))
    with home.lock():
        assert (home.root / "lock").read_text().startswith(f"{os.getpid()} on ")


def test_a_full_disk_stops_nobody_from_holding_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    home.root.mkdir()
    (home.root / "lock").symlink_to("/dev/full")
    with home.lock():
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pov.state.home.fcntl.flock", refuse)
    with pytest.raises(PovError, match="knows no locks") as caught, Home(tmp_path / "demo").lock():
        pass
    assert "local disk" in caught.value.fix


def test_a_folder_that_cannot_be_held_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file where the folder should be")
    with pytest.raises(PovError, match="cannot hold") as caught, Home(tmp_path / "demo").lock():
        pass
    assert "writable" in caught.value.fix


def test_a_file_system_without_modes_keeps_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    (tmp_path / "demo" / "secrets").mkdir(parents=True)
    with pytest.raises(PovError, match="cannot be made private"):
        Home(tmp_path / "demo").save_secret("token", Secret("s3cret-value"))
    assert list((tmp_path / "demo" / "secrets").iterdir()) == []


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


def test_without_a_umask_what_lines_are_added_to_is_its_owners_to_write(tmp_path: Path) -> None:
    home = Home(tmp_path / ".pov" / "demo")
    before = os.umask(0)
    try:
        with home.lock():
            home.journal_writer().record("step-done", step="x")
            LogWriter(home.terraform_log).record(APPLIED, run="a")
    finally:
        os.umask(before)
    for path in (home.root / "lock", home.journal, home.terraform_log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644, path.name


COMMANDS = ("up quickstart", "up --name quickstart", "status", "measure", "runs list", "report", "down", "infra log")


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.parametrize("closed", [".pov", ".pov/quickstart"])
def test_a_folder_that_may_not_be_looked_into_is_told_and_never_taken_for_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, closed: str
) -> None:
    """It is another user's, or has no mode, and looks empty. Root may look into all, so it is played."""
    place, asked = tmp_path / closed, os.access
    (tmp_path / ".pov" / "quickstart").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode, **how: path != place and asked(path, mode, **how))
    before = sorted(tmp_path.rglob("*"))
    assert main(line.split()) == 3
    said = capsys.readouterr()
    assert f"{place}: cannot be read by user {os.geteuid()}" in said.err
    assert said.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_looked_into_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / ".pov" / name).mkdir(parents=True)
    (tmp_path / ".pov" / "mine" / "environment.json").write_text("{}")
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **how: path.name != "theirs" and asked(path, mode, **how))
    assert environments(tmp_path) == ("mine",)
    with pytest.raises(PreflightFailed, match="theirs: cannot be read"):
        home_of(tmp_path, "theirs")
