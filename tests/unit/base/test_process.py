from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from pov.base.errors import CommandFailed, NotFound, TimedOut
from pov.base.process import run


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


def test_the_time_limit_ends_the_whole_process_group(tmp_path: Path) -> None:
    marker = tmp_path / "child"
    code = (
        "import subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"open({str(marker)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(TimedOut):
        run(python(code), timeout_s=2)
    child = int(marker.read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline, "the grandchild still runs"
        time.sleep(0.05)


def test_input_and_environment_are_handed_over() -> None:
    code = "import os, sys; print(sys.stdin.read() + os.environ['GREETING'])"
    done = run(python(code), timeout_s=20, input=b"hello ", extra_env={"GREETING": "world"})
    assert done.stdout == "hello world\n"


def test_a_given_environment_replaces_the_own_one() -> None:
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
