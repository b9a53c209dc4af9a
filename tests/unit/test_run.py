"""`make test` says how many tests ran, and a test that did not run is not a test that passed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pov.base.wait import Pending, wait_for

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
    "one that is apart fails": (
        {"e2e": PASSES + "import pytest\n\n@pytest.mark.apart\ndef test_it():\n    assert False, 'of its own'\n"},
        [],
        1,
        "Beside them:",
    ),
    "one that is apart is skipped": (
        {"e2e": PASSES + SKIPS.replace("def test_it", "@pytest.mark.apart\ndef test_it")},
        [],
        1,
        "skipped, which counts as failed: tests/e2e",
    ),
    "some are apart": (
        {"contract": PASSES + "import pytest\n\n@pytest.mark.apart\ndef test_it():\n    pass\n"},
        [],
        0,
        "4 tests ran: 2 contract, 1 e2e, 1 unit",
    ),
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
    done = _run(tmp_path, changes, arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr


HALVES = {
    "unit": "def test_it():\n    print('here is the first')\n    assert False\n",
    "e2e": PASSES + "import pytest\n\n@pytest.mark.apart\ndef test_apart():\n    assert False, 'here it is'\n",
}


def test_those_apart_run_after_unit_tests_and_are_told_with_them(tmp_path: Path) -> None:
    done = _run(tmp_path, HALVES, [])
    others, _, beside = done.stdout.partition("Beside them:")
    assert "2 passed, 1 deselected" in others
    assert beside.index("here is the first") < beside.index("here it is")


CLEANS = """\
import time
from pathlib import Path

import pytest

@pytest.fixture
def cluster():
    yield
    for _ in range(20):
        time.sleep(0.05)
    Path("cleaned").touch()

def test_long(cluster):
    Path("begun").touch()
    time.sleep(300)
"""
INTERRUPTS = """\
import os
import signal
import time
from pathlib import Path

def test_it():
    for _ in range(1_000):
        if Path("begun").exists():
            break
        time.sleep(0.05)
    os.{by}
    time.sleep(5)
"""


@pytest.mark.parametrize("by", ["killpg(0, signal.SIGINT)", "kill(os.getpid(), signal.SIGKILL)"])
def test_what_runs_beside_cleans_up_whatever_ends_the_others(tmp_path: Path, by: str) -> None:
    done = _run(tmp_path, {"unit": CLEANS, "e2e": INTERRUPTS.format(by=by)}, [])
    assert done.returncode in {2, -signal.SIGKILL}
    wait_for(
        "the clean-up",
        lambda: tmp_path / "cleaned" if (tmp_path / "cleaned").exists() else Pending("none yet"),
        timeout_s=30,
    )


TAKES = """\
import os
import time
from pathlib import Path

def test_one():
    try:
        {how}
        time.sleep(20)
    except KeyboardInterrupt:
        Path("taken-by-{suite}").touch()

def test_two():
    Path("went-on").touch()
"""
BY_ITSELF = "while not Path('begun').exists(): time.sleep(0.05)\n        os.kill(os.getpid(), 2)"
TOLD = "Path('begun').touch()"


def test_an_interrupt_that_a_test_takes_for_its_own_ends_both(tmp_path: Path) -> None:
    changes = {"unit": TAKES.format(how=TOLD, suite="unit"), "e2e": TAKES.format(how=BY_ITSELF, suite="e2e")}
    done = _run(tmp_path, changes, [])
    assert done.returncode == 2, done.stdout
    assert (tmp_path / "taken-by-e2e").exists()
    assert (tmp_path / "taken-by-unit").exists()
    assert not (tmp_path / "went-on").exists()
    assert "3 tests ran: 1 contract, 1 e2e, 1 unit" in done.stdout


def _run(folder: Path, changes: Mapping[str, str], arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    for suite, text in ({"unit": PASSES, "contract": PASSES, "e2e": PASSES} | dict(changes)).items():
        inside = folder / "tests" / suite
        inside.mkdir(parents=True)
        (inside / f"test_{suite}.py").write_text(text)
    shutil.copy(ROOT / "tests" / "run.py", folder / "tests" / "run.py")
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["matrix: long", "apart: beside"]\n')
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    (folder / "temporary").mkdir()
    environ["TMPDIR"] = str(folder / "temporary")
    return subprocess.run(
        [sys.executable, "-m", "tests.run", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
