"""`make test` and `make test-all`: pytest over every suite, and at the end how many tests ran.

Unit tests need no engine and keep one processor busy; the others wait for engines most of the time. So the two run side
by side, and what unit tests say follows the rest. An end-to-end test that was skipped is a failure here: a machine that
cannot run them has shown nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

SUITES = ("unit", "contract", "e2e")
_BESIDE = "unit"
_END_S = 60.0


class Tally:
    """Counts what ran by suite, and remembers skipped end-to-end tests."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = report.nodeid.split("/")[1] if report.nodeid.startswith("tests/") else "other"
        if report.when == "call" and not report.skipped:
            self.ran[suite] += 1
        if report.skipped and suite in {"contract", "e2e"}:
            self.skipped.append(report.nodeid)


class Beside:
    """The unit tests in a process of their own, whose output is kept until it is asked for."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self._told, self._output = folder / "told.json", folder / "output.txt"
        argv = [sys.executable, "-m", "tests.run", "--beside", str(self._told), *arguments]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def finish(self, tally: Tally, *, interrupted: bool) -> int:
        """Wait for its end, or bring it about; print what it said, add what it counted; its exit code."""
        if interrupted:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(_END_S if interrupted else None)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        sys.stdout.write(f"\nUnit tests:\n{self._output.read_text(errors='replace')}")
        if self._told.exists():
            told = json.loads(self._told.read_text())
            tally.ran.update(told["ran"])
            tally.skipped += told["skipped"]
        return code


def main(arguments: list[str]) -> int:
    """Run the suites; `--matrix` adds the long ones. Returns an exit code."""
    if arguments[:1] == ["--beside"]:
        return _unit_tests(Path(arguments[1]), arguments[2:])
    others = [f"tests/{name}" for name in SUITES if name != _BESIDE and Path("tests", name).is_dir()]
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="pov-tests-") as folder:
        print("Unit tests run beside the others; what they say follows at the end.", flush=True)
        beside = Beside(Path(folder), arguments)
        code = _pytest(others, arguments, tally)
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


def _unit_tests(told: Path, arguments: Sequence[str]) -> int:
    tally = Tally()
    # Two runs at once would write one cache.
    code = _pytest([f"tests/{_BESIDE}"], [*arguments, "-p", "no:cacheprovider"], tally)
    told.write_text(json.dumps({"ran": tally.ran, "skipped": tally.skipped}))
    return code


def _pytest(suites: Sequence[str], arguments: Sequence[str], tally: Tally) -> int:
    selection = [] if "--matrix" in arguments else ["-m", "not matrix"]
    rest = [argument for argument in arguments if argument != "--matrix"]
    return int(pytest.main([*suites, *selection, "--durations=25", *rest], plugins=[tally]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
