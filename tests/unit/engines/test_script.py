"""Scripts that somebody else wrote: whatever they do, they are bounded, and the machine is as it was."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pov.base import process
from pov.base.errors import NotFound, PovError, TimedOut
from pov.base.redact import Secret
from pov.base.wait import Pending, wait_for
from pov.engines.script import LOG_BYTES, Log, Script

Make = Callable[..., Script]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Script] = []

    def script(text: str, *more: str, first: str = "#!/usr/bin/env bash", **told: str) -> Script:
        path = tmp_path / "mine.sh"
        path.write_text(f"{first}\n{text}\n")
        path.chmod(0o755)
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        made.append(
            Script(
                [str(path), *more],
                told,
                folder=tmp_path,
                work=work,
                log=tmp_path / "logs" / "mine.log",
                secrets=[Secret("not-for-anybody")],
            )
        )
        return made[-1]

    yield script
    for one in made:
        one.close()


def said(folder: Path) -> str:
    return (folder / "logs" / "mine.log").read_text()


def test_it_is_told_what_to_do_and_what_it_says_is_kept(make: Make, tmp_path: Path) -> None:
    script = make('echo "$POV_VERSION $1 in $PWD"; echo aside >&2', "an argument; and no shell", POV_VERSION="v7")
    assert script.run(timeout_s=20) > 0
    assert not (tmp_path / "logs").exists(), "nothing is written while the clock runs"
    assert script.close() == 0
    assert said(tmp_path) == f"v7 an argument; and no shell in {tmp_path}\naside\n"
    assert stat.S_IMODE((tmp_path / "logs" / "mine.log").stat().st_mode) == 0o600


def test_its_variables_are_a_declared_list(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {
        "BASH_ENV": str(tmp_path / "no"),
        "ANSIBLE_REMOTE_USER": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "CDPATH": "/",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    script = make("env | cut -d= -f1 | sort | tr '\\n' ' '", POV_SERVICES="a b")
    script.run(timeout_s=20)
    script.close()
    shells_own = {"PWD", "SHLVL", "_", "OLDPWD"}
    given = {"PATH", "LANG", "LC_ALL", "HOME", "USER", "LOGNAME", "POV_SERVICES", "POV_WORK", "TMPDIR"}
    assert set(said(tmp_path).split()) - shells_own <= given
    assert {"POV_SERVICES", "POV_WORK", "TMPDIR", "PATH"} <= set(said(tmp_path).split())


@pytest.mark.parametrize(
    ("text", "told"),
    [("echo so far; exit 3", "ended with code 3"), ("echo so far; kill -9 $$", "was ended by signal 9")],
)
def test_a_bad_end_is_told_with_its_last_words(make: Make, tmp_path: Path, text: str, told: str) -> None:
    script = make(text)
    with pytest.raises(PovError, match=f"mine.sh {told}") as caught:
        script.run(timeout_s=20)
    assert caught.value.cause == "so far"
    assert caught.value.fix == f"see {tmp_path / 'logs' / 'mine.log'}"


def test_one_that_hangs_is_ended_with_its_children(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.3)
    script = make("trap '' INT TERM; sleep 300 & echo $! >child; echo waiting; while :; do wait; done")
    with pytest.raises(TimedOut, match=r"mine\.sh: not done after 1 s") as caught:
        script.run(timeout_s=1)
    assert caught.value.cause == "waiting"
    script.close()
    assert said(tmp_path) == "waiting\n"
    assert gone(int((tmp_path / "child").read_text()))


def test_children_left_behind_are_ended_also_those_that_left_the_group(make: Make, tmp_path: Path) -> None:
    daemon = "import os, sys, time; os.setsid(); open('daemon', 'w').write(str(os.getpid())); time.sleep(300)"
    script = make(
        f"sleep 300 & echo $! >child; '{sys.executable}' -c \"{daemon}\" & until [ -s daemon ]; do sleep 0.01; done"
    )
    script.run(timeout_s=20)
    child = int((tmp_path / "child").read_text())
    wait_for("the group's end", lambda: gone(child) or Pending("still there"), timeout_s=10, interval_s=0.01)
    daemon_id = int((tmp_path / "daemon").read_text())
    assert not gone(daemon_id)
    assert script.close() == 1
    wait_for("its end", lambda: gone(daemon_id) or Pending("still there"), timeout_s=10, interval_s=0.01)
    assert script.close() == 0


def test_a_flood_costs_neither_memory_nor_disk(make: Make, tmp_path: Path) -> None:
    script = make("echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last")
    script.run(timeout_s=60)
    script.close()
    text = said(tmp_path)
    assert len(text) < LOG_BYTES + 100
    assert text.startswith("first\n")
    assert text.endswith("\nlast\n")
    assert f"… {20000000 + 12 - LOG_BYTES} bytes left out …" in text


def test_one_that_floods_and_hangs_is_bounded_in_both(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.3)
    script = make("exec yes flood")
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        script.run(timeout_s=0.5)
    assert time.monotonic() - begun < 10
    script.close()
    assert len(said(tmp_path)) < LOG_BYTES + 100


def test_secrets_are_kept_out_of_its_log_and_of_the_error(make: Make, tmp_path: Path) -> None:
    script = make("echo the key is not-for-anybody; exit 1")
    with pytest.raises(PovError) as caught:
        script.run(timeout_s=20)
    script.close()
    assert caught.value.cause == "the key is ***"
    assert said(tmp_path) == "the key is ***\n"


def test_an_interpreter_that_is_not_there_is_told(make: Make) -> None:
    with pytest.raises(NotFound):
        make("", first="#!/no/such/interpreter").run(timeout_s=20)


def test_a_log_that_cannot_be_written_spoils_nothing(make: Make, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder would be")
    script = make("echo fine")
    assert script.run(timeout_s=20) > 0
    assert script.close() == 0


def test_a_short_log_is_whole_and_a_long_one_says_what_is_not_there() -> None:
    log = Log(most=10)
    for piece in (b"abc", b"", b"defg", b"h"):
        log.take(piece)
    assert log.text() == "abcdefgh"
    log.take(b"ijklmnop")
    assert log.text() == "abcde\n… 6 bytes left out …\nlmnop"


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{number}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
