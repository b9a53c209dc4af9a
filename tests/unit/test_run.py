"""`make test` says how many tests ran, and a test that did not run is not a test that passed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSES = "def test_passes():\n    pass\n"
SKIPS = """\
import pytest

@pytest.fixture
def machine():
    pytest.skip("no engine here")

def test_it(machine):
    pass

"""
LONG = "import pytest\n\n@pytest.mark.matrix\ndef test_long():\n    pass\n"
CASES = {
    "all pass": ({}, [], 0, "3 tests ran: 1 contract, 1 e2e, 1 unit"),
    "one fails": ({"unit": "def test_fails():\n    assert False\n"}, [], 1, "3 tests ran"),
    "an end-to-end test is skipped": ({"e2e": SKIPS + PASSES}, [], 1, "skipped, which counts as failed: tests/e2e"),
    "a contract is skipped": ({"contract": SKIPS + PASSES}, [], 1, "skipped, which counts as failed: tests/contract"),
    "a suite beside them fails, and another": (
        {
            "unit": "def test_fails():\n    assert False, 'of unit'\n",
            "e2e": "def test_it():\n    assert False, 'of e2e'\n",
        },
        [],
        1,
        "of unit",
    ),
    "an end-to-end test fails": ({"e2e": "def test_fails():\n    assert False\n"}, [], 1, "3 tests ran"),
    "a unit test cannot be read": ({"unit": "import nothing_of_the_kind\n"}, [], 2, "a suite ran no test: unit"),
    "interrupted": (
        {
            "unit": "import time\n\ndef test_long():\n    time.sleep(300)\n",
            "e2e": "import os\n\ndef test_it():\n    os.kill(os.getpid(), 2)\n",
        },
        [],
        2,
        "a suite ran no test: e2e, unit",
    ),
    "a suite is empty": ({"e2e": LONG}, [], 1, "a suite ran no test"),
    "the matrix too": (
        {"e2e": PASSES + LONG, "unit": PASSES + LONG},
        ["--matrix"],
        0,
        "5 tests ran: 1 contract, 2 e2e, 2 unit",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_run_says(tmp_path: Path, case: str) -> None:
    changes, arguments, code, words = CASES[case]
    for suite, text in ({"unit": PASSES, "contract": PASSES, "e2e": PASSES} | changes).items():
        folder = tmp_path / "tests" / suite
        folder.mkdir(parents=True)
        (folder / f"test_{suite}.py").write_text(text)
    shutil.copy(ROOT / "tests" / "run.py", tmp_path / "tests" / "run.py")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["matrix: long"]\n')
    argv = [sys.executable, "-m", "tests.run", *arguments]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        argv,
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
