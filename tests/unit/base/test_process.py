from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from pov.base import process
from pov.base.errors import CommandFailed, NotFound, TimedOut
from pov.base.process import stop_all
from pov.base.wait import Pending, wait_for

run = partial(process.run, env=dict(os.environ))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_keeps_both_outputs_and_the_exit_code() -> None:
    done = run(
        python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), timeout_s=20, check=False
    )
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_bad_exit_code_is_an_error_that_carries_the_output() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(python("import sys; print('the cause', file=sys.stderr); sys.exit(2)"), timeout_s=20)
    assert caught.value.code == 2
    assert caught.value.cause == "the cause"


def test_a_missing_program_is_told_as_such() -> None:
    with pytest.raises(NotFound, match="no-such-program-here"):
        run(["no-such-program-here"], timeout_s=5)


def test_input_and_variables_are_handed_over() -> None:
    code = "import os, sys; print(sys.stdin.read() + os.environ['GREETING'])"
    done = run(python(code), timeout_s=20, input=b"hello ", env={**os.environ, "GREETING": "world"})
    assert done.stdout == "hello world\n"


def test_given_variables_are_all_there_is() -> None:
    os.environ["POV_TEST_LEAK"] = "1"
    try:
        done = run(python("import os; print('POV_TEST_LEAK' in os.environ)"), timeout_s=20, env={"PATH": os.defpath})
    finally:
        del os.environ["POV_TEST_LEAK"]
    assert done.stdout == "False\n"


def test_lines_are_heard_as_they_come() -> None:
    heard: list[str] = []
    run(python("print('a'); print('b')"), timeout_s=20, on_line=heard.append)
    assert heard == ["a", "b"]


def test_a_command_that_reads_no_input_is_no_error() -> None:
    assert run(python("pass"), timeout_s=20, input=b"x" * 1_000_000).code == 0


def test_a_file_that_is_no_program_is_told_as_such(tmp_path: Path) -> None:
    for name, mode in (("empty", 0o755), ("closed", 0o644)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
        with pytest.raises(NotFound, match="is not a program"):
            run([str(tmp_path / name)], timeout_s=5)


def test_a_folder_that_is_not_there_is_no_missing_program(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(python("pass"), timeout_s=5, cwd=tmp_path / "none")


def test_much_goes_through_all_pipes_at_once() -> None:
    content = os.urandom(3_000_000).hex().encode()
    code = "import sys; t = sys.stdin.read(); sys.stderr.write(t); sys.stdout.write(t)"
    done = run(python(code), timeout_s=60, input=content)
    assert done.stdout.encode() == done.stderr.encode() == content


def test_the_last_line_is_heard_without_its_end() -> None:
    heard: list[str] = []
    run(python("print('a'); print('b', end='')"), timeout_s=20, on_line=heard.append)
    assert heard == ["a", "b"]


# Starts a child that writes its number down and stays, however it is asked to go.
_WITH_CHILD = """
import subprocess, sys
child = "import os, signal, sys, time\\n"
child += "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM) if {stubborn}]\\n"
child += "open('child', 'w').write(str(os.getpid())); os.rename('child', 'number'); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child], start_new_session={daemon})
import os, time
while not os.path.exists("number"): time.sleep(0.01)
{rest}
"""


class Family:
    """A command with a child of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def argv(self, rest: str = "", *, stubborn: bool = False, daemon: bool = False) -> list[str]:
        return python(_WITH_CHILD.format(rest=rest, stubborn=stubborn, daemon=daemon))

    @property
    def child(self) -> int:
        return int((self.folder / "number").read_text())

    def child_lives(self) -> bool:
        try:
            return " Z " not in Path(f"/proc/{self.child}/stat").read_text()
        except OSError:
            return False

    def child_dies(self) -> bool:
        deadline = time.monotonic() + 5
        while self.child_lives() and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.child_lives()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    found = Family(tmp_path)
    yield found
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(found.child, signal.SIGKILL)


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_child_left_behind_costs_no_time_and_ends(family: Family, stubborn: bool) -> None:
    started = time.monotonic()
    done = run(family.argv("print('x' * 50_000)", stubborn=stubborn), timeout_s=20, cwd=family.folder)
    took = time.monotonic() - started
    assert done.stdout == "x" * 50_000 + "\n"
    # Waiting for the outputs that it holds cost ten.
    assert took - done.seconds < 8
    assert family.child_dies()


def test_a_daemon_with_the_outputs_in_its_hands_costs_no_time_and_stays(family: Family) -> None:
    started = time.monotonic()
    done = run(family.argv("print('x' * 50_000)", daemon=True), timeout_s=20, cwd=family.folder)
    took = time.monotonic() - started
    assert done.stdout == "x" * 50_000 + "\n"
    assert took - done.seconds < 8
    assert family.child_lives()


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_time_limit_ends_the_whole_group(family: Family, stubborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.2)
    rest = "sys.stderr.write('so far'); sys.stderr.flush(); time.sleep(300)"
    with pytest.raises(TimedOut) as caught:
        run(family.argv(rest, stubborn=stubborn), timeout_s=2, cwd=family.folder)
    assert "so far" in caught.value.cause
    assert family.child_dies()


def test_what_is_killed_at_the_time_limit_is_not_asked_first(tmp_path: Path) -> None:
    asked = "signal.signal(2, lambda *_: open('asked', 'w').close())"
    with pytest.raises(TimedOut):
        run(python(f"import signal, time; {asked}; time.sleep(300)"), timeout_s=1, cwd=tmp_path, kill=True)
    assert not (tmp_path / "asked").exists()


def test_a_command_that_ignores_every_request_is_made_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.2)
    ignoring = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; print(1, flush=True)"
    started = time.monotonic()
    with pytest.raises(TimedOut):
        run(python(f"{ignoring}; time.sleep(300)"), timeout_s=1)
    assert time.monotonic() - started < 60


def test_the_seconds_are_the_command_s_own() -> None:
    def listen_slowly(_line: str) -> None:
        time.sleep(1.5)

    started = time.monotonic()
    done = run(python("print('a')"), timeout_s=20, on_line=listen_slowly)
    assert time.monotonic() - started - done.seconds > 1
    done = run(python("import time; time.sleep(0.3)"), timeout_s=20)
    assert done.seconds >= 0.3


def test_what_a_listener_raises_ends_the_command(family: Family) -> None:
    def refuse(_line: str) -> None:
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        run(family.argv("print('a', flush=True); time.sleep(300)"), timeout_s=20, cwd=family.folder, on_line=refuse)
    assert family.child_dies()


def test_all_that_runs_is_ended_at_once(family: Family) -> None:
    failed: list[CommandFailed] = []

    def work() -> None:
        try:
            run(family.argv("print('up', flush=True); time.sleep(300)"), timeout_s=60, cwd=family.folder,
                on_line=lambda _: up.set())  # fmt: skip
        except CommandFailed as error:
            failed.append(error)

    up = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert up.wait(20)
    stop_all()
    thread.join(20)
    assert [error.code != 0 for error in failed] == [True]
    assert family.child_dies()


KILLED = """
import os, sys
from pov.base.process import run
run(["true"], timeout_s=20, env=dict(os.environ))
child = "import os, subprocess, sys, time; "
child += "p = subprocess.Popen(['sleep', '600']); print(os.getpid(), p.pid, flush=True); "
run([sys.executable, "-c", child + sys.argv[1]], timeout_s=600, env=dict(os.environ),
    on_line=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize(
    "then", ["time.sleep(600)", "import signal; signal.signal(signal.SIGINT, lambda *_: sys.exit(3)); time.sleep(600)"]
)
def test_commands_of_a_killed_process_end_with_everybody_in_their_groups(then: str) -> None:
    argv = [sys.executable, "-c", KILLED, then]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        numbers = [int(part) for part in parent.stdout.readline().split()]
        parent.kill()
    assert len(numbers) == 2
    wait_for("them to be gone", lambda: _gone(numbers), timeout_s=30, interval_s=0.02)


def _gone(numbers: list[int]) -> bool | Pending:
    def is_alive(number: int) -> bool:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state not in {"Z", "X"}

    left = [number for number in numbers if is_alive(number)]
    return Pending(f"{left} are alive") if left else True


def test_a_watcher_that_was_killed_or_let_go_hinders_nobody() -> None:
    code = (
        "import os, sys\nfrom pov.base.process import run\nfrom pov.base.orphans import WATCHER\n"
        "env = dict(os.environ)\n"
        "run(['true'], timeout_s=20, env=env)\n"
        "WATCHER._process.kill()\nWATCHER._process.wait()\n"
        "assert run(['echo', 'a'], timeout_s=20, env=env).stdout == 'a\\n'\n"
        "WATCHER.close()\n"
        "assert run(['echo', 'b'], timeout_s=20, env=env).stdout == 'b\\n'\n"
    )
    subprocess.run(python(code), check=True, timeout=60)


def test_of_an_endless_output_the_end_alone_is_kept_and_each_piece_is_heard() -> None:
    heard = []
    program = "import sys; sys.stdout.write('a' * 3_000_000 + 'end'); sys.stderr.write('b' * 200_000)"
    done = run(python(program), timeout_s=60, take=lambda piece: heard.append(len(piece)))
    assert sum(heard) == 3_200_003
    assert (len(done.stdout), len(done.stderr)) == (65_536, 65_536)
    assert done.stdout.endswith("aend")
