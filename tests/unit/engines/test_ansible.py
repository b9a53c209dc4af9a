"""What is made of a run's events and endings; the real runs are in tests/contract/test_legacy_hosts.py."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pov.base.errors import PovError, TimedOut
from pov.base.paths import plain_temporary
from pov.base.redact import Secret
from pov.engines import ansible
from pov.engines.ansible import Runbooks, Target, TaskTime
from pov.engines.ssh import Target as SshTarget

Run = Callable[..., Any]
SECRET = "not-for-anybodys-eyes"


@pytest.fixture
def books(tmp_path: Path) -> Runbooks:
    target = Target(SshTarget("legacy-1", ("sshd", "-i"), "ssh-ed25519 AAAA"), {"host_services": []})
    return Runbooks(tmp_path, [target], user="root", key=Secret("key"), common={"release_root": "/opt/pov"})


def event(
    name: str, task: str, start: str = "2026-01-01T00:00:00", end: str = "2026-01-01T00:00:01.5", **data: Any
) -> Any:
    return {"event": name, "event_data": {"task": task, "host": "legacy-1", "start": start, "end": end, **data}}


def running(monkeypatch: pytest.MonkeyPatch, events: list[Any], status: str = "successful") -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def run(env: Any, **options: Any) -> Any:
        asked.append({"envvars": env, **options})
        for item in events:
            assert options["event_handler"](item) is False, "no event is written down"
        return SimpleNamespace(status=status, stdout=io.StringIO("the last lines"))

    monkeypatch.setattr(ansible, "_run", run)
    return asked


TEMPORARY = ["a b", 'it\'s "quoted"', "100%n", "$HOME `id`", "n" * 120, "株式会社", "-dash", "a,b;c:d", "missing"]


@pytest.mark.parametrize("name", TEMPORARY)
def test_any_temporary_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    users = tmp_path / name
    if name != "missing":
        users.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(users))
    (tmp_path / "nothing.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n")
    target = Target(SshTarget("legacy-20", ("sshd", "-i"), "ssh-ed25519 AAAA"), {})
    with Runbooks(tmp_path, [target], user="root", key=Secret("key"), common={}) as books:
        # The real programs read what was written for them.
        books.check("nothing.yml", {})
        config = books.folder / "ssh" / "ssh_config"
        told = subprocess.run(
            ["ssh", "-G", "-F", config, "legacy-20"], capture_output=True, text=True, check=True
        ).stdout
        found = dict(line.split(" ", 1) for line in told.splitlines())
        assert found["controlpath"] == str(config.parent / "s" / "legacy-20")
        assert found["identityfile"] == str(config.parent / "id")
        assert len(found["controlpath"]) + len(".") + 16 < 104, "SSH binds its socket under a longer name first"
    assert not books.folder.exists()
    assert not users.exists() or list(users.iterdir()) == []


def test_a_machine_without_any_plain_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PovError, match="no folder for temporary files") as caught:
        plain_temporary()
    assert "TMPDIR" in caught.value.fix


def test_tasks_are_timed_by_their_events(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        event("playbook_on_task_start", "copy release"),
        event("runner_on_ok", "one service", task_action="ansible.builtin.include_tasks"),
        event("runner_on_ok", "copy release"),
        event("runner_on_ok", "start service", start="", end="", duration=0.25),
    ]
    running(monkeypatch, events)
    with books:
        found = books.run("deploy.yml", {}, timeout_s=5)
    assert found == [TaskTime("legacy-1", "copy release", 1.5), TaskTime("legacy-1", "start service", 0.25)]
    assert not books.folder.exists()


def test_variables_are_in_a_private_file_and_in_no_argument(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = running(monkeypatch, [])
    with books:
        books.run("deploy.yml", {"word": SECRET}, timeout_s=5)
        (options,) = asked
        assert SECRET not in repr(options)
        path = Path(options["cmdline"].partition("@")[2])
        assert json.loads(path.read_text()) == {"word": SECRET}
        assert path.stat().st_mode & 0o777 == 0o600
        assert books.folder.stat().st_mode & 0o777 == 0o700
    environment = options["envvars"]
    assert environment["ANSIBLE_CONFIG"].startswith(str(books.folder))
    assert environment["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert options["quiet"] is True


def test_the_first_failure_is_told(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = event(
        "runner_on_failed", "start service", res={"msg": "non-zero return code", "stderr": "no such service"}
    )
    running(monkeypatch, [failed, event("runner_on_failed", "another", res={})], status="failed")
    with books, pytest.raises(PovError, match=r"deploy\.yml ended as failed") as caught:
        books.run("deploy.yml", {}, timeout_s=5)
    assert caught.value.cause == "start service on legacy-1: non-zero return code / no such service"


def test_what_ends_without_an_event_tells_its_last_lines(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, [], status="failed")
    with books, pytest.raises(PovError) as caught:
        books.run("deploy.yml", {}, timeout_s=5)
    assert caught.value.cause == "the last lines"


def test_time_is_up(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, [event("runner_on_ok", "copy release")], status="timeout")
    with books, pytest.raises(TimedOut, match="not done after 5 s") as caught:
        books.run("deploy.yml", {}, timeout_s=5)
    assert caught.value.cause == "last done: copy release"


def test_a_part_of_a_second_is_kept_and_ends_the_playbook(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(env: Any, **options: Any) -> Any:
        options["event_handler"](event("runner_on_ok", "stop service"))
        # As ansible-runner does: it looks whether it is to go on, and kills the playbook if not.
        while not options["cancel_callback"]():
            threading.Event().wait(0.001)
        return SimpleNamespace(status="canceled", stdout=io.StringIO())

    monkeypatch.setattr(ansible, "_run", run)
    with books, pytest.raises(TimedOut, match=r"not done after 0\.2 s") as caught:
        books.run("deploy.yml", {}, timeout_s=0.2)
    assert caught.value.cause == "last done: stop service"


def test_a_runner_that_does_not_start(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(env: Any, **options: Any) -> Any:
        raise OSError("no such file")

    monkeypatch.setattr(ansible, "_run", run)
    with books, pytest.raises(PovError, match="could not be started") as caught:
        books.run("deploy.yml", {}, timeout_s=5)
    assert "no such file" in caught.value.cause


def test_an_interrupt_ends_the_playbook_first(books: Runbooks, monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = threading.Event(), threading.Event()

    def run(env: Any, **options: Any) -> Any:
        started.set()
        while not options["cancel_callback"]():
            threading.Event().wait(0.001)
        ended.set()
        return SimpleNamespace(status="canceled", stdout=io.StringIO())

    class Interrupted(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            if started.wait(5) and not ended.is_set() and timeout == 0.05:
                raise KeyboardInterrupt
            super().join(timeout)

    monkeypatch.setattr(ansible, "_run", run)
    monkeypatch.setattr(ansible.threading, "Thread", Interrupted)
    with books, pytest.raises(KeyboardInterrupt):
        books.run("deploy.yml", {}, timeout_s=5)
    assert ended.is_set()
