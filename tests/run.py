"""`make test` and `make test-all`: pytest over every suite, and at the end how many tests ran.

Unit tests need no engine and keep one processor busy; the others wait for engines most of the time. So two processes
run side by side: one the unit tests, and after them those marked `apart`, which bring up all that they need by
themselves; the other the rest. What the first says follows at the end. A contract or end-to-end test that was skipped
is a failure here: a machine that cannot run them has shown nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

SUITES = ("unit", "contract", "e2e")
_BESIDE = "unit"
_APART = "apart"
_END_S = 180.0
"""Until what runs beside has cleaned up after Ctrl-C: clusters are among it."""


class Tally:
    """Counts what ran by suite, and remembers skipped end-to-end tests."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = _suite(report.nodeid)
        if report.when == "call" and not report.skipped:
            self.ran[suite] += 1
        if report.skipped and suite in {"contract", "e2e"}:
            self.skipped.append(report.nodeid)


class Interrupts:
    """Ends the run after the test that took a Ctrl-C for its own: a command that it calls, or a destructor."""

    def __init__(self) -> None:
        self._session: pytest.Session | None = None
        self._heard = threading.Event()

    def hear(self) -> None:
        """There was one."""
        self._heard.set()

    def listen(self) -> None:
        """Hear each SIGINT from now on, whoever handles it and however."""
        ends, line = os.pipe()
        os.set_blocking(line, False)
        signal.set_wakeup_fd(line, warn_on_full_buffer=False)
        threading.Thread(target=self._read, args=(ends,), daemon=True).start()

    def _read(self, ends: int) -> None:
        while number := os.read(ends, 1):
            if number[0] == signal.SIGINT:
                self.hear()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember what there is to end."""
        self._session = session

    def pytest_runtest_logfinish(self) -> None:
        """Begin no other test."""
        if self._session is not None and self._heard.is_set():
            self._session.shouldstop = "interrupted"


class Half:
    """Keeps of what was collected what one of the two processes runs."""

    def __init__(self, *, beside: bool) -> None:
        self._beside = beside

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Drop what is the other's."""
        apart = [_suite(item.nodeid) == _BESIDE or item.get_closest_marker(_APART) is not None for item in items]
        dropped = [item for item, is_apart in zip(items, apart, strict=True) if is_apart != self._beside]
        items[:] = [item for item, is_apart in zip(items, apart, strict=True) if is_apart == self._beside]
        config.hook.pytest_deselected(items=dropped)


class Beside:
    """A process of its own, whose output is kept until it is asked for.

    It hears no Ctrl-C of a terminal: it is told to end by a pipe, once, so that nothing cuts off its clean-up, and by
    the same pipe if this process was killed.
    """

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self._told, self._output = folder / "told.json", folder / "output.txt"
        ends, self._line = os.pipe()
        argv = [sys.executable, "-m", "tests.run", "--beside", str(self._told), str(ends), *arguments]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(ends,),
                start_new_session=True,
            )
        os.close(ends)

    def finish(self, tally: Tally, *, interrupted: bool) -> int:
        """Wait for its end, or bring it about; print what it said, add what it counted; its exit code."""
        if interrupted and self._line >= 0:
            os.close(self._line)
            self._line = -1
        try:
            code = self._process.wait(_END_S if interrupted else None)
        except KeyboardInterrupt:
            return self.finish(tally, interrupted=True)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        sys.stdout.write(f"\nBeside them:\n{self._output.read_text(errors='replace')}")
        if self._told.exists():
            told = json.loads(self._told.read_text())
            tally.ran.update(told["ran"])
            tally.skipped += told["skipped"]
        return code


def main(arguments: list[str]) -> int:
    """Run the suites; `--matrix` adds the long ones. Returns an exit code."""
    if arguments[:1] == ["--beside"]:
        return _run_beside(Path(arguments[1]), int(arguments[2]), arguments[3:])
    tally, interrupts = Tally(), Interrupts()
    with tempfile.TemporaryDirectory(prefix="pov-tests-") as folder:
        print(
            "Unit tests, and those with a cluster of their own, run beside the others and follow at the end.",
            flush=True,
        )
        beside = Beside(Path(folder), arguments)
        interrupts.listen()
        others = [name for name in SUITES if name != _BESIDE]
        code = _pytest(others, arguments, [tally, interrupts, Half(beside=False)])
        interrupted = code == pytest.ExitCode.INTERRUPTED
        unit_code = beside.finish(tally, interrupted=interrupted)
    return _verdict(tally, code or unit_code)


def _verdict(tally: Tally, code: int) -> int:
    parts = ", ".join(f"{count} {suite}" for suite, count in sorted(tally.ran.items()))
    print(f"{sum(tally.ran.values())} tests ran: {parts}")
    for nodeid in tally.skipped:
        print(f"skipped, which counts as failed: {nodeid}")
    missing = {name for name in SUITES if Path("tests", name).is_dir()} - tally.ran.keys()
    if missing:
        print(f"a suite ran no test: {', '.join(sorted(missing))}", file=sys.stderr)
    return code or int(bool(tally.skipped or missing))


def _run_beside(told: Path, line: int, arguments: Sequence[str]) -> int:
    tally, interrupts = Tally(), Interrupts()
    threading.Thread(target=_end_with, args=(line, interrupts), daemon=True).start()
    # Two runs at once would write one cache.
    code = _pytest(SUITES, [*arguments, "-p", "no:cacheprovider"], [tally, interrupts, Half(beside=True)])
    told.write_text(json.dumps({"ran": tally.ran, "skipped": tally.skipped}))
    return code


def _end_with(line: int, interrupts: Interrupts) -> None:
    os.set_inheritable(line, False)
    os.read(line, 1)
    interrupts.hear()
    os.kill(os.getpid(), signal.SIGINT)


def _suite(nodeid: str) -> str:
    return nodeid.split("/")[1] if nodeid.startswith("tests/") else "other"


def _pytest(suites: Sequence[str], arguments: Sequence[str], plugins: Sequence[object]) -> int:
    folders = [f"tests/{name}" for name in suites if Path("tests", name).is_dir()]
    selection = [] if "--matrix" in arguments else ["-m", "not matrix"]
    rest = [argument for argument in arguments if argument != "--matrix"]
    return int(pytest.main([*folders, *selection, "--durations=25", *rest], plugins=plugins))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
