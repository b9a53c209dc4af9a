"""`make test` and `make test-all`: one pytest run over every suite, which says how many tests ran.

An end-to-end test that was skipped is a failure here: a machine that cannot run them has shown nothing.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

SUITES = ("unit", "contract", "e2e")


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

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        total = sum(self.ran.values())
        parts = ", ".join(f"{count} {suite}" for suite, count in sorted(self.ran.items()))
        terminalreporter.write_line(f"{total} tests ran: {parts}")
        for nodeid in self.skipped:
            terminalreporter.write_line(f"skipped, which counts as failed: {nodeid}", red=True)


def main(arguments: list[str]) -> int:
    """Run the suites; `--matrix` adds the long ones. Returns an exit code."""
    matrix = "--matrix" in arguments
    rest = [argument for argument in arguments if argument != "--matrix"]
    tally = Tally()
    selection = [] if matrix else ["-m", "not matrix"]
    suites = [f"tests/{name}" for name in SUITES if Path("tests", name).is_dir()]
    code = pytest.main([*suites, *selection, "--durations=12", *rest], plugins=[tally])
    if code == pytest.ExitCode.OK and tally.skipped:
        return 1
    if code == pytest.ExitCode.OK and {suite.removeprefix("tests/") for suite in suites} - tally.ran.keys():
        print(f"a suite ran no test: {dict(tally.ran)}", file=sys.stderr)
        return 1
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
