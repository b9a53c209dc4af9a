"""The log of Terraform runs: what is kept, and what shows of a log that somebody changed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pov.base.errors import PovError
from pov.state.terraform_log import APPLIED, BEGINNING, BEGUN, FAILED, GONE, LogWriter, last_known, read_log

MARK = {"lineage": "l", "serial": 2, "objects": 3}


def written(path: Path) -> Path:
    writer = LogWriter(path)
    about = {"run": "a", "command": "pov up", "actor": "jo@laptop", "plan": "p" * 64, "before": {"serial": 1}}
    changes = [{"address": "x.y", "actions": ["create"]}]
    writer.record(BEGUN, **about, changes=changes)
    writer.record(APPLIED, **about, changes=changes, after=MARK, seconds=2.5)
    writer.record(FAILED, run="b", command="pov up", actor="jo@laptop", why="terraform plan failed")
    return path


def test_what_is_written_is_read_back_with_its_chain(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "home" / "log"))
    assert log.problems == ()
    assert [entry.n for entry in log.entries] == [1, 2, 3]
    assert (log.entries[1].result, log.entries[1].seconds, log.entries[1].after) == (APPLIED, 2.5, MARK)
    assert log.entries[1].changes == ({"address": "x.y", "actions": ["create"]},)
    assert log.head == log.entries[-1].digest != BEGINNING
    assert log.cut_off == ()
    assert log.as_json()["runs"][0]["actor"] == "jo@laptop"
    short = log.in_short()
    assert (short["head"], short["lines"]) == (log.head, 3)
    assert short["last"]["plan"] == ""
    assert not {"changes", "actor"} & short["last"].keys(), "whom a report is sent to need not know who it was"


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    log = read_log(tmp_path / "log")
    assert (log.entries, log.problems, log.head) == ((), (), BEGINNING)
    assert log.in_short()["last"] is None


def test_an_apply_without_an_end_was_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    LogWriter(path).record(BEGUN, run="c")
    assert [entry.run for entry in read_log(path).cut_off] == ["c"]


def _edit(lines: list[str]) -> list[str]:
    return [lines[0].replace("jo@laptop", "no@laptop"), *lines[1:]]


def _drop(lines: list[str]) -> list[str]:
    return [lines[0], lines[2]]


def _swap(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], lines[2]]


def _recount(lines: list[str]) -> list[str]:
    """Also its own digest does not save a line that was changed: the next one names the old."""
    record = json.loads(lines[1])
    record["actor"] = "somebody else"
    return [lines[0], json.dumps(record), lines[2]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_edit, "log:1: does not fit the chain"),
        (_drop, "log:2: does not fit the chain"),
        (_swap, "log:1: does not fit the chain"),
        (_recount, "log:2: does not fit the chain"),
        (lambda lines: [lines[0][:40], *lines[1:]], "log:1: cut off or not JSON"),
        (lambda lines: ["[]", *lines], "log:1: cut off or not JSON"),
        (
            lambda lines: [lines[0].replace('"n":1', f'"n":{10**400},"seconds":{10**400}'), *lines[1:]],
            "log:1: does not fit the chain",
        ),
        (lambda lines: ["[" * 200_000, *lines], "log:1: cut off or not JSON"),
        (lambda lines: ['{"schema": "pov.dev/terraform-run/v9"}', *lines], "log:1: has the schema"),
    ],
)
def test_what_was_changed_is_told_by_its_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]], told: str
) -> None:
    path = written(tmp_path / "log")
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    log = read_log(path)
    assert log.problems
    assert log.problems[0].startswith(told)
    assert log.entries, "the rest is read"


def test_a_line_that_a_crash_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    with path.open("a") as stream:
        stream.write('{"schema": "pov')
    LogWriter(path).record(APPLIED, run="d", after=MARK)
    log = read_log(path)
    assert log.problems == ("log:4: cut off or not JSON",)
    assert log.entries[-1].n == 4


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(PovError, match="cannot read"):
        LogWriter(tmp_path / "log").record(APPLIED)


@pytest.mark.parametrize("at", ["write", "fsync"])
def test_a_full_disk_leaves_the_log_as_it_was(at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "log")
    before, write = path.read_bytes(), os.write

    def full(file: int, content: bytes = b"") -> int:
        if content:
            write(file, content[:20])
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, at, full)
        with pytest.raises(PovError, match="cannot write"):
            LogWriter(path).record(BEGUN, run="c")
    assert path.read_bytes() == before
    LogWriter(path).record(APPLIED, run="d")
    assert read_log(path).problems == ()


def test_nothing_is_known_of_a_state_that_is_gone(tmp_path: Path) -> None:
    path = written(tmp_path / "log")
    assert last_known(read_log(path).entries) == MARK
    LogWriter(path).record(GONE, run="e")
    assert last_known(read_log(path).entries) == {}
