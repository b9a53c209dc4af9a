"""`make demo` ends with the PDF whatever was measured; `.ci/run` ends by itself."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POV = """\
#!/bin/sh
echo "$*" >> "$CALLS"
last=
for word; do case $word in init|measure|report) last=$word; break;; esac; done
case $* in "bundle build"*) echo "Next:" ;; esac
case $last in
init) echo "Next:"; mkdir -p "$2/.pov" && touch "$2/engagement.yaml" ;;
measure)
    run="$2/.pov/x/runs/$CODE"
    # A clock of files may stand still for some milliseconds, which no run is short enough to fit into.
    if [ -n "$WRITES" ]; then mkdir -p "$run" && touch -t 203701010000 "$run/samples.jsonl"; fi
    if [ -n "$SENDS" ]; then kill -s "$SENDS" "$PPID"; fi
    exit "$CODE" ;;
report) echo "Verdict of run $CODE"; echo "its PDF" ;;
esac
"""
"""In the place of the command: notes what it is asked for, and measures as it is told to."""
ENDINGS = {
    # How `pov measure` ends, whether it wrote a run, and how `make demo` ends then.
    "all criteria met": (0, True, True),
    "a criterion missed": (4, True, True),
    "a criterion not shown": (5, True, True),
    "every trial of an arm failed": (1, True, True),
    "nothing measured": (1, False, False),
    "refused": (2, False, False),
    "interrupted": (130, True, False),
    "the terminal closed": (129, True, False),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make demo` needs of a checkout, with everything installed in it."""
    folder = tmp_path / "check out"
    program = folder / ".venv" / "bin" / "pov"
    program.parent.mkdir(parents=True)
    program.write_text(POV)
    program.chmod(0o755)
    (program.parent / "python").touch()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
        os.utime(folder / name, (1, 1))
    (folder / ".venv" / ".installed").touch()
    return folder


def make(checkout: Path, **env: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    calls = checkout / "calls"
    calls.unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    argv = ["make", "--no-print-directory", "demo", "DEMO=my demo"]
    done = subprocess.run(
        argv, cwd=checkout, env={**clean, "CALLS": str(calls), **env}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done, calls.read_text().splitlines()


@pytest.mark.parametrize("case", ENDINGS)
def test_the_demo_ends_with_its_report_whatever_was_measured(checkout: Path, case: str) -> None:
    code, writes, reported = ENDINGS[case]
    done, calls = make(checkout, CODE=str(code), WRITES="1" if writes else "")
    assert (done.returncode == 0) is reported, done.stderr
    assert ("--engagement my demo report" in calls) is reported
    assert "--engagement my demo measure" in calls
    if reported:
        verdict, pdf, _, once, down = done.stdout.splitlines()[-5:]
        assert (verdict, pdf) == (f"Verdict of run {code}", "its PDF")
        assert down.endswith('pov --engagement "my demo" down')
        assert once.endswith(": . .venv/bin/activate")
    assert not (checkout / "my demo" / ".pov" / "measuring").exists()
    assert "Next:" not in done.stdout, "make goes on with it"
    assert "code=" not in done.stdout + done.stderr, "commands are told as one would type them"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_the_demo_leaves_no_mark(checkout: Path, number: signal.Signals) -> None:
    done, calls = make(checkout, CODE=str(128 + number), WRITES="", SENDS=str(int(number)))
    assert done.returncode != 0
    assert "--engagement my demo report" not in calls
    assert not (checkout / "my demo" / ".pov" / "measuring").exists()


def test_a_run_of_an_earlier_demo_is_not_reported_as_this_ones(checkout: Path) -> None:
    assert make(checkout, CODE="0", WRITES="1")[0].returncode == 0
    old = checkout / "my demo" / ".pov" / "x" / "runs" / "0" / "samples.jsonl"
    os.utime(old, (1, 1))
    done, calls = make(checkout, CODE="1", WRITES="")
    assert done.returncode != 0
    assert "--engagement my demo report" not in calls
    assert not [call for call in calls if call.startswith("init")], "the engagement is there"


def test_what_ci_runs_ends_by_itself_within_its_time() -> None:
    last = (ROOT / ".ci/run").read_text().splitlines()[-1]
    found = re.fullmatch(r"exec timeout --signal=INT --kill-after=(\d+) (\d+) make test", last)
    assert found is not None
    grace, limit = int(found[1]), int(found[2])
    assert limit == 85 * 60
    assert limit + grace < 90 * 60
