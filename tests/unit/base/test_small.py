from __future__ import annotations

import pickle
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from pov.base import paths, ports
from pov.base.errors import InvalidInput, PreflightFailed, Problem
from pov.base.files import private_dir, write_atomic
from pov.base.ports import free_ports
from pov.base.redact import Secret, redact


def test_a_secret_shows_nowhere_by_accident() -> None:
    secret = Secret("hunter2hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {secret:>10} {[secret]} {{'a': {secret}}}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret("hunter2hunter2")
    assert secret != Secret("other")
    assert secret.reveal() == "hunter2hunter2"


def test_redact_removes_each_line_of_a_secret() -> None:
    secret = Secret("first-line\nsecond-line")
    assert redact("x first-line y second-line z", [secret]) == "x *** y *** z"


def test_atomic_writing_sets_the_mode_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_atomic(target, "one", mode=0o600)
    write_atomic(target, b"two", mode=0o600)
    assert target.read_text() == "two"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")
    with pytest.raises(TypeError):
        write_atomic(target, 5)  # type: ignore[arg-type]
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_private_folders_are_private(tmp_path: Path) -> None:
    assert stat.S_IMODE(private_dir(tmp_path / "secrets").stat().st_mode) == 0o700


def test_free_ports_are_different_and_free() -> None:
    found = free_ports(4)
    assert len(set(found)) == 4
    with ExitStack() as stack:
        for port in found:
            stack.enter_context(socket.socket()).bind(("127.0.0.1", port))


class Redirected(socket.socket):
    """What calls its port is sent elsewhere, as by the rules that a killed container engine leaves behind."""

    def getsockname(self) -> tuple[str, int]:
        return self.elsewhere

    elsewhere: tuple[str, int]


@pytest.mark.parametrize("somebody", [True, False])
def test_a_port_whose_callers_are_sent_elsewhere_is_not_free(somebody: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_ARRIVES_S", 0.05)
    with socket.socket() as other, Redirected() as listener:
        other.bind((ports.LOOPBACK, 0))
        if somebody:
            other.listen()
        listener.bind((ports.LOOPBACK, 0))
        listener.elsewhere = other.getsockname()
        assert not ports._reaches(listener)


def test_others_are_taken_until_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, False, False, True])
    monkeypatch.setattr(ports, "_reaches", lambda listener: next(answers))
    assert len(free_ports(2)) == 2
    monkeypatch.setattr(ports, "_reaches", lambda listener: False)
    with pytest.raises(OSError, match="leftover rules"):
        free_ports(1)


def test_shipped_folders_are_found() -> None:
    for name in ("scenarios", "mock_services", "terraform", "argocd", "vault", "reports", "scripts"):
        assert paths.data(name).is_dir(), name


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POV_CACHE", str(tmp_path))
    assert paths.cache_root() == tmp_path


@pytest.mark.parametrize(("error", "code"), [(InvalidInput, 2), (PreflightFailed, 3)])
def test_problems_are_listed_all_at_once(error: type[InvalidInput], code: int) -> None:
    problems = [Problem("a.yaml:3", "wrong", "mend it"), Problem("a.yaml:9", "worse")]
    raised = error(problems)
    assert raised.exit_code == code
    assert raised.message.startswith("2 ")
    assert raised.details == ("a.yaml:3: wrong (mend it)", "a.yaml:9: worse")
    single = error(problems[:1])
    assert single.message == "a.yaml:3: wrong"
    assert single.fix == "mend it"
