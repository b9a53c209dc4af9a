"""The real command with standard streams as they are met: closed, full, without a reader, on odd terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pov.base.wait import Pending, wait_for
from pov.state.runs import read_run
from tests.unit.cli.surroundings import CHECKOUT, Surroundings

POV = f"{sys.executable} -m pov"
LIST = "scenarios list"
LONG = "scenarios show gitops-35 --services 900 --json"
BAD = "scenarios show nope --json"
TOLD = "the result could not be written"


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path)


def shell(around: Surroundings, line: str, **env: str | None) -> subprocess.CompletedProcess[bytes]:
    environment = {**around.environment, **env}
    kept = {name: value for name, value in environment.items() if value is not None}
    for program in ("head", "true"):
        around.offer(program)
    bash = shutil.which("bash")
    assert bash is not None
    argv = [bash, "-o", "pipefail", "-c", line.replace("POV", POV)]
    return subprocess.run(argv, cwd=around.here, env=kept, capture_output=True, timeout=60, check=False)


STREAMS: dict[str, tuple[str, int, str, str]] = {
    # The line, its code, what standard output and standard error hold.
    "nothing odd": (f"POV {LIST}", 0, "quickstart", ""),
    "output closed": (f"POV {LIST} >&-", 0, "", ""),
    "errors closed": (f"POV {LIST} 2>&-", 0, "quickstart", ""),
    "input closed": (f"POV {LIST} <&-", 0, "quickstart", ""),
    "all closed": (f"POV {LIST} <&- >&- 2>&-", 0, "", ""),
    "output full": (f"POV {LIST} >/dev/full", 1, "", TOLD),
    "output full, much of it": (f"POV {LONG} >/dev/full", 1, "", TOLD),
    "both full": (f"POV {LONG} >/dev/full 2>&1", 1, "", ""),
    "errors full": (f"POV {LIST} 2>/dev/full", 0, "quickstart", ""),
    "the reader goes away": (f"POV {LONG} | head -1", 1, "{", ""),
    "the reader never was": (f"POV {LONG} | true", 1, "", ""),
    "a failure, output closed": (f"POV {BAD} >&-", 2, "", "no such scenario"),
    "a failure, output full": (f"POV {BAD} >/dev/full", 2, "", "no such scenario"),
    "a failure, errors closed": (f"POV {BAD} 2>&-", 2, '"exit_code": 2', ""),
    "a failure, errors full": (f"POV {BAD} 2>/dev/full", 2, '"exit_code": 2', ""),
    "a failure, errors without a reader": (f"POV {BAD} 2> >(true)", 2, '"exit_code": 2', ""),
    "a failure, all closed": (f"POV {BAD} >&- 2>&-", 2, "", ""),
    "progress, errors full": ("POV init acme 2>/dev/full", 0, "engagement.yaml", ""),
    "progress, errors closed": ("POV init acme 2>&-", 0, "engagement.yaml", ""),
    "progress, all closed": ("POV init acme <&- >&- 2>&-", 0, "", ""),
    "help, output full": ("POV --help >/dev/full", 1, "", TOLD),
    "the version, output closed": ("POV --version >&-", 0, "", ""),
}


@pytest.mark.parametrize("case", STREAMS)
def test_streams_that_fail_stop_no_work(around: Surroundings, case: str) -> None:
    line, code, out, err = STREAMS[case]
    done = shell(around, line)
    said, told = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, told
    assert out in said
    assert err in told
    assert err or "Error" not in told
    assert not {"Traceback", "Exception ignored", "BrokenPipe"} & set((said + told).split())
    if "init" in line:
        # What was opened while a stream was closed did not get its number: files hold what belongs into them.
        assert (around.here / "acme" / "engagement.yaml").read_text().startswith("# What this proof of value is about")


ENCODINGS: dict[str, dict[str, str | None]] = {
    "the plain locale": {"LC_ALL": "C"},
    "no locale": {"LC_ALL": None},
    "a locale that is not there": {"LC_ALL": "xx_YY.UTF-8"},
    "ASCII for Python": {"PYTHONIOENCODING": "ascii"},
    "ASCII, strictly": {"PYTHONIOENCODING": "ascii:strict"},
    "Latin-1 for Python": {"PYTHONIOENCODING": "latin-1"},
    "the plain locale, insisted on": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "POSIX, insisted on": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_no_encoding_stops_a_command(around: Surroundings, case: str) -> None:
    env = ENCODINGS[case]
    customer = "株式会社サンプル – “Ünïted”"
    init = shell(around, f"POV init 'ünï cödé/acme' --customer '{customer}' --scenario quickstart", **env)
    assert init.returncode == 0, init.stderr
    written = (around.here / "ünï cödé" / "acme" / "engagement.yaml").read_text(encoding="utf-8")
    assert customer in written
    read = shell(around, "POV up --engagement 'ünï cödé/acme'", **env)
    assert b"environment quickstart" in read.stderr
    shown = json.loads(shell(around, "POV scenarios show '株.yaml' --json", **env).stdout)
    assert shown["error"]["message"] == "株.yaml: no such file"


def test_letters_that_cannot_be_written_become_plain_ones(around: Surroundings) -> None:
    done = shell(around, "POV doctor", PYTHONIOENCODING="ascii")
    assert done.stdout.isascii()
    assert b"\nx  containers" in done.stdout
    assert b"?" not in done.stdout.splitlines()[1]


class Terminal:
    """A real terminal with a program in front of it; `size` is rows and columns."""

    def __init__(self, argv: list[str], cwd: Path, env: Mapping[str, str], size: tuple[int, int] = (24, 80)) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.said = b""
        self._more = threading.Condition()
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_own
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self.master, 65536)
            except OSError:
                found = b""
            with self._more:
                self.said += found
                self._more.notify_all()
            if not found:
                return

    def wait_for(self, text: bytes) -> None:
        with self._more:
            assert self._more.wait_for(lambda: text in self.said, timeout=60), self.said

    def end(self) -> int:
        code = self.process.wait(60)
        self._reader.join(60)
        return code


def _own() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


TERMINALS: dict[str, tuple[dict[str, str | None], tuple[int, int], bool]] = {
    # Variables, rows and columns, whether there is colour.
    "an ordinary one": ({"TERM": "xterm"}, (24, 80), True),
    "without colour": ({"TERM": "xterm", "NO_COLOR": "1"}, (24, 80), False),
    "without a name": ({"TERM": None}, (24, 80), True),
    "a dumb one": ({"TERM": "dumb"}, (24, 80), False),
    "an unknown one": ({"TERM": "nobody-knows"}, (24, 80), True),
    "a narrow one": ({"TERM": "xterm"}, (24, 12), True),
    "one column": ({"TERM": "xterm"}, (1, 1), True),
    "no size": ({"TERM": "xterm"}, (0, 0), True),
    "odd columns": ({"TERM": "xterm", "COLUMNS": "many", "LINES": "-1"}, (24, 80), True),
    "ASCII": ({"TERM": "xterm", "PYTHONIOENCODING": "ascii"}, (24, 80), True),
}


@pytest.mark.parametrize("case", TERMINALS)
def test_any_terminal_will_do(around: Surroundings, case: str) -> None:
    changes, size, colour = TERMINALS[case]
    merged = {**around.environment, **changes}
    env = {name: value for name, value in merged.items() if value is not None}
    terminal = Terminal([sys.executable, "-m", "pov", "init", "acme"], around.here, env, size)
    assert terminal.end() == 0, terminal.said
    assert b"engagement.yaml" in terminal.said.replace(b"\r\n", b"")
    assert b"Traceback" not in terminal.said
    failing = Terminal([sys.executable, "-m", "pov", "stauts"], around.here, env, size)
    assert failing.end() == 2
    assert b"Error:" in failing.said
    assert (b"\x1b[31m" in failing.said) is colour


MEASURING = """
import os, sys, time
from pathlib import Path

import click

from pov.base.redact import Secret
from pov.cli.app import cli
from pov.cli.console import console
from pov.cli.main import main
from pov.engines.ansible import Runbooks
from tests.unit.experiments import world
from tests.unit.workflows.test_measure import Measured

class WithKey(world.Runbooks):
    # What the run does is in memory; its key lies on the disk, where the real runbooks put it.
    def __init__(self, around, folder):
        super().__init__(around, folder)
        self.real = Runbooks(folder, [], user="pov", key=Secret("PRIVATE KEY"), common={})

    def run(self, *arguments, **options):
        if any(path.stat().st_size for path in Path(os.environ["RUNS"]).glob("*/samples.jsonl")):
            print("at work in", self.real.folder, ".", flush=True)
            time.sleep(60)
        return super().run(*arguments, **options)

    def close(self):
        self.real.close()
        super().close()

def work():
    world.Runbooks = WithKey
    measured = Measured(Path(os.environ["RUNS"]), "manual", trials=2)
    with console() as emit:
        measured.measuring._emit = emit
        measured.run()

cli.resolve_command = lambda ctx, args: ("x", click.Command("x", callback=work), [])
sys.exit(main())
"""


@pytest.mark.parametrize("how", ["the terminal closes", "SIGHUP", "SIGTERM", "SIGINT", "SIGTERM twice", "nohup"])
def test_whatever_ends_it_what_was_measured_is_kept_and_keys_are_removed(tmp_path: Path, how: str) -> None:
    runs, output = tmp_path / "runs", tmp_path / "nohup.out"
    (tmp_path / "program.py").write_text(MEASURING)
    more = {"PYTHONPATH": str(CHECKOUT), "RUNS": str(runs), "TERM": "xterm"}
    argv = [*(["nohup"] if how == "nohup" else []), sys.executable, "program.py", "x"]
    terminal = Terminal(argv, tmp_path, {**os.environ, **more})
    if how == "nohup":
        look = lambda: (output.exists() and " ." in output.read_text()) or Pending("not yet")  # noqa: E731
        wait_for("the runbook", look, timeout_s=60, interval_s=0.05)
    else:
        terminal.wait_for(b" .")
    said = output.read_text() if how == "nohup" else terminal.said.decode()
    found = re.search(r"at work in (/\S*)", said)
    assert found is not None
    keys = Path(found[1])
    assert list(keys.rglob("id")), "the key is there while the runbook works"
    if how in {"the terminal closes", "nohup"}:
        os.close(terminal.master)
    if how != "the terminal closes":
        number = getattr(signal, how.split(maxsplit=1)[0], signal.SIGTERM)
        terminal.process.send_signal(number)
        if how.endswith("twice"):
            terminal.process.send_signal(number)
    codes = {"SIGINT": 130, "SIGTERM": 143, "SIGTERM twice": 143, "nohup": 143}
    assert terminal.end() == codes.get(how, 129)
    assert not keys.exists(), "no key is left"
    (run,) = (path.parent for path in runs.glob("*/samples.jsonl"))
    saved = read_run(run)
    assert len(saved.samples) >= 1
    assert saved.problems == ()
    assert saved.summary is not None
    assert saved.summary["run"]["interrupted"] is True


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files that no other command on this machine tidies up, short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


def test_a_key_that_a_killed_command_left_is_removed_by_the_next_one(tmp_path: Path, short: Path) -> None:
    (tmp_path / "program.py").write_text(MEASURING)
    more = {"PYTHONPATH": str(CHECKOUT), "RUNS": str(tmp_path / "runs"), "TERM": "xterm", "TMPDIR": str(short)}
    terminal = Terminal([sys.executable, "program.py", "x"], tmp_path, {**os.environ, **more})
    terminal.wait_for(b" .")
    found = re.search(rb"at work in (/\S*)", terminal.said)
    assert found is not None
    keys = Path(os.fsdecode(found[1]))
    assert keys.parent == short
    next_one = [sys.executable, "-m", "pov", "scenarios", "list"]
    subprocess.run(next_one, cwd=tmp_path, env={**os.environ, **more}, check=True, timeout=60, capture_output=True)
    assert list(keys.rglob("id")), "another command leaves it alone while it is at work"
    terminal.process.kill()
    terminal.end()
    assert list(keys.rglob("id")), "a SIGKILL cleans nothing up"
    subprocess.run(next_one, cwd=tmp_path, env={**os.environ, **more}, check=True, timeout=60, capture_output=True)
    assert not keys.exists()
