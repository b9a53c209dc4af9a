"""What a host tells of changes: file times and owners, and the histories of its shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pov.experiments.host_traces import HISTORY_FILE, SHELL, answers_of_host, histories, typed_by_hand

RUN = "/etc/service/ledger/run"
LINES = [
    "1773046800|root|/opt/pov/ledger/releases/1.0.0",
    "1773046860|root|/opt/pov/ledger/releases/v2",
    f"1773046900|root|{RUN}",
    "1773046990|root|'/opt/pov/ledger/current' -> 'releases/1.0.0'",
    "stat: cannot statx",
    "",
]


def test_lines_of_a_host() -> None:
    found = answers_of_host(LINES, "ledger")
    assert [(a.what, a.who, a.when.timestamp() if a.when else None) for a in found] == [
        ("release 1.0.0", "root", 1773046990.0),
        ("release v2", "root", 1773046860.0),
        (f"file {RUN}", "root", 1773046900.0),
    ]
    assert all(answer.approved_by is None for answer in found)


FILES = "file times and owners"
OF = "shell history of root: "
CASES: dict[str, tuple[list[str], dict[str, str], list[tuple[str, int]]]] = {
    "a command that made the change": (
        ["#1773046900", f"echo x >>{RUN}"], {f"file {RUN}": f"{FILES}; {OF}echo x >>{RUN}"}, []
    ),
    "a command without a time": ([f"vi {RUN}"], {f"file {RUN}": f"{FILES}; {OF}vi {RUN}"}, []),
    "an earlier change that the file no longer tells": (
        ["#1773046000", f"vi {RUN}"], {}, [(f"file {RUN}", 1773046000)]
    ),
    "a command after the last change": (["#1773047900", f"vi {RUN}"], {}, []),
    "a look": (["#1773046000", f"cat {RUN}"], {}, []),
    "a look that writes": (["#1773046000", f"cat /tmp/x >{RUN}"], {}, [(f"file {RUN}", 1773046000)]),
    "another service's file": (["#1773046900", "vi /etc/service/fees/run"], {}, []),
    "a copy beside it": (["#1773046900", f"vi {RUN}.before"], {}, []),
    "a release": (
        ["#1773046990", "ln -sfn releases/1.0.0 /opt/pov/ledger/current"],
        {"release 1.0.0": f"{FILES}; {OF}ln -sfn releases/1.0.0 /opt/pov/ledger/current"}, [],
    ),
    "a release of another service": (["#1773046990", "ln -sfn releases/1.0.0 /opt/pov/fees/current"], {}, []),
    "an open quote": (["#1773046900", f"echo 'x >> {RUN}"], {f"file {RUN}": f"{FILES}; {OF}echo 'x >> {RUN}"}, []),
    "times alone": (["#1773046900", "#1773046901"], {}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_histories_add(name: str) -> None:
    typed, sources, further = CASES[name]
    found = answers_of_host([*LINES, *(f"history|root|{line}" for line in typed)], "ledger")
    assert {a.what: a.source for a in found[:3] if a.source != FILES} == sources
    assert [(a.what, int(a.when.timestamp()) if a.when else 0) for a in found[3:]] == further
    assert all(a.who == "root" for a in found)


def test_each_accounts_times_are_its_own() -> None:
    lines = ["history|a|#1773046800", "history|b|ls", "history|a|vi x"]
    assert [(one.account, one.when is None, one.command) for one in histories(lines)] == [
        ("b", True, "ls"),
        ("a", False, "vi x"),
    ]


def test_a_real_shell_keeps_what_was_typed_with_its_times(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    mine = tmp_path / "history"
    argv = [part.replace(HISTORY_FILE, str(mine)) for part in SHELL]
    typed = typed_by_hand(f"echo by hand >>{tmp_path}/run")
    subprocess.run(argv, input=typed, check=True, capture_output=True, timeout=30)
    assert (tmp_path / "run").read_text() == "by hand\n"
    first, *_ = histories([f"history|me|{line}" for line in mine.read_text().splitlines()])
    assert first.command == f"echo by hand >>{tmp_path}/run"
    assert first.when is not None
